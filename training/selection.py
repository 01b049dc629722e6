"""Which family answers, and where a rule answers in its place: told by the calibration snapshot."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import optimize, special

from contract.models import Model, Numbers, log_odds
from contract.segments import SEGMENTS, find_segments
from training.ranks import place
from training.recipe import Pair
from training.snapshots import Snapshots

CLEARLY = 1.0  # standard errors by which another family must be better than the usual one
SURELY = 1.96  # and a rule than the model, in a segment of
FEWEST = 100  # customers at least
ALIKE = 10.0

RULES = ("days_since_order", "order_count")


def find_weights(pairs: Mapping[str, Pair], last: Snapshots) -> tuple[float, ...]:
    """Return what each model of a blend weighs: the best there, drawn towards weighing alike.

    Weights are above 0 and add up to 1. Each model is taken as it was before the calibration
    snapshot (stacking, Wolpert 1992; Breiman 1996); being off alike costs as much as ALIKE rows.
    """
    base = float(log_odds(last.outcome.mean()))
    models = [place(pair.early, last) for pair in pairs.values()]
    beyond = np.stack([m.margin(last.columns, base) - base for m in models])
    outcome, count = last.outcome, len(models)

    def loss(told: Numbers) -> float:
        weights = special.softmax(np.append(told[2:], 0))
        margin = base + told[1] + told[0] * (weights @ beyond)
        apart = ALIKE * np.sum((weights - 1 / count) ** 2) / len(outcome)
        return float(np.mean(np.logaddexp(0, margin) - outcome * margin) + apart)

    start = np.concatenate([[1.0, 0.0], np.zeros(count - 1)])
    best = optimize.minimize(loss, start, method="L-BFGS-B").x
    return tuple(special.softmax(np.append(best[2:], 0)).tolist())


def choose_family(usual: Sequence[str], pairs: Mapping[str, Pair], last: Snapshots) -> str:
    """Return the first of `usual`, or the best other one if that is clearly better.

    Each is judged as it was before the calibration snapshot, by its log loss there with the level
    set right: how high the season is says nothing of a family.
    """
    losses = {name: measure_losses(pairs[name].early, last) for name in usual}
    best = min(usual, key=lambda name: losses[name].mean())
    gain = losses[usual[0]] - losses[best]
    error = float(np.std(gain)) / np.sqrt(max(len(gain), 1))
    return best if gain.mean() > CLEARLY * error else usual[0]


def choose_rules(model: Model, pairs: Mapping[str, Pair], last: Snapshots) -> dict[str, str]:
    """Return the segments in which a rule is truer than the model, and the rule of each."""
    segments = find_segments(last.columns)
    losses = {name: measure_losses(pairs[name].early, last) for name in RULES}
    own = measure_losses(model, last)
    chosen = {}
    for number, name in enumerate(SEGMENTS):
        inside = segments == number
        if np.count_nonzero(inside) < FEWEST:
            continue
        rule = min(RULES, key=lambda r: losses[r][inside].mean())
        gain = (own - losses[rule])[inside]
        if gain.mean() > SURELY * np.std(gain) / np.sqrt(len(gain)):
            chosen[name] = rule
    return chosen


def measure_losses(model: Model, last: Snapshots) -> Numbers:
    """Return each row's log loss, slope and level being the best for the whole snapshot."""
    base = float(log_odds(last.outcome.mean()))
    beyond = place(model, last).margin(last.columns, base) - base
    outcome = last.outcome

    def tell(fit: Numbers) -> Numbers:
        margin = base + fit[1] + fit[0] * beyond
        return np.asarray(np.logaddexp(0, margin) - outcome * margin)

    best = optimize.minimize(lambda fit: tell(fit).mean(), np.array([1.0, 0.0]), method="BFGS")
    return tell(best.x)
