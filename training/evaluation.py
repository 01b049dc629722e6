"""How good probabilities are, out of time, each figure with a customer-bootstrap interval."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contract.models import Numbers

BINS = 15
RESAMPLES = 500
SEED = 20
CELLS = 20_000_000  # of a block of resamples: weights x customers, 160 MB


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval over resampled customers."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranking:
    """Customers from the highest probability down; those with equal probability form one group."""

    outcome: Numbers
    probability: Numbers

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Positions from the highest probability down."""
        return np.argsort(-self.probability, kind="stable")

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Where each group of equal probabilities starts in that order."""
        ranked = self.probability[self.order]
        return np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def split(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Return the weight of outcomes, and of none, in each group: resamples x groups."""
        ranked = weights[:, self.order]
        came = self.outcome[self.order]
        return (
            np.add.reduceat(ranked * came, self.groups, axis=1),
            np.add.reduceat(ranked * (1 - came), self.groups, axis=1),
        )


def evaluate(outcome: Numbers, probability: Numbers) -> dict[str, Estimate]:
    """Return every metric of probabilities in one snapshot, a row per customer, with intervals."""
    ranking = Ranking(outcome, probability)
    point = _measure(ranking, np.ones((1, len(outcome))))
    blocks = [_measure(ranking, w) for w in resample(len(outcome))]
    drawn = {name: np.concatenate([b[name] for b in blocks]) for name in point}
    return {name: _estimate(point[name][0], drawn[name]) for name in point}


def compare(outcome: Numbers, ours: Numbers, theirs: Numbers) -> Estimate:
    """Return how much less log loss ours has than theirs, on the same resampled customers."""
    gain = _losses(outcome, theirs) - _losses(outcome, ours)
    drawn = np.concatenate([w @ gain / w.sum(axis=1) for w in resample(len(outcome))])
    return _estimate(float(gain.mean()), drawn)


def resample(customers: int) -> Iterator[Numbers]:
    """Return blocks of resamples x customers: how often each customer was drawn."""
    rng = np.random.default_rng(SEED)
    size = max(1, min(RESAMPLES, CELLS // customers))
    for start in range(0, RESAMPLES, size):
        count = min(size, RESAMPLES - start)
        drawn = rng.integers(0, customers, (count, customers))
        shifted = drawn + np.arange(count)[:, None] * customers
        times = np.bincount(shifted.ravel(), minlength=count * customers)
        yield times.reshape(count, customers).astype(np.float64)


def as_numbers(metrics: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Return the metrics as plain numbers, for JSON."""
    return {name: asdict(estimate) for name, estimate in metrics.items()}


# A resample of few customers may hold one kind of outcome only: what it has no figure for is
# left out of the interval.
@np.errstate(invalid="ignore", divide="ignore")
def _measure(ranking: Ranking, weights: Numbers) -> dict[str, Numbers]:
    outcome, probability = ranking.outcome, ranking.probability
    came, not_came = ranking.split(weights)
    everyone = weights.sum(axis=1)
    return {
        "auc": _auc(came, not_came),
        "pr_auc": _average_precision(came, not_came),
        "log_loss": weights @ _losses(outcome, probability) / everyone,
        "brier": weights @ (outcome - probability) ** 2 / everyone,
        "ece": _calibration_error(ranking, weights),
        "lift_top_decile": _captured(came, not_came, 0.1) / 0.1,
        "mean_ratio": (weights @ probability) / (weights @ outcome),
        "mean_predicted": weights @ probability / everyone,
        "mean_observed": weights @ outcome / everyone,
    }


def _losses(outcome: Numbers, probability: Numbers) -> Numbers:
    kept = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.asarray(-np.where(outcome > 0, np.log(kept), np.log1p(-kept)))


def _auc(came: Numbers, not_came: Numbers) -> Numbers:
    below = not_came.sum(axis=1, keepdims=True) - np.cumsum(not_came, axis=1)
    wins = (came * (below + not_came / 2)).sum(axis=1)
    return np.asarray(wins / (came.sum(axis=1) * not_came.sum(axis=1)))


def _average_precision(came: Numbers, not_came: Numbers) -> Numbers:
    found = np.cumsum(came, axis=1)
    looked_at = found + np.cumsum(not_came, axis=1)
    precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
    return np.asarray((precision * came).sum(axis=1) / found[:, -1])


def _captured(came: Numbers, not_came: Numbers, share: float) -> Numbers:
    """Return the share of outcomes among the `share` of customers ranked highest."""
    start = np.zeros((len(came), 1))
    found = np.hstack([start, np.cumsum(came, axis=1)])
    looked_at = np.hstack([start, np.cumsum(came + not_came, axis=1)])
    pairs = zip(looked_at, found, strict=True)
    return np.array([np.interp(share * at[-1], at, f) / f[-1] for at, f in pairs])


def _calibration_error(ranking: Ranking, weights: Numbers) -> Numbers:
    """Return the mean distance between probability and outcome over bins of equal mass."""
    count = len(ranking.order)
    starts = np.unique(np.linspace(0, count, min(BINS, count) + 1)[:-1].astype(int))
    ranked = weights[:, ranking.order]
    distance = (ranking.probability - ranking.outcome)[ranking.order]
    by_bin = np.add.reduceat(ranked * distance, starts, axis=1)
    return np.asarray(np.abs(by_bin).sum(axis=1) / weights.sum(axis=1))


def _estimate(value: float, drawn: Numbers) -> Estimate:
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
