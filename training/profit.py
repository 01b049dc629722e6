"""What a campaign earns that contacts customers from the highest probability down.

Two kinds. A retention campaign speaks to those who would leave, so the outcome must be churn: an
offer is taken up by a share of churners, who stay, and by every other customer, who would have
stayed anyway. Its profit is Verbraken, Verbeke & Baesens' expected maximum profit, EMPC (2013, "A
novel profit maximizing metric ...", IEEE TKDE 25:961). Where coming true means buying, nobody is
kept: a response has a value, a contact its cost, and that is `sell`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from contract.errors import SettingsError
from contract.models import Numbers
from training.estimates import Estimate, Figures, estimate_figures
from training.ordering import Counts, Ranking, bin_coarsely, bin_finely

Judge = Callable[[Numbers, Numbers], tuple[float, float]]


@dataclass(frozen=True)
class Campaign:
    """What contacting a customer earns: one for whom the outcome comes true, and one for whom not.

    Money, of whatever currency; a loss is negative.
    """

    hit: float
    miss: float


def sell(value: float, cost: float) -> Campaign:
    """Return the campaign where a response is worth `value` and every contact costs `cost`."""
    return Campaign(value - cost, -cost)


@dataclass(frozen=True)
class Retention:
    """A campaign to keep churners; the defaults are those of the paper and its authors' R package.

    `worth` of a customer who stays, the cost of an `offer` that is taken up and of a `contact`;
    the share of churners who take it up is unknown, beta distributed, with mean .3.
    """

    worth: float = 200.0
    offer: float = 10.0
    contact: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0

    def __post_init__(self) -> None:
        if not self.worth > self.offer:
            raise SettingsError(
                f"An offer of {self.offer:g} to keep a customer worth {self.worth:g} never pays.",
                "Give a worth above the offer.",
            )

    @property
    def acceptance(self) -> float:
        """The mean share of churners who take the offer up."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def campaign(self) -> Campaign:
        """The campaign at mean acceptance."""
        kept = self.acceptance * (self.worth - self.offer)
        return Campaign(kept - self.contact, -self.offer - self.contact)


RETENTION = Retention()


def trace_profit(
    ranking: Ranking, campaign: Campaign = RETENTION.campaign
) -> tuple[Numbers, Numbers]:
    """Return the share of customers contacted, and the profit that gives per customer there is."""
    (came,), (others,) = bin_finely(ranking).counts
    everyone = came.sum() + others.sum()
    earned = came * campaign.hit + others * campaign.miss
    return (
        np.r_[0, np.cumsum(came + others)] / everyone,
        np.r_[0, np.cumsum(earned)] / everyone,
    )


def measure_campaign(ranking: Ranking, campaign: Campaign) -> dict[str, Estimate]:
    """Return the most profit per customer, and the share of customers to contact for it.

    The best cut is chosen in hindsight, on the convex hull of the ROC, as EMPC chooses it.
    """

    def judge(weight: Numbers, rate: Numbers) -> tuple[float, float]:
        earned = rate * campaign.hit + (1 - rate) * campaign.miss
        return float(weight @ np.maximum(earned, 0)), float(weight @ (earned > 0))

    return _measure(ranking, ("profit", "profit_share"), judge)


def measure_retention(ranking: Ranking, retention: Retention = RETENTION) -> dict[str, Estimate]:
    """Return EMPC, the expected most profit per customer, and the expected share to contact.

    For each acceptance the best cut is chosen, then the mean is taken over acceptances: exactly,
    by the incomplete beta function between the acceptances where the best cut changes.
    """

    def judge(weight: Numbers, rate: Numbers) -> tuple[float, float]:
        least = find_least_acceptance(rate, retention)
        a, b = retention.alpha, retention.beta
        above = special.betaincc(a, b, least)
        accepted = retention.acceptance * special.betaincc(a + 1, b, least)
        kept = (retention.worth - retention.offer) * accepted - retention.contact * above
        given = (retention.offer + retention.contact) * above
        return float(weight @ (rate * kept - (1 - rate) * given)), float(weight @ above)

    return _measure(ranking, ("empc", "empc_share"), judge)


def find_least_acceptance(rate: Numbers, retention: Retention) -> Numbers:
    """Return from which acceptance on it pays to contact customers of whom `rate` churn."""
    with np.errstate(divide="ignore"):
        wasted = (1 / rate - 1) * (retention.offer + retention.contact)
    needed = (wasted + retention.contact) / (retention.worth - retention.offer)
    return np.asarray(np.minimum(needed, 1))


def _measure(ranking: Ranking, names: tuple[str, str], judge: Judge) -> dict[str, Estimate]:
    fine, coarse = bin_finely(ranking), bin_coarsely(ranking)

    def tell(counts: Counts) -> Figures:
        told = np.array([judge(*hull) for hull in _find_hulls(counts)])
        return dict(zip(names, told.T, strict=True))

    return estimate_figures(tell(fine.counts), map(tell, coarse.draw()), tell(coarse.counts))


def _find_hulls(counts: Counts) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield, for each resample, the weights and rates of outcome of the hull's stretches.

    The stretches of the ROC's convex hull are the blocks of an isotonic regression of the outcome
    on rank (Fawcett & Niculescu-Mizil 2007, "PAV and the ROC convex hull", Machine Learning
    68:97), which is quick.
    """
    for came, others in zip(*counts, strict=True):
        drawn = came + others > 0
        everyone = (came + others)[drawn]
        fit = optimize.isotonic_regression(
            came[drawn] / everyone, weights=everyone, increasing=False
        )
        yield fit.weights / everyone.sum(), fit.x[fit.blocks[:-1]]
