"""Families that need few customers: BG/NBD, and a table of shares by silence and orders."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from contract.linear import Logistic
from contract.models import Model, log_odds
from contract.plain import Cells, Repeating
from features.timeline import AS_OF
from training.snapshots import Snapshots

CELL_INPUTS = ("days_since_order", "orders_ever")
ORDER_EDGES = (2.0, 5.0)
WORTH = 20.0  # customers that the shop's own share counts for in every cell


def fit_repeating_model(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return BG/NBD as of the last moment; the base rate alone where the shop has no such model.

    Its parameters come from when customers ordered. Outcomes say only whether the target is that
    an order comes, or that none does.
    """
    found = snapshots.latest.repeating
    if found is None:
        return Logistic((), (), 0.0, 1.0)
    plain = Repeating(r=found.r, alpha=found.alpha, days=snapshots.horizon, sign=1, mean=0.0)
    chance = plain.margin(snapshots.columns, 0.0)
    with_it = np.dot(chance - chance.mean(), snapshots.outcome - snapshots.base_rate)
    last = snapshots.rows[AS_OF].to_numpy() == snapshots.rows[AS_OF].max()
    return replace(plain, sign=1 if with_it > 0 else -1, mean=float(chance[last].mean()))


def fit_cells(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return the log-odds beyond the base rate in nine cells, each drawn towards none.

    Cells are thirds of the silence by one order, 2 to 4, and more. With n customers of whom k came
    true, a cell says (k + WORTH b) / (n + WORTH), where b is the mean base rate of its rows.
    """
    silence = snapshots.columns[CELL_INPUTS[0]]
    edges = (tuple(np.quantile(silence, [1 / 3, 2 / 3]).tolist()), ORDER_EDGES)
    flat = Cells(CELL_INPUTS, edges, ((0.0,) * 3,) * 3)
    row, column = flat.find(snapshots.columns)
    cell = row * 3 + column
    count, came, base = (
        np.bincount(cell, weights, 9) for weights in (None, snapshots.outcome, snapshots.base_rate)
    )
    usual = np.where(count > 0, base / np.maximum(count, 1), snapshots.base_rate.mean())
    # A customer is in several snapshots, and is news in one of them.
    moments = max(snapshots.rows[AS_OF].nunique(), 1)
    share = (came / moments + WORTH * usual) / (count / moments + WORTH)
    beyond = (log_odds(share) - log_odds(usual)).reshape(3, 3)
    return Cells(CELL_INPUTS, edges, tuple(tuple(r) for r in beyond.tolist()))
