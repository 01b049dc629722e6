"""Boosted trees: XGBoost's own UBJ, over features or over their ranks among customers."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contract.boughs import Boughs
from contract.cutting import cut_boughs
from contract.errors import BundleError
from contract.forest import Floats as Floats
from contract.forest import Forest, plant, tell_twice
from contract.models import Columns, Numbers, make_once, write_form

FEW = 8  # rows, for which comparing with every quantile at once costs less than a search for each
LEAST, MOST = np.finfo(np.float32).min, np.finfo(np.float32).max
SOON = 100  # rows, up to which the trees as plain arrays answer sooner than XGBoost


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
        rows, (booster, forest) = self.gather(columns), self.plain
        start = np.empty(len(rows), dtype=np.float32)
        start[:] = base
        if forest and len(rows) <= SOON:
            twice = make_once(columns, ("twice", self.inputs), lambda: tell_twice(rows))
            return forest.margin(twice, start)
        raw = booster.inplace_predict(rows, predict_type="margin", base_margin=start)
        # XGBoost 3.4 gives no rows a second dimension.
        return np.asarray(raw, dtype=np.float64).reshape(len(rows))

    @cached_property
    def boughs(self) -> Boughs:
        """What each input adds, by tables; cut when first asked for."""
        return cut_boughs(self.booster)

    @cached_property
    def plain(self) -> tuple[Any, Forest | None]:
        """The same trees over the inputs themselves, and these as plain arrays.

        A value's rank lies above an edge from some value on, so that no rank need be told.
        """
        content = json.loads(self.booster.save_raw("json"))
        if self.knots is None:
            return self.booster, plant(content)
        for tree in content["learner"]["gradient_booster"]["model"]["trees"]:
            _unrank(tree, self.knots)
        return _load_booster(bytearray(json.dumps(content), "utf-8")), plant(content)

    def gather(self, columns: Columns) -> Floats:
        """Return the inputs: rows x inputs."""
        return make_once(columns, ("rows", self.inputs), lambda: self._gather(columns))

    def _gather(self, columns: Columns) -> Floats:
        held = [columns[name] for name in self.inputs]
        inputs = np.concatenate(held, dtype=np.float32, casting="unsafe")
        return np.ascontiguousarray(inputs.reshape(len(held), -1).T)

    def rows(self, columns: Columns) -> Floats:
        """Return what the trees were grown on: rows x inputs, or their ranks."""
        rows = self.gather(columns)
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


def _unrank(tree: Any, knots: Floats) -> None:
    """Put in the place of each edge among ranks the least value whose rank is not below it.

    None may be: then the greatest number is, and what is known of such an input lies below.
    """
    is_split = np.array(tree["left_children"]) >= 0
    inputs, edges = np.array(tree["split_indices"])[is_split], np.array(tree["split_conditions"])
    own = knots[inputs]
    values = np.concatenate([np.full((len(own), 1), LEAST), own, np.nextafter(own, MOST)], axis=1)
    values.sort(axis=1)  # one of each stretch of values that have one rank
    reached = edges[is_split, None].astype(np.float32) <= rank(values.T, own).T
    first = values[np.arange(len(own)), reached.argmax(axis=1)]
    # Of what has no rank the missing branch is all there is: the left one if so it was learned.
    left = np.array(tree["default_left"], dtype=bool)[is_split]
    never = np.where(np.isnan(own[:, 0]) & ~left, LEAST, MOST)
    edges[is_split] = np.where(reached.any(axis=1), first, never)
    tree["split_conditions"] = edges.tolist()


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


def _load_booster(file: Path | bytearray) -> Any:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(file)
    except (xgboost.core.XGBoostError, UnicodeDecodeError) as error:
        name = file.name if isinstance(file, Path) else "The bundle"
        raise BundleError(f"{name} holds no trees.", "Register it anew.") from error
    # One thread: waking others costs more than the trees, and p99 rises a hundredfold.
    booster.set_param({"nthread": 1})
    return booster
