"""Rows in order: columns of one length, customer after customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.sums import Array, Mask, Whole, add_up


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
        return self.keep(self["at_us"] < as_of_us)

    def keep(self, rows: Mask) -> "Table":
        """Return the rows that the mask holds; the table itself where it holds all."""
        if rows.all():
            return self
        (places,) = np.nonzero(rows)
        columns = {name: column[places] for name, column in self.columns.items()}
        return Table(add_up(rows)(self.bounds), columns)

    def settle(self, by: Sequence[str]) -> "Table":
        """Return the table with rows of one customer and instant in the order of these columns."""
        if len(self) < 2:
            return self
        at_us = self["at_us"]
        even = at_us[1:] == at_us[:-1]
        begins = self.bounds[1:-1]
        even[begins[(begins > 0) & (begins < len(at_us))] - 1] = False
        keys = [_as_key(self[name]) for name in by]
        rows, run = find_disorder(even, keys)
        if not len(rows):
            return self
        settled = rows[np.lexsort((*[key[rows] for key in keys[::-1]], run))]
        columns = {name: column.copy() for name, column in self.columns.items()}
        for name, column in columns.items():
            column[rows] = self[name][settled]
        return Table(self.bounds, columns)


def arrange(
    customer: Array, customers: int, columns: Mapping[str, Array], by: Sequence[str]
) -> Table:
    """Return the columns customer after customer, each customer's rows in the order of `by`.

    `customer` holds codes from 0 on; the first of `by` is the time. Rows that come in the order of
    both already, as they often do, are not sorted again.
    """
    order = find_order(customer, columns[by[0]])
    if order is not None:
        customer = customer[order]
        columns = {name: column[order] for name, column in columns.items()}
    return Table(find_bounds(customer, customers), columns).settle(by[1:])


def find_bounds(customer: Array, customers: int) -> Whole:
    """Return where each customer's rows begin, and where the last one's end."""
    begins = np.flatnonzero(np.append(True, customer[1:] != customer[:-1])[: len(customer)])
    bounds = np.full(customers + 1, len(customer))
    bounds[customer[begins]] = begins
    return np.minimum.accumulate(bounds[::-1])[::-1].copy()


def _as_key(column: Array) -> Array:
    # Nothing is more or less than NaN: as a key it comes first, as no name does.
    return np.nan_to_num(column, nan=-np.inf) if column.dtype == np.float64 else column


def find_order(customer: Array, at_us: Whole) -> Whole | None:
    """Return the rows in the order of customer and time, or None if they are."""
    even = customer[1:] == customer[:-1]
    if not ((customer[1:] < customer[:-1]) | (even & (at_us[1:] < at_us[:-1]))).any():
        return None
    order = np.argsort(at_us)
    # Numbers that hold customer and place sort several times faster than by two keys.
    bits = len(customer).bit_length()
    packed = customer[order].astype(np.int64) << bits | np.arange(len(customer))
    packed.sort()
    return np.asarray(order[packed & ((1 << bits) - 1)])


def find_disorder(even: Mask, keys: Sequence[Array]) -> tuple[Whole, Whole]:
    """Return the rows of runs that are not in the order of the keys, and the run of each.

    A run is of rows that are even with the one before them; `even` speaks of all but the first.
    """
    down, tied = np.zeros(len(even), dtype=bool), even
    for key in keys:
        down |= tied & (key[1:] < key[:-1])
        tied = tied & (key[1:] == key[:-1])
    (before,) = np.nonzero(even if down.any() else down)
    run = np.cumsum(np.append(True, np.diff(before) > 1)[: len(before)])
    wrong = np.isin(run, run[down[before]])
    before, run = before[wrong], run[wrong]
    first = np.append(True, run[1:] != run[:-1])[: len(run)]
    rows, runs = np.append(before[first], before + 1), np.append(run[first], run)
    order = np.argsort(rows)
    return rows[order], runs[order]
