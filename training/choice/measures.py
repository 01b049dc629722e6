"""How good told pairs are: as lists, and as probabilities, each with an interval over customers."""

from collections.abc import Mapping

import numpy as np

from contract.choice import pick_best
from contract.models import Numbers
from training.choice.choices import Choices
from training.estimates import (
    Estimate,
    Figures,
    add_up,
    draw_sums,
    estimate_figures,
    estimate_ratios,
)
from training.evaluation import BINS, find_losses
from training.rankings import MOST, Purchases

Metrics = Mapping[str, Estimate]


def as_purchases(choices: Choices) -> Purchases:
    """Return what was bought of what may be shown, and what of that had been bought before."""
    repeat = choices.own.days <= choices.shelf.offer.look_back_days
    return Purchases(choices.bought & choices.held, repeat)


def evaluate_pairs(choices: Choices, told: Numbers) -> dict[str, Estimate]:
    """Return the figures of told probabilities over all candidate pairs, and over those shown."""
    outcome, owner, customers = choices.outcome, choices.owner, len(choices.ids)
    shown = find_shown(choices, told)
    columns = [find_losses(outcome, told), (outcome - told) ** 2, told, outcome,
               np.ones_like(told), told * shown, outcome * shown, shown]  # fmt: skip
    bins = find_bins(told)
    cell, cells = owner * BINS + bins, customers * BINS
    binned = [np.bincount(cell, w, cells).reshape(customers, BINS) for w in (told, outcome, None)]
    summed = [np.bincount(owner, column, customers)[:, None] for column in columns]
    table = np.hstack([*summed, *binned])
    return estimate_figures(_measure(add_up(table)), map(_measure, draw_sums(table)))


@np.errstate(invalid="ignore", divide="ignore")
def _measure(sums: Numbers) -> Figures:
    loss, squares, told, came, pairs, told_shown, came_shown, shown = sums[:, :8].T
    binned_told, binned_came, _ = np.split(sums[:, 8:], 3, axis=1)
    return {
        "log_loss": loss / pairs,
        "brier": squares / pairs,
        "ece": np.abs(binned_told - binned_came).sum(axis=1) / pairs,
        "mean_ratio": told / came,
        "mean_predicted": told / pairs,
        "mean_observed": came / pairs,
        "shown_ratio": told_shown / came_shown,
        "shown_predicted": told_shown / shown,
        "shown_observed": came_shown / shown,
    }


def find_bins(told: Numbers) -> np.ndarray:
    """Return each pair's bin of equal mass by probability; equal ones share a bin."""
    edges = np.quantile(told, np.arange(1, BINS) / BINS) if len(told) else np.zeros(BINS - 1)
    return np.searchsorted(edges, told, side="right")


def find_shown(choices: Choices, told: Numbers) -> Numbers:
    """Return 1 for each pair that would be shown, else 0."""
    places = pick_best(choices.spread(told), MOST)
    shown = np.zeros(choices.held.shape)
    rows, columns = np.nonzero(places >= 0)
    shown[rows, places[rows, columns]] = 1.0
    return shown[choices.held]


def compare_pairs(choices: Choices, ours: Numbers, theirs: Numbers) -> Estimate:
    """Return how much less log loss ours has than theirs, on the same resampled customers."""
    gain = find_losses(choices.outcome, theirs) - find_losses(choices.outcome, ours)
    customers = len(choices.ids)
    summed = np.bincount(choices.owner, gain, customers).astype(np.float64)
    pairs = np.bincount(choices.owner, minlength=customers).astype(np.float64)
    return estimate_ratios({"gain": (summed, pairs)})["gain"]
