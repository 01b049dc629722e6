"""How the three parts of a worth are learned: trees, the probability models alone, or a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from contract.linear import Logistic
from contract.models import Model, Numbers
from contract.plain import Cells
from contract.worth import PARTS, Start
from features.timeline import AS_OF
from training.families.plain import CELL_INPUTS, ORDER_EDGES, WORTH
from training.folds import Stages
from training.tuning import Settings
from training.worth.levels import LEAST
from training.worth.snapshots import Worths
from training.worth.trees import USUAL, fit_trees

Models = Mapping[str, Model]


@dataclass(frozen=True)
class Family:
    """One way to learn worths, and what its parts start from."""

    meaning: str
    start: Start
    fit: Callable[[Worths, Start, Settings], Models]
    usual: Settings = field(default_factory=dict)


def fit_nothing(worths: Worths, start: Start, settings: Settings) -> Models:
    """Return parts that say just what they start from; levels are set elsewhere."""
    return dict.fromkeys(PARTS, Logistic((), (), 0.0, 1.0))


def fit_tables(worths: Worths, start: Start, settings: Settings) -> Models:
    """Return each part in nine cells of silence and orders, drawn towards the mean of all.

    With n customers a cell says its own mean by n / (n + WORTH), else that of all.
    """
    silence = worths.columns[CELL_INPUTS[0]]
    edges = (tuple(np.quantile(silence, [1 / 3, 2 / 3]).tolist()), ORDER_EDGES)
    row, column = Cells(CELL_INPUTS, edges, ((0.0,) * 3,) * 3).find(worths.columns)
    cell = row * 3 + column
    # A customer is in several snapshots, and is news in one of them.
    moments = max(int(worths.rows[AS_OF].nunique()), 1)
    counts = [np.ones_like(worths.orders), (worths.orders > 0).astype(np.float64), worths.orders]
    sums = [*counts, np.maximum(worths.outcome, 0)]
    told = {
        name: _draw(np.bincount(cell, above, 9) / moments, np.bincount(cell, below, 9) / moments)
        for name, below, above in zip(PARTS, sums[:-1], sums[1:], strict=True)
    }
    share, usual = told["chance"]
    beyond = {"chance": np.log(share / (1 - share)) - np.log(usual / (1 - usual))}
    beyond |= {name: np.log(told[name][0] / told[name][1]) for name in PARTS[1:]}
    return {name: Cells(CELL_INPUTS, edges, _square(own)) for name, own in beyond.items()}


def _draw(above: Numbers, below: Numbers) -> tuple[Numbers, Numbers]:
    """Return each cell's ratio, drawn towards that of all, and that of all."""
    usual = np.maximum((above.sum() + 0.5) / (below.sum() + 1), LEAST)
    return (above + WORTH * usual) / (below + WORTH), np.full(len(above), usual)


def _square(cells: Numbers) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in cells.reshape(3, 3).tolist())


def find_start(worths: Worths, stages: Stages) -> Start:
    """Return what parts may start from: the probability models, where the shop has them by then."""
    needed = [worths.norms[m].repeating for m in (stages.calibrate, stages.serve)]
    trained = [worths.norms[m].repeating for m in stages.train]
    return "probability" if all(needed) and any(trained) else "flat"


def keep_started(worths: Worths, start: Start) -> Worths:
    """Return the moments by which the shop had what parts start from."""
    if start == "flat":
        return worths
    return worths.at([m for m, norms in worths.norms.items() if norms.repeating])


FAMILIES: Mapping[str, Family] = {
    "parts": Family(
        "Shallow trees for each part, from what the probability models expect on.",
        "probability",
        fit_trees,
        USUAL[0],
    ),
    "probability": Family(
        "BG/NBD's orders times Gamma-Gamma's value of one.", "probability", fit_nothing
    ),
    "rfm_rule": Family("Means in nine cells of silence and orders.", "flat", fit_tables),
    "prior": Family("The mean of all.", "flat", fit_nothing),
}
