"""How probable pairs are on the whole: foretold from closed windows, and a model set to it."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from contract.answers import ACTIVE_DAYS
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration
from contract.models import Model, Numbers, log_odds, logistic
from contract.moments import as_micros
from features.shelves import Stock, find_standing, list_sold, take_stock
from features.timeline import DAY_US
from training.calibration import FAR, fit_slope
from training.choice.choices import Choices
from training.seasons import Closed, foretell_base_rate, list_weeks
from training.targets import Target

SAMPLE = 200_000  # pairs, by whom a share is told


@dataclass(frozen=True)
class Fitted:
    """A model of pairs with its calibration, for the customers of one moment."""

    model: Model
    calibration: Calibration
    base_rate: BaseRate

    def probability(self, choices: Choices) -> Numbers:
        """Return the calibrated probability of each candidate pair."""
        base, fit = log_odds(choices.base_rate), self.calibration
        beyond = self.model.margin(choices.columns, base) - base
        return logistic(base + fit.intercept + fit.slope * beyond)


def calibrate(
    models: tuple[Model, Model], last: Choices, served: tuple[Choices, BaseRate]
) -> Fitted:
    """Return the late model for the customers served, whose outcomes are not read.

    How far to trust it is learned by the early one on the calibration snapshot; the mean
    probability of the pairs served is the share foretold for them.
    """
    (early, late), (choices, base_rate) = models, served
    slope = 1.0 if early == Logistic((), (), 0.0, 1.0) else fit_slope(early, last)
    level = fit_level(late, slope, (choices, base_rate.share))
    return Fitted(late, Calibration(slope=slope, intercept=level), base_rate)


def fit_level(model: Model, slope: float, served: tuple[Choices, float]) -> float:
    """Return the intercept with which the mean probability of these pairs is that share."""
    choices, share = served[0], float(np.clip(served[1], 1e-6, 1 - 1e-6))
    base = log_odds(choices.base_rate)
    told = base + slope * (model.margin(choices.columns, base) - base)
    if not len(told):
        return 0.0
    return float(optimize.brentq(lambda level: logistic(told + level).mean() - share, -FAR, FAR))


def foretell_share(stock: Stock, target: Target, choices: Choices) -> BaseRate:
    """Return the share of candidate pairs foretold for the window from the choices' moment on."""
    assert target.offer is not None
    serve_us, first_us = as_micros(choices.moment), stock.history.find_first_order()
    assert first_us is not None
    few = take_stock(
        stock.history.before(serve_us).sample(SAMPLE // len(choices.shelf.names) + 1), stock.of
    )
    return foretell_base_rate(observe_closed(few, target, choices), (serve_us - first_us) / DAY_US)


def observe_closed(stock: Stock, target: Target, choices: Choices) -> Closed:
    """Return the share of candidate pairs bought in every closed window of a weekly grid."""
    first_us, offer = stock.history.find_first_order(), choices.shelf.offer
    assert first_us is not None
    starts, shares = [], []
    for moment in reversed(list_weeks(first_us, choices.moment, target.over_days)):
        # Each week its own shelf: what sells most by now sold more than it will.
        at_us = as_micros(moment)
        names = list_sold(stock, at_us, offer)
        turns = stock.turns.choose(names)
        days, candidate = find_standing(turns, at_us, offer)
        offered = [not offer.only or name in offer.only for name in names]
        held = (candidate & np.array(offered, dtype=bool))[days <= ACTIVE_DAYS]
        ahead = turns.between(at_us, at_us + target.over_days * DAY_US).count() > 0
        if held.any():
            came = np.count_nonzero(held & ahead[days <= ACTIVE_DAYS])
            starts.append((at_us - first_us) / DAY_US)
            shares.append((came + 0.5) / (np.count_nonzero(held) + 1))
    return Closed(np.array(starts), log_odds(np.array(shares)), target.over_days)
