"""Rows in order: columns of one length, customer after customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.timeline import Array, Mask, Whole, count_kept


@dataclass(frozen=True)
class Table:
    """Columns of one length, customer after customer: those of i from `bounds[i]` on."""

    bounds: Whole
    columns: Mapping[str, Array]

    def __getitem__(self, column: str) -> Array:
        """Return one column."""
        return self.columns[column]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self.bounds[-1])

    def block(self, first: int, last: int) -> "Table":
        """Return the rows of customers from `first` up to `last`."""
        begin, end = self.bounds[first], self.bounds[last]
        columns = {name: column[begin:end] for name, column in self.columns.items()}
        return Table(self.bounds[first : last + 1] - begin, columns)

    def choose(self, customers: Mask) -> "Table":
        """Return the rows of those customers only."""
        sizes = np.diff(self.bounds)
        kept = np.repeat(customers, sizes)
        bounds = np.append(0, np.cumsum(sizes[customers]))
        return Table(bounds, {name: column[kept] for name, column in self.columns.items()})

    def before(self, as_of_us: int) -> "Table":
        """Return the rows strictly before the moment."""
        kept = self["at_us"] < as_of_us
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Table(count_kept(kept, self.bounds), columns)


def arrange(customer: Array, customers: int, columns: Mapping[str, Array], by: Any) -> Table:
    """Return the columns customer after customer, each customer's rows in the order of `by`.

    `customer` holds codes from 0 on. Rows that come in order already are not moved.
    """
    order = find_order(customer, [_as_key(columns[name]) for name in by])
    if order is not None:
        customer = customer[order]
        columns = {name: column[order] for name, column in columns.items()}
    bounds = np.searchsorted(customer, np.arange(customers + 1))
    return Table(bounds.astype(np.int64), columns)


def _as_key(column: Array) -> Array:
    # Nothing is more or less than NaN: as a key it comes first, as no name does.
    return np.nan_to_num(column, nan=-np.inf) if column.dtype == np.float64 else column


def find_order(customer: Array, by: Sequence[Array]) -> Array | None:
    """Return the rows in order of customer and then of each key, or None if they are.

    Rows that come customer by customer in the order of the first key, which is time, are common
    and not sorted again; the other keys settle the ties.
    """
    at_us, *others = by
    order = None
    even = customer[1:] == customer[:-1]
    if ((customer[1:] < customer[:-1]) | (even & (at_us[1:] < at_us[:-1]))).any():
        order = np.argsort(at_us)
        # Numbers that hold customer and place sort several times faster than by two keys.
        bits = len(customer).bit_length()
        packed = customer[order].astype(np.int64) << bits | np.arange(len(customer))
        packed.sort()
        order = order[packed & ((1 << bits) - 1)]
        customer, at_us, *others = (key[order] for key in (customer, *by))
        even = customer[1:] == customer[:-1]
    tied = _find_disorder(even & (at_us[1:] == at_us[:-1]), others)
    if tied is not None:
        rows, run = tied
        settled = rows[np.lexsort((*[key[rows] for key in others[::-1]], run))]
        order = np.arange(len(customer)) if order is None else order
        order[rows] = order[settled]
    return order


def _find_disorder(even: Array, keys: Sequence[Array]) -> tuple[Array, Array] | None:
    """Return the rows of runs that are not in the order of the keys, and the run of each."""
    run = np.append(0, np.cumsum(~even))
    down = np.zeros(len(even), dtype=bool)
    for key in keys:
        down |= even & (key[1:] < key[:-1])
        even = even & (key[1:] == key[:-1])
    if not down.any():
        return None
    wrong = np.zeros(run[-1] + 1, dtype=bool)
    wrong[run[1:][down]] = True
    rows = np.flatnonzero(wrong[run])
    return rows, run[rows]
