"""Where each customer stands among all of the same moment: season and growth do not move that."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contract.forms import Blend
from contract.models import Columns, Model
from contract.trees import Boosted, Floats, rank
from training.snapshots import Snapshots

KNOTS = 64


def rank_rows(snapshots: Snapshots, inputs: Sequence[str]) -> Floats:
    """Return rows x inputs, each told by its rank among the customers of its own moment."""
    parts = [_stack(part.columns, inputs) for part in snapshots.split()]
    return np.concatenate([rank(rows, find_knots(rows)) for rows in parts])


def find_knots(rows: Floats) -> Floats:
    """Return inputs x KNOTS: values that so many equal shares of the customers lie at or below."""
    count = np.count_nonzero(~np.isnan(rows), axis=0)
    ordered = np.sort(rows, axis=0)  # what is missing comes last
    shares = (np.arange(KNOTS) + 0.5) / KNOTS
    places = np.minimum((shares[:, None] * count).astype(int), np.maximum(count - 1, 0))
    knots = np.take_along_axis(ordered, places, axis=0).T
    return np.ascontiguousarray(knots, dtype=np.float32)


def place(model: Model, snapshots: Snapshots) -> Model:
    """Return the model as it answers at a moment: ranks are told among these customers."""
    if isinstance(model, Blend):
        return Blend(tuple(place(m, snapshots) for m in model.members), model.weights)
    if not isinstance(model, Boosted):
        return model
    return replace(model, knots=find_knots(_stack(snapshots.columns, model.inputs)))


def _stack(columns: Columns, inputs: Sequence[str]) -> Floats:
    return np.stack([columns[name] for name in inputs], axis=1).astype(np.float32)
