"""How good probabilities are, out of time, each figure with a customer-bootstrap interval."""

import numpy as np
from scipy import special

from contract.models import Numbers
from training.estimates import (
    RESAMPLES,
    Estimate,
    Figures,
    add_up,
    as_numbers,
    draw_sums,
    estimate_figures,
    estimate_ratios,
    resample,
)
from training.ordering import (
    Binned,
    Counts,
    Places,
    Ranking,
    bin_coarsely,
    bin_finely,
    gather,
)
from training.recalibration import SMALLEST, Recalibration, fit_recalibration, step

__all__ = [
    "BINS",
    "RESAMPLES",
    "Estimate",
    "Ranking",
    "as_numbers",
    "compare",
    "evaluate",
    "find_losses",
    "resample",
]

BINS = 15


def evaluate(outcome: Numbers, probability: Numbers) -> dict[str, Estimate]:
    """Return every metric of probabilities in one snapshot, a row per customer, with intervals."""
    ranking = Ranking(outcome, probability)
    return {**_judge_order(ranking), **_judge_distance(ranking)}


def compare(outcome: Numbers, ours: Numbers, theirs: Numbers) -> Estimate:
    """Return how much less log loss ours has than theirs, on the same resampled customers."""
    gain = find_losses(outcome, theirs) - find_losses(outcome, ours)
    return estimate_ratios({"gain": (gain, np.ones_like(gain))})["gain"]


def find_losses(outcome: Numbers, probability: Numbers) -> Numbers:
    """Return each customer's -log of the probability given to what happened."""
    kept = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(-np.where(outcome > 0, np.log(kept), np.log1p(-kept)))


def _judge_distance(ranking: Ranking) -> dict[str, Estimate]:
    """Return the figures that are made of sums over customers."""
    outcome, probability = ranking.outcome, ranking.probability
    squares = (outcome - probability) ** 2
    losses = find_losses(outcome, probability)
    table = np.column_stack([losses, squares, probability, outcome, np.ones_like(outcome)])
    return estimate_figures(_measure_sums(add_up(table)), map(_measure_sums, draw_sums(table)))


@np.errstate(invalid="ignore", divide="ignore")
def _measure_sums(sums: Numbers) -> Figures:
    loss, squares, told, came, everyone = sums.T
    share = came / everyone
    return {
        "log_loss": loss / everyone,
        "brier": squares / everyone,
        "brier_skill": 1 - squares / everyone / (share * (1 - share)),
        "mean_ratio": told / came,
        "mean_predicted": told / everyone,
        "mean_observed": share,
    }


def _judge_order(ranking: Ranking) -> dict[str, Estimate]:
    """Return the figures of rank and of calibration, which are made of counts in bins of rank."""
    fine, coarse = bin_finely(ranking), bin_coarsely(ranking)
    fit = fit_recalibration(coarse)
    return estimate_figures(
        _measure_counts(fine, fine.counts, fit),
        (_measure_counts(coarse, counts, fit) for counts in coarse.draw()),
        _measure_counts(coarse, coarse.counts, fit),
    )


@np.errstate(invalid="ignore", divide="ignore")
def _measure_counts(binned: Binned, counts: Counts, fit: Recalibration) -> Figures:
    came, others = counts
    intercept, slope = step(fit, counts, binned.told)
    plain, debiased = _find_calibration_errors(binned, counts)
    return {
        "auc": _find_auc(came, others),
        "pr_auc": _find_average_precision(came, others),
        "lift_top_decile": find_captured(came, came + others, 0.1) / 0.1,
        "ece": plain,
        "ece_debiased": debiased,
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }


def _find_auc(came: Numbers, others: Numbers) -> Numbers:
    below = others.sum(axis=1, keepdims=True) - np.cumsum(others, axis=1)
    wins = (came * (below + others / 2)).sum(axis=1)
    return np.asarray(wins / (came.sum(axis=1) * others.sum(axis=1)))


def _find_average_precision(came: Numbers, others: Numbers) -> Numbers:
    found = np.cumsum(came, axis=1)
    looked_at = found + np.cumsum(others, axis=1)
    precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
    return np.asarray((precision * came).sum(axis=1) / found[:, -1])


def find_captured(amount: Numbers, customers: Numbers, share: float) -> Numbers:
    """Return what share of the amount the `share` of customers ranked highest hold.

    Both are resamples x bins of rank, from the highest down; a bin that is cut gives its part.
    """
    start = np.zeros((len(amount), 1))
    held = np.hstack([start, np.cumsum(amount, axis=1)])
    looked_at = np.hstack([start, np.cumsum(customers, axis=1)])
    pairs = zip(looked_at, held, strict=True)
    return np.array([np.interp(share * at[-1], at, h) / h[-1] for at, h in pairs])


def _find_calibration_errors(binned: Binned, counts: Counts) -> tuple[Numbers, Numbers]:
    """Return the mean distance between probability and outcome over bins of equal mass, twice.

    Plain, and less what chance alone adds to it: 2 |d| - E|d + e|, with d the distance in a bin
    and e normal with the standard error of its share of outcomes (Kumar, Liang & Ma 2019,
    "Verified uncertainty calibration", their `normal_debiased_ce`; the mean of a folded normal
    stands for their draws). Chance is halved by it, not removed.
    """
    came, others, told = _merge(counts, binned)
    everyone = came + others
    with np.errstate(invalid="ignore", divide="ignore"):
        share = came / everyone
        distance = np.abs(share - told / everyone)
        error = np.sqrt(share * (1 - share) / everyone)
    blurred = _fold(distance, error)
    weight = everyone / everyone.sum(axis=1, keepdims=True)
    plain = np.where(everyone > 0, weight * distance, 0)
    debiased = np.where(everyone > 0, weight * (2 * distance - blurred), 0)
    return plain.sum(axis=1), debiased.sum(axis=1)


def _merge(counts: Counts, binned: Binned) -> tuple[Numbers, Numbers, Numbers]:
    starts = _find_starts(gather(binned.sizes, BINS))
    came, others = counts
    told = (came + others) * binned.told
    merged = [np.add.reduceat(column, starts, axis=1) for column in (came, others, told)]
    return merged[0], merged[1], merged[2]


def _find_starts(bins: Places) -> Places:
    """Return where each bin starts among stretches that are in order."""
    return np.flatnonzero(np.r_[True, np.diff(bins) > 0])


def _fold(distance: Numbers, error: Numbers) -> Numbers:
    """Return the mean of |normal| with this mean and standard deviation."""
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.where(error > 0, distance / error, np.inf)
    near = error * np.sqrt(2 / np.pi) * np.exp(-(far**2) / 2)
    return np.asarray(near + distance * (1 - 2 * special.ndtr(-far)))
