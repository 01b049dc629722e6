"""The events that features are made of: each customer's, and what can be said of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from features.sums import (
    MILLION,
    Array,
    Mask,
    Numbers,
    Upto,
    Whole,
    add_up,
    as_millionths,
    sort_within,
)
from features.timeline import Rows
from features.verbs import above_zero


class Events:
    """Each customer's events on one side of a moment, in the order of time.

    A column, such as `orders.days_ago`, is an array over all rows; a verb, such as
    `orders.total("amount")`, gives one number per customer, NaN where nothing is known. Sums are
    taken over whole millionths, so that order does not matter and cents add up.
    """

    def __init__(self, rows: Rows, bounds: Whole, part: tuple[Whole, Whole] | None = None) -> None:
        self._rows = rows
        self._bounds = bounds
        self._whole = part is None
        self._starts, self._ends = part or (bounds[:-1], bounds[1:])

    def __getattr__(self, column: str) -> Array:
        """Return a column as numbers; one that these events do not have is refused."""
        return self._rows.numbers(column)

    def within(self, days: float) -> "Events":
        """Return the events at most so many days from the moment."""
        recent = self._rows.once(("recent", days), self._find_recent, days)
        starts = np.minimum(np.maximum(self._starts, recent), self._ends)
        return Events(self._rows, self._bounds, (starts, self._ends))

    def before(self, days: float) -> "Events":
        """Return the events more than so many days before the moment."""
        recent = self._rows.once(("recent", days), self._find_recent, days)
        ends = np.maximum(np.minimum(self._ends, recent), self._starts)
        return Events(self._rows, self._bounds, (self._starts, ends))

    def _find_recent(self, days: float) -> Whole:
        ages = self._rows["days_ago"]
        if len(self._bounds) == 2:  # one customer: a search is quicker than a count
            return np.array([np.searchsorted(-ages, -days)])
        return self._bounds[1:] - np.diff(add_up(ages <= days)(self._bounds))

    def stretches(self, days: int, number: int, column: str | None = None) -> Numbers:
        """Return a row per stretch of so many days, the newest first: the count or the sums."""
        ages = [days * n for n in range(1, number + 1)]
        edges = [self._rows.once(("recent", age), self._find_recent, age) for age in ages]
        places = np.stack([self._ends, *edges])
        if column is None:
            return -np.diff(places, axis=0).astype(np.float64)
        exact, scale = self._rows.exact(column)
        upto = self._rows.once(("upto", column), add_up, exact)
        return np.asarray(-np.diff(upto(places), axis=0) / scale)

    def where(self, mask: Mask) -> "Events":
        """Return the events that the mask, one flag per row, holds."""
        rows, upto = self._rows.taken(np.flatnonzero(mask)), add_up(mask)
        part = None if self._whole else (upto(self._starts), upto(self._ends))
        return Events(rows, upto(self._bounds), part)

    def of(self, column: str, *names: str) -> "Events":
        """Return the events whose column holds one of these names."""
        if not self._whole:
            return self.where(self.is_named(column, *names))
        return self._rows.once(  # type: ignore[no-any-return]
            ("of", column, names), lambda: self.where(self.is_named(column, *names))
        )

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what `make()` gave when it was first asked for under this key."""
        return self._rows.once(key, make)

    def is_named(self, column: str, *names: str | None) -> Mask:
        """Return whether each row's column holds one of these names."""
        return self._rows.is_named(column, names)

    def names(self, column: str) -> tuple[str, ...]:
        """Return the names that the codes of a column stand for."""
        return self._rows.codes[column]

    def each(self, per_customer: Array) -> Array:
        """Return a number per customer as a number per row."""
        return np.repeat(per_customer, np.diff(self._bounds))

    def count(self, mask: Mask | None = None) -> Numbers:
        """Return how many events there are, or how many of them the mask holds."""
        if mask is None:
            return (self._ends - self._starts).astype(np.float64)
        return self._between(add_up(mask)).astype(np.float64)

    def most(self, column: str) -> Numbers:
        """Return how many events have the commonest of the column's small codes."""
        codes = self._rows[column]
        counts = [self.count(codes == code) for code in range(int(codes.max(initial=0)) + 1)]
        return np.asarray(np.maximum.reduce(counts))

    def total(self, column: str) -> Numbers:
        """Return the exact sum, to a millionth; the sum of nothing is 0, and so is the unknown."""
        exact, scale = self._rows.exact(column)
        return np.asarray(self._between(self._rows.once(("upto", column), add_up, exact)) / scale)

    def _between(self, upto: Upto) -> Whole:
        """Return how much of what is told up to each place lies in these events."""
        if self._whole:
            return np.diff(upto(self._bounds))
        return upto(self._ends) - upto(self._starts)

    def sum(self, key: str, make: Callable[[], Array]) -> Numbers:
        """Return the exact sum, to a millionth, of the value per row that `make()` gives.

        What it gives is kept under the key; the unknown counts as 0.
        """
        upto = self._rows.once(("upto made", key), lambda: add_up(as_millionths(make())))
        return np.asarray(self._between(upto) / MILLION)

    def known(self, column: str) -> Numbers:
        """Return how many events have a value in the column."""
        raw = self._rows[column]
        if raw.dtype != np.float64:
            return self.count()
        return self.count(~np.isnan(raw))

    def mean(self, column: str) -> Numbers:
        """Return the mean of what is known."""
        return self.total(column) / above_zero(self.known(column))

    def spread(self, column: str) -> Numbers:
        """Return the sample standard deviation of what is known, NaN below two of them."""
        values = getattr(self, column)
        apart = values - self.each(self.mean(column))
        apart = np.where(np.isnan(apart), 0.0, apart)
        squares = self._reduce(np.add, apart * apart)
        return np.sqrt(squares / above_zero(np.maximum(self.known(column) - 1, 0)))

    def greatest(self, column: str) -> Numbers:
        """Return the greatest known value."""
        return self._reduce(np.fmax, getattr(self, column))

    def least(self, column: str) -> Numbers:
        """Return the least known value."""
        return self._reduce(np.fmin, getattr(self, column))

    def last(self, column: str, back: int = 0) -> Numbers:
        """Return the value of the last event, or of the one so many before it."""
        return self._pick(column, self._ends - 1 - back)

    def first(self, column: str) -> Numbers:
        """Return the value of the first event."""
        return self._pick(column, self._starts)

    def median(self, column: str) -> Numbers:
        """Return the median of what is known of a column of ages, to a millionth of a day."""
        owners = np.repeat(np.arange(len(self._starts)), np.diff(self._bounds))
        rows = np.arange(len(owners))
        held = (rows >= self._starts[owners]) & (rows < self._ends[owners])
        values = getattr(self, column)
        held &= ~np.isnan(values)
        told = sort_within(owners[held], as_millionths(values[held]))
        ends = np.cumsum(np.bincount(owners[held], minlength=len(self._starts)))
        n = np.diff(ends, prepend=0)
        told = np.append(told, 0)
        last = len(told) - 1
        low, high = (np.minimum(ends - n + k, last) for k in (np.maximum(n - 1, 0) // 2, n // 2))
        return np.where(n > 0, (told[low] + told[high]) / (2 * MILLION), np.nan)

    def _pick(self, column: str, rows: Whole) -> Numbers:
        held = (rows >= self._starts) & (rows < self._ends)
        found = np.full(len(rows), np.nan)
        found[held] = self._rows.pick(column, rows[held])
        return found

    def _reduce(self, join: Any, values: Array) -> Numbers:
        found = np.full(len(self._starts), np.nan)
        held = np.flatnonzero(self._ends > self._starts)
        if len(held):
            edges = np.stack([self._starts[held], self._ends[held]], axis=1).ravel()
            edges = edges[:-1] if edges[-1] == len(values) else edges
            found[held] = join.reduceat(values, edges)[::2]
        return found
