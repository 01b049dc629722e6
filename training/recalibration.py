"""Whether log-odds lie too low on the whole, and whether they say too much or too little.

The intercept is that of a logistic regression of the outcome on the told log-odds with slope 1,
wanted 0; the slope is that of one with a free intercept, wanted 1 (Cox 1958; Van Calster et al.
2019, "Calibration: the Achilles heel of predictive analytics", BMC Medicine 17:230).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from contract.models import Numbers
from training.ordering import Binned, Counts

SMALLEST = 1e-15  # probabilities are kept this far off 0 and 1


@dataclass(frozen=True)
class Recalibration:
    """What maximises the likelihood; NaN where nothing does."""

    intercept: float
    level: float  # the free intercept beside the slope
    slope: float


def fit_recalibration(binned: Binned) -> Recalibration:
    """Return intercept and slope for every customer once, as coarse as the bins are."""
    (came,), (others,) = binned.counts
    margin = to_margin(binned.told)
    if not (came.any() and others.any()):
        return Recalibration(np.nan, np.nan, np.nan)
    intercept = _fit_intercept(came, others, margin)
    if _parts(margin[came > 0], margin[others > 0]):
        return Recalibration(intercept, np.nan, np.nan)
    return Recalibration(intercept, *_fit_line(came, others, margin))


def to_margin(probability: Numbers) -> Numbers:
    """Return the log-odds of probabilities."""
    return np.asarray(special.logit(np.clip(probability, SMALLEST, 1 - SMALLEST)))


def _parts(came: Numbers, others: Numbers) -> bool:
    """Tell whether one threshold parts the outcomes, so that no slope is steep enough."""
    return bool(came.min() >= others.max() or came.max() <= others.min())


def _fit_intercept(came: Numbers, others: Numbers, margin: Numbers) -> float:
    everyone = came + others

    def excess(intercept: float) -> float:
        return float(everyone @ special.expit(margin + intercept) - came.sum())

    return float(optimize.brentq(excess, -80, 80))


def _fit_line(came: Numbers, others: Numbers, margin: Numbers) -> tuple[float, float]:
    everyone = came + others
    terms = np.stack([np.ones_like(margin), margin])

    def loss(line: Numbers) -> tuple[float, Numbers]:
        fitted = line @ terms
        value = everyone @ np.logaddexp(0, fitted) - came @ fitted
        slope = terms @ (everyone * special.expit(fitted) - came)
        return value / everyone.sum(), slope / everyone.sum()

    found = optimize.minimize(loss, [0.0, 1.0], jac=True, method="BFGS", options={"gtol": 1e-9})
    return float(found.x[0]), float(found.x[1])


def step(fit: Recalibration, counts: Counts, told: Numbers) -> tuple[Numbers, Numbers]:
    """Return intercept and slope for each row of counts, one Newton step on from a fit near by.

    For resamples one step is as good as the maximum to first order (Andrews 2002, "Higher-order
    improvements of a computationally attractive k-step bootstrap", Econometrica 70:119); from
    coarse bins to all customers it leaves an error in the seventh digit.
    """
    margin = to_margin(told)
    off, bend = _differ(counts, special.expit(fit.intercept + margin))
    intercept = fit.intercept + off.sum(axis=1) / bend.sum(axis=1)
    off, bend = _differ(counts, special.expit(fit.level + fit.slope * margin))
    flat, tilt, steep = bend.sum(axis=1), bend @ margin, bend @ margin**2
    rise = flat * (off @ margin) - tilt * off.sum(axis=1)
    return intercept, fit.slope + rise / (flat * steep - tilt**2)


def _differ(counts: Counts, fitted: Numbers) -> tuple[Numbers, Numbers]:
    came, others = counts
    everyone = came + others
    return came - everyone * fitted, everyone * (fitted * (1 - fitted))
