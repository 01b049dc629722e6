"""A figure and its interval: what it is for the customers there are, and for customers redrawn."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from contract.errors import HistoryError
from contract.models import Numbers

RESAMPLES = 500
SEED = 20
CELLS = 20_000_000  # of a block of resamples: weights x customers, 160 MB
APART = 20_000  # customers up to which each is drawn by itself; above, in random groups
GROUPS = 2_000  # random groups: the width of an interval is then known to within 2 %

Table = Any  # customers x columns: a numpy array, or SciPy's sparse rows
Figures = Mapping[str, Numbers]  # by name, one number for each resample


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval over resampled customers."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def resample(customers: int) -> Iterator[Numbers]:
    """Return blocks of resamples x customers: how often each customer was drawn."""
    rng = np.random.default_rng(SEED)
    size = max(1, min(RESAMPLES, CELLS // customers))
    for start in range(0, RESAMPLES, size):
        count = min(size, RESAMPLES - start)
        drawn = rng.integers(0, customers, (count, customers))
        shifted = drawn + np.arange(count)[:, None] * customers
        times = np.bincount(shifted.ravel(), minlength=count * customers)
        yield times.reshape(count, customers).astype(np.float64)


def draw_sums(table: Table) -> Iterator[Numbers]:
    """Return blocks of resamples x columns: the sum of each column over the customers drawn.

    Tables with equally many customers are drawn alike, so that differences are of the same
    resamples. More than `APART` customers are dealt at random into `GROUPS` groups of one size,
    and groups are drawn: the spread of a sum over random groups is that over customers (Wolter
    2007, Introduction to Variance Estimation, ch. 2), at a cost that does not grow with them.
    """
    if table.shape[0] > APART:
        table = _deal(table)
    for weights in resample(table.shape[0]):
        yield np.asarray(weights @ table)


def _deal(table: Table) -> Numbers:
    dealt = np.random.default_rng(SEED).permutation(table.shape[0]) % GROUPS
    sums = mark(dealt, GROUPS).T @ table
    return np.asarray(sums.toarray() if sparse.issparse(sums) else sums)


def mark(cell: NDArray[np.intp], cells: int, amount: Numbers | None = None) -> Table:
    """Return customers x cells, sparse: 1, or the amount, where each customer is; else 0."""
    amount = np.ones(len(cell)) if amount is None else amount
    return sparse.csr_array((amount, cell, np.arange(len(cell) + 1)), (len(cell), cells))


def add_up(table: Table) -> Numbers:
    """Return 1 x columns: the sum of each column over every customer once."""
    return np.asarray(table.sum(axis=0), dtype=np.float64).reshape(1, -1)


def estimate(value: float, drawn: Numbers, centre: float | None = None) -> Estimate:
    """Return the value with the middle 95 % of what was drawn.

    `centre` is what the drawn figure is for every customer once, where it is a coarser one than
    the value; the interval is moved by the difference. What a resample has no figure for is left
    out: one of few customers may hold one kind of outcome only.
    """
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    moved = 0.0 if centre is None else value - centre
    return Estimate(float(value), float(low + moved), float(high + moved))


def estimate_figures(
    point: Figures, drawn: Iterable[Figures], centre: Figures | None = None
) -> dict[str, Estimate]:
    """Return each figure with its interval; one that these customers do not have is left out."""
    blocks = list(drawn)
    found: dict[str, Estimate] = {}
    for name, (value,) in point.items():
        resampled = np.concatenate([block[name] for block in blocks])
        if np.isfinite(value) and np.isfinite(resampled).any():
            middle = None if centre is None else float(centre[name][0])
            found[name] = estimate(float(value), resampled, middle)
    return found


@np.errstate(invalid="ignore", divide="ignore")
def estimate_ratios(ratios: Mapping[str, tuple[Numbers, Numbers]]) -> dict[str, Estimate]:
    """Return for each name the sum of the first column over that of the second, with interval."""
    table = np.column_stack([column for pair in ratios.values() for column in pair])

    def divide(sums: Numbers) -> Figures:
        return {n: sums[:, 2 * i] / sums[:, 2 * i + 1] for i, n in enumerate(ratios)}

    return estimate_figures(divide(add_up(table)), map(divide, draw_sums(table)))


def take_only(found: Mapping[str, Estimate], nothing: str) -> Estimate:
    """Return the one figure there is; `nothing` says what is missing where there is none."""
    if not found:
        raise HistoryError(nothing, "Judge a moment, or customers, where there is some.")
    (figure,) = found.values()
    return figure


def as_numbers(metrics: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Return the metrics as plain numbers, for JSON."""
    return {name: asdict(estimate) for name, estimate in metrics.items()}
