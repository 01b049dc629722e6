"""How good foretold worths of customers are: whom they rank high, and how much they add up to."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from contract.models import Numbers
from training.estimates import (
    Estimate,
    Figures,
    add_up,
    draw_sums,
    estimate_figures,
    estimate_ratios,
    mark,
    take_only,
)
from training.evaluation import find_captured
from training.ginis import Curves
from training.ordering import Ranking

DECILES = 10
STEPS = 50  # bins of rank, on either side, over which the interval of Spearman's rho is drawn


@dataclass(frozen=True)
class Decile:
    """A tenth of the customers by foretold worth: the mean foretold and the mean observed."""

    customers: int
    predicted: Estimate
    observed: Estimate


def evaluate_worths(observed: Numbers, predicted: Numbers) -> dict[str, Estimate]:
    """Return every metric of foretold worths, a row per customer, in the money they are told in.

    `normalised_gini` is the Gini index of observed worth in the foretold order over that in the
    best order: 1 for the best, 0 for chance. `spearman` is the correlation of ranks, with mean
    ranks for equal worths.
    """
    return {
        **_judge_order(observed, predicted),
        **_judge_spearman(observed, predicted),
        **_judge_distance(observed, predicted),
    }


def compare_worths(observed: Numbers, ours: Numbers, theirs: Numbers) -> Estimate:
    """Return how much more normalised Gini ours has than theirs, on the same resamples."""

    @np.errstate(invalid="ignore", divide="ignore")
    def gain(curves: Curves, sums: Numbers) -> Figures:
        first, second, best = curves.find_ginis(sums)
        return {"gain": (first - second) / best}

    fine, coarse = Curves.both(observed, [ours, theirs, observed])
    found = estimate_figures(
        gain(fine, add_up(fine.table)),
        (gain(coarse, sums) for sums in draw_sums(coarse.table)),
        gain(coarse, add_up(coarse.table)),
    )
    return take_only(found, "The customers were worth nothing, so no order of them is better.")


def list_deciles(observed: Numbers, predicted: Numbers) -> tuple[Decile, ...]:
    """Return the tenths of the customers, from the lowest foretold worth up.

    Customers foretold the same stay together, so there may be fewer than ten.
    """
    decile = Ranking(observed, -predicted).bin(DECILES)
    customers = np.bincount(decile)
    means = {}
    for at in range(len(customers)):
        within = (decile == at).astype(np.float64)
        means[f"predicted {at}"] = (within * predicted, within)
        means[f"observed {at}"] = (within * observed, within)
    found = estimate_ratios(means)
    return tuple(
        Decile(int(count), found[f"predicted {at}"], found[f"observed {at}"])
        for at, count in enumerate(customers)
    )


def cover_range(observed: Numbers, low: Numbers, high: Numbers) -> dict[str, Estimate]:
    """Return the share of customers whose worth lay in the foretold range, below, and above it."""
    everyone = np.ones_like(observed)
    below, above = (observed < low).astype(np.float64), (observed > high).astype(np.float64)
    return estimate_ratios(
        {
            "in_range": (everyone - below - above, everyone),
            "below_range": (below, everyone),
            "above_range": (above, everyone),
        }
    )


def _judge_order(observed: Numbers, predicted: Numbers) -> dict[str, Estimate]:
    fine, coarse = Curves.both(observed, [predicted, observed])
    return estimate_figures(
        _measure_order(fine, add_up(fine.table)),
        (_measure_order(coarse, sums) for sums in draw_sums(coarse.table)),
        _measure_order(coarse, add_up(coarse.table)),
    )


@np.errstate(invalid="ignore", divide="ignore")
def _measure_order(curves: Curves, sums: Numbers) -> Figures:
    foretold, best = curves.find_ginis(sums)
    return {
        "normalised_gini": foretold / best,
        "top_decile_share": find_captured(*curves.part(sums)[0], 0.1),
    }


def _judge_spearman(observed: Numbers, predicted: Numbers) -> dict[str, Estimate]:
    """Return Spearman's rho; ranks are made anew in each resample, in `STEPS` x `STEPS` bins."""
    if len(observed) < 2:
        return {}
    across, down = Ranking(observed, predicted).bin(STEPS), Ranking(observed, observed).bin(STEPS)
    shape = (-1, int(across.max()) + 1, int(down.max()) + 1)
    table = mark(across * shape[2] + down, shape[1] * shape[2])
    ranks = stats.rankdata(predicted), stats.rankdata(observed)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = np.corrcoef(*ranks)[0, 1]
    return estimate_figures(
        {"spearman": np.array([rho])},
        (_correlate(sums.reshape(shape)) for sums in draw_sums(table)),
        _correlate(add_up(table).reshape(shape)),
    )


@np.errstate(invalid="ignore", divide="ignore")
def _correlate(counts: Numbers) -> Figures:
    """Return the correlation of mid-ranks in tables of counts: resamples x bins x bins."""
    across, down = counts.sum(axis=2), counts.sum(axis=1)
    first, second = _find_middles(across), _find_middles(down)
    together = np.einsum("rij,ri,rj->r", counts, first, second, optimize=True)
    spread = (across * first**2).sum(axis=1) * (down * second**2).sum(axis=1)
    return {"spearman": together / np.sqrt(spread)}


def _find_middles(counts: Numbers) -> Numbers:
    """Return the mid-rank of each bin, less the mean rank."""
    return np.asarray(np.cumsum(counts, axis=1) - counts / 2 - counts.sum(axis=1)[:, None] / 2)


def _judge_distance(observed: Numbers, predicted: Numbers) -> dict[str, Estimate]:
    error = predicted - observed
    table = np.column_stack([error**2, np.abs(error), predicted, observed, np.ones_like(error)])
    return estimate_figures(_measure_sums(add_up(table)), map(_measure_sums, draw_sums(table)))


@np.errstate(invalid="ignore", divide="ignore")
def _measure_sums(sums: Numbers) -> Figures:
    squares, distance, told, came, everyone = sums.T
    return {
        "total_bias": told / came - 1,
        "rmse": np.sqrt(squares / everyone),
        "mae": distance / everyone,
        "mean_predicted": told / everyone,
        "mean_observed": came / everyone,
    }
