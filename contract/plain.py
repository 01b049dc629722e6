"""Models for shops with few customers: a probability model of orders, and a table of shares."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.models import Columns, Numbers, log_odds, or_zero, write_form

WEEK = 7


@dataclass(frozen=True)
class Repeating:
    """The chance of an order within so many days by BG/NBD, from when customers ordered alone.

    Of those active, whose rate is Gamma(r + x, alpha + T), a share ((alpha + T) / (alpha + T + t))
    to the power of r + x places no order: Fader, Hardie & Lee (2005), eq. 7, integrated. The mean
    chance among the customers it was fitted on stands for the base rate. `sign` is -1 where the
    target is that no order comes.
    """

    r: float
    alpha: float
    days: int
    sign: int
    mean: float

    inputs = ("order_days", "customer_age_days", "active_probability")

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        orders, age, active = (or_zero(columns[name]) for name in self.inputs)
        held = self.alpha + age / WEEK
        none = np.exp((self.r + orders - 1) * np.log(held / (held + self.days / WEEK)))
        chance = np.minimum(np.maximum(active * (1 - none), 1e-3), 1 - 1e-3)
        return np.asarray(base + self.sign * (log_odds(chance) - self.mean), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the parameters as JSON and return the file's name."""
        return [write_form(folder, stem, {"form": "repeating", **asdict(self)})]


def read_repeating(content: dict[str, Any], folder: Path, stem: str) -> Repeating:
    """Return the probability model that a bundle holds."""
    return Repeating(
        r=float(content["r"]),
        alpha=float(content["alpha"]),
        days=int(content["days"]),
        sign=int(content["sign"]),
        mean=float(content["mean"]),
    )


@dataclass(frozen=True)
class Cells:
    """Log-odds beyond the base rate by cell: how long silent, and how often ordered.

    `edges` are ascending for each feature; a value at an edge lies above it, and what is missing
    counts as 0. `beyond` has a row for each step of the first feature.
    """

    inputs: tuple[str, str]
    edges: tuple[tuple[float, ...], tuple[float, ...]]
    beyond: tuple[tuple[float, ...], ...]

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        row, column = self.find(columns)
        return np.asarray(base + np.array(self.beyond)[row, column], dtype=np.float64)

    def find(self, columns: Columns) -> tuple[Any, Any]:
        """Return the cell of each row of features: its row and its column."""
        told = zip(self.edges, self.inputs, strict=True)
        row, column = (
            np.searchsorted(np.array(edges), or_zero(columns[name]), side="right")
            for edges, name in told
        )
        return row, column

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the table as JSON and return the file's name."""
        return [write_form(folder, stem, {"form": "cells", **asdict(self)})]


def read_cells(content: dict[str, Any], folder: Path, stem: str) -> Cells:
    """Return the table that a bundle holds."""
    recency, count = content["inputs"]
    first, second = (tuple(float(e) for e in edges) for edges in content["edges"])
    beyond = tuple(tuple(float(b) for b in row) for row in content["beyond"])
    if len(beyond) != len(first) + 1 or {len(row) for row in beyond} != {len(second) + 1}:
        raise ValueError
    return Cells((str(recency), str(count)), (first, second), beyond)
