"""From log-odds to probabilities that come true, and from a probability to a day."""

from typing import Protocol

import numpy as np
from scipy import optimize, special

from contract.models import Columns, Model, Numbers, log_odds
from training.snapshots import Snapshots

FAR = 100.0  # log-odds, beyond which no level lies
FEWEST = 50  # outcomes of either kind, below which two parameters are noise


class Told(Protocol):
    """Rows of one moment or more, with what came of each and each one's own base rate."""

    @property
    def columns(self) -> Columns: ...  # noqa: D102

    @property
    def outcome(self) -> Numbers: ...  # noqa: D102

    @property
    def base_rate(self) -> Numbers: ...  # noqa: D102


def fit_slope(model: Model, snapshots: Told) -> float:
    """Return how far to trust what a model says beyond the base rate: below 1 it says too much.

    The snapshot must be later than those the model learned from. Its own base rate is taken as
    known and the intercept is left free, so that the season's level does not pass for a slope
    (Platt 1999, with the base rate as an offset).
    """
    outcome = snapshots.outcome
    base, beyond = _beyond(model, snapshots)
    if min(outcome.sum(), (1 - outcome).sum()) < FEWEST or np.ptp(beyond) == 0:
        return 1.0

    def loss(parameters: Numbers) -> float:
        margin = base + parameters[1] + parameters[0] * beyond
        return float(np.mean(np.logaddexp(0, margin) - outcome * margin))

    return float(optimize.minimize(loss, x0=np.array([1.0, 0.0]), method="BFGS").x[0])


def fit_level(model: Model, slope: float, served: tuple[Snapshots, float]) -> float:
    """Return the intercept with which the mean probability of these customers is that share."""
    snapshots, share = served[0], float(np.clip(served[1], 1e-6, 1 - 1e-6))
    base = float(log_odds(share))
    beyond = model.margin(snapshots.columns, base) - base
    if not len(beyond):
        return 0.0

    def excess(intercept: float) -> float:
        return float(special.expit(base + intercept + slope * beyond).mean() - share)

    return float(optimize.brentq(excess, -FAR, FAR))


def _beyond(model: Model, snapshots: Told) -> tuple[Numbers, Numbers]:
    base = log_odds(snapshots.base_rate)
    return base, model.margin(snapshots.columns, base) - base


def fit_pace(probability: Numbers, days_until: Numbers, horizon: int) -> float:
    """Return the Weibull shape with which orders come within the horizon, by maximum likelihood.

    With hazard -log(1 - p) over the horizon, an order at the share u of it has the log likelihood
    log k + (k - 1) log u - hazard * u^k; those without an order say nothing of k.
    """
    came = ~np.isnan(days_until)
    if came.sum() < FEWEST:
        return 1.0
    share = np.maximum(days_until[came] / horizon, 1e-4)
    hazard = -special.log1p(-np.minimum(probability[came], 1 - 1e-9))

    def loss(pace: float) -> float:
        return -float(np.mean(np.log(pace) + (pace - 1) * np.log(share) - hazard * share**pace))

    return float(optimize.minimize_scalar(loss, bounds=(0.2, 3.0), method="bounded").x)
