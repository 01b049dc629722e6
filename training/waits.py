"""How good foretold days of the next order are, though not everybody was watched until it came.

Formulas, with T the days until the order, F the days a customer was watched, and G(t) the share of
customers watched for t days or more:

- an order is seen if T <= F; how long customers are watched is taken to say nothing of T;
- the C-index is the share of pairs, of one customer whose order was seen and one who had none by
  then, in which the first was foretold the earlier day (Harrell et al. 1982, JAMA 247:2543). Its
  IPCW form weighs each pair by 1 / G(T)^2 of the first, up to a day tau, and so does not depend
  on how long customers were watched (Uno et al. 2011, Statistics in Medicine 30:1105);
- the pinball loss at q is the mean of q (Y - Q) or (1 - q) (Q - Y), whichever is positive, of
  Y = min(T, tau) and the foretold Q = min(Q, tau), over customers of whom Y is known, each
  weighed by 1 / G(Y) (the weights of Robins & Rotnitzky 1992). Cutting both at tau is what makes
  it honest: the quantile of a cut day is the cut quantile, so nobody is left out for ordering late.

F is known of everybody, so G is counted, not estimated from the unordered ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from contract.models import Numbers
from training.estimates import (
    Estimate,
    Figures,
    add_up,
    draw_sums,
    estimate_figures,
    estimate_ratios,
)
from training.ordering import Places
from training.pairs import Pairs, count_pairs

LEVELS = (0.1, 0.5, 0.9)  # earliest, expected, latest
WATCHED = 0.1  # the least share of customers still watched at tau, so that no weight is above 10


@dataclass(frozen=True)
class Waits:
    """Days until the next order, NaN where none was seen, and for how long it was looked for."""

    days_until: Numbers
    follow_up_days: Numbers

    @cached_property
    def seen(self) -> Numbers:
        """1 where the order came while the customer was watched, else 0."""
        return np.asarray(self.days_until <= self.follow_up_days, dtype=np.float64)

    @cached_property
    def tau(self) -> float:
        """The last day on which `WATCHED` of the customers are still watched."""
        longest = -np.sort(-self.follow_up_days)
        return float(longest[int(np.ceil(WATCHED * len(longest))) - 1])

    @cached_property
    def later(self) -> Places:
        """Customers ranked by the day they ordered, or were last seen without an order.

        On one day those who ordered come before those who were last seen.
        """
        day = np.where(self.seen > 0, self.days_until, self.follow_up_days)
        order = np.lexsort((-self.seen, day))
        new = np.diff(day[order]) > 0
        new |= np.diff(self.seen[order]) < 0
        rank = np.empty(len(day), dtype=np.intp)
        rank[order] = np.cumsum(np.r_[0, new])
        return rank

    def watched(self, day: Numbers) -> Numbers:
        """Return G: the share of customers who were watched for so many days or more."""
        shorter = np.searchsorted(np.sort(self.follow_up_days), day, side="left")
        return np.asarray(1 - shorter / len(self.follow_up_days))


@dataclass(frozen=True)
class Coverage:
    """How often a foretold day held, of the customers that can be said of."""

    wanted: float
    customers: int
    share: Estimate | None  # None where there are no such customers


def evaluate_waits(waits: Waits, foretold: Numbers) -> dict[str, Estimate]:
    """Return every metric of foretold days; `foretold` is customers x `LEVELS`, in days.

    A day that is not foretold at all is infinite, never NaN. Pinball losses are in days.
    """
    middle = foretold[:, LEVELS.index(0.5)]
    return {
        **_find_concordance("c_index", count_pairs(waits.later, middle, waits.seen)),
        **_find_concordance("c_index_ipcw", count_pairs(waits.later, middle, _weigh_pairs(waits))),
        **_find_pinball(waits, foretold),
    }


def cover(waits: Waits, foretold: Numbers) -> Mapping[str, Coverage]:
    """Return how often orders came before the earliest day, by the expected and by the latest.

    Each among customers who were watched until that day, whatever they did: who is looked at
    depends on what was foretold alone. `range` asks for both ends, of customers watched to the
    latest day.
    """
    early, middle, late = foretold.T
    ordered = np.nan_to_num(waits.days_until, nan=np.inf)
    asked = {
        "before_earliest": (0.1, early, ordered < early),
        "by_expected": (0.5, middle, ordered <= middle),
        "by_latest": (0.9, late, ordered <= late),
        "range": (0.8, late, (ordered >= early) & (ordered <= late)),
    }
    told = {n: day <= waits.follow_up_days for n, (_, day, _) in asked.items()}
    shares = {n: (told[n] & held, told[n]) for n, (_, _, held) in asked.items() if told[n].any()}
    found = estimate_ratios(shares) if shares else {}
    return {
        name: Coverage(wanted, int(told[name].sum()), found.get(name))
        for name, (wanted, _, _) in asked.items()
    }


def _weigh_pairs(waits: Waits) -> Numbers:
    """Return Uno's weights: 0 for those who were not seen to order before tau."""
    first = (waits.seen > 0) & (waits.days_until < waits.tau)
    weight = np.zeros(len(first))
    weight[first] = waits.watched(waits.days_until[first]) ** -2.0
    return weight


@np.errstate(invalid="ignore", divide="ignore")
def _find_concordance(name: str, pairs: Pairs) -> dict[str, Estimate]:
    """Return the C-index; its interval is that of its first-order expansion in the customers.

    Customers drawn w times each make about sum(w x pairs) - all pairs: a pair is in the pairs of
    two customers (Hajek's projection; van der Vaart 1998, Asymptotic Statistics, ch. 12).
    """
    table = np.column_stack([pairs.concordant, pairs.comparable])
    once = add_up(table) / 2

    def share(sums: Numbers) -> Figures:
        return {name: (sums[:, 0] - once[0, 0]) / (sums[:, 1] - once[0, 1])}

    return estimate_figures(share(2 * once), map(share, draw_sums(table)))


def _find_pinball(waits: Waits, foretold: Numbers) -> dict[str, Estimate]:
    day = np.where(waits.seen > 0, waits.days_until, np.inf)
    day = np.minimum(day, waits.tau)
    known = waits.follow_up_days >= day
    weight = np.zeros(len(day))
    weight[known] = 1 / waits.watched(day[known])
    losses = {}
    for level, told in zip(LEVELS, foretold.T, strict=True):
        over = day - np.minimum(told, waits.tau)
        loss = np.maximum(level * over, (level - 1) * over)
        losses[f"pinball_{round(level * 100)}"] = (weight * loss, weight)
    return estimate_ratios(losses)
