"""Boosted trees: XGBoost's own UBJ, over features or over their ranks among customers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.boughs import Boughs
from contract.cutting import cut_boughs
from contract.errors import BundleError
from contract.models import Columns, Numbers, write_form

Floats = NDArray[np.float32]

FEW = 8  # rows, for which comparing with every quantile at once costs less than a search for each


@dataclass(frozen=True)
class Boosted:
    """XGBoost's trees over inputs in a fixed order; what is missing takes its own branch.

    With `knots`, a row of quantiles per input, the trees read each input's rank among the customers
    that these were taken of.
    """

    booster: Any
    inputs: tuple[str, ...]
    knots: Floats | None = None

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        rows = self.rows(columns)
        start = np.broadcast_to(np.asarray(base, dtype=np.float32), (len(rows),))
        raw = self.booster.inplace_predict(
            rows, predict_type="margin", base_margin=np.ascontiguousarray(start)
        )
        # XGBoost 3.4 gives no rows a second dimension.
        return np.asarray(raw, dtype=np.float64).reshape(len(rows))

    @cached_property
    def boughs(self) -> Boughs:
        """What each input adds, by tables; cut when first asked for."""
        return cut_boughs(self.booster)

    def rows(self, columns: Columns) -> Floats:
        """Return what the trees read: rows x inputs."""
        rows = np.stack([columns[n] for n in self.inputs], axis=1).astype(np.float32)
        return rows if self.knots is None else rank(rows, self.knots)

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the trees as UBJ, and as JSON what they read; return the files' names."""
        self.booster.save_model(folder / f"{stem}.ubj")
        knots = None if self.knots is None else _tell_knots(self.knots)
        content = {"form": "boosted", "inputs": self.inputs, "knots": knots}
        return [f"{stem}.ubj", write_form(folder, stem, content)]


def rank(rows: Floats, knots: Floats) -> Floats:
    """Return the share of customers below each value, half of those at it among them.

    `knots` are inputs x quantiles, ascending; what is missing stays missing, and an input of which
    nothing was known has no rank.
    """
    count = knots.shape[1]
    ranks = np.empty_like(rows)
    if len(rows) <= FEW:
        told = rows[:, :, None]
        ranks[:] = ((knots < told).sum(axis=2) + (knots <= told).sum(axis=2)) / (2 * count)
    else:
        for i, row in enumerate(knots):
            below = np.searchsorted(row, rows[:, i], side="left")
            ranks[:, i] = (below + np.searchsorted(row, rows[:, i], side="right")) / (2 * count)
    ranks[:, np.isnan(knots[:, 0])] = np.nan
    ranks[np.isnan(rows)] = np.nan
    return ranks


def read_boosted(content: dict[str, Any], folder: Path, stem: str) -> Boosted:
    """Return the trees that a bundle holds."""
    inputs = tuple(str(name) for name in content["inputs"])
    told = content["knots"]
    knots = None
    if told is not None:
        knots = np.array([[np.nan if k is None else k for k in row] for row in told], np.float32)
        if knots.ndim != 2 or len(knots) != len(inputs):
            raise ValueError
    return Boosted(_load_booster(folder / f"{stem}.ubj"), inputs, knots)


def _tell_knots(knots: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(k) else float(k) for k in row] for row in knots]


def _load_booster(file: Path) -> Any:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(file)
    except (xgboost.core.XGBoostError, UnicodeDecodeError) as error:
        raise BundleError(f"{file.name} holds no trees.", "Register it anew.") from error
    # One thread: waking others costs more than the trees, and p99 rises a hundredfold.
    booster.set_param({"nthread": 1})
    return booster
