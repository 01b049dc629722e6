"""The events that features are made of: each customer's, and what can be said of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from features.rows import AT, Rows, blank, once
from features.sums import (
    MILLION,
    Array,
    Mask,
    Numbers,
    Upto,
    Whole,
    add_up,
    as_millionths,
    find_medians,
    reduce_parts,
)
from features.timeline import AGE, DAY_US, tell_days
from features.verbs import above_zero

Part = tuple[Whole, Whole]  # each customer's first row, and the one after the last


class Events:
    """Each customer's events on one side of a moment, in the order of time.

    A column, such as `orders.days_ago`, is an array over all rows, which says nothing of those at
    or after the moment; a verb, such as `orders.total("amount")`, gives one number per customer,
    NaN where nothing is known. Sums are taken over whole millionths, so that order does not matter
    and cents add up.
    """

    def __init__(self, rows: Rows, as_of_us: int | None = None, part: Part | None = None) -> None:
        self._rows = rows
        self._as_of_us = as_of_us
        past = rows.bounds[1:] if as_of_us is None or part else rows.find_edge(as_of_us)
        self._starts, self._ends = part or (rows.bounds[:-1], past)
        self._whole = part is None
        self._made: dict[Any, Any] = {}

    def __getattr__(self, column: str) -> Array:
        """Return a column as numbers; one that these events do not have is refused."""
        return once(self._made, ("column", column), self._tell, column)  # type: ignore[no-any-return]

    def _tell(self, column: str) -> Array:
        at_us = self._as_of_us
        if at_us is None:
            return self._rows.numbers(column)
        told = tell_days(at_us - self._rows[AT]) if column == AGE else self._rows.numbers(column)
        inside = once(self._made, "inside", self._find_inside)
        return told if inside is None else blank(told, inside)

    def _find_inside(self) -> Mask | None:  # None where all rows are of the past
        inside = self._rows[AT] < self._as_of_us
        return None if inside.all() else inside

    def within(self, days: float) -> "Events":
        """Return the events at most so many days from the moment."""
        starts = np.minimum(np.maximum(self._starts, self._find_recent(days)), self._ends)
        return self._narrow(starts, self._ends)

    def before(self, days: float) -> "Events":
        """Return the events more than so many days before the moment."""
        ends = np.maximum(np.minimum(self._ends, self._find_recent(days)), self._starts)
        return self._narrow(self._starts, ends)

    def _narrow(self, starts: Whole, ends: Whole) -> "Events":
        narrow = Events(self._rows, self._as_of_us, (starts, ends))
        narrow._made = self._made
        return narrow

    def _find_recent(self, days: float) -> Whole:
        assert self._as_of_us is not None, "what is to come has no windows on the past"
        return self._rows.find_edge(self._as_of_us - round(days * DAY_US))

    def stretches(self, days: int, number: int, column: str | None = None) -> Numbers:
        """Return a row per stretch of so many days, the newest first: the count or the sums."""
        edges = [self._find_recent(days * n) for n in range(1, number + 1)]
        places = np.stack([self._ends, *edges])
        if column is None:
            return -np.diff(places, axis=0).astype(np.float64)
        scale = self._rows.exact(column)[1]
        return np.asarray(-np.diff(self._rows.upto(column)(places), axis=0) / scale)

    def where(self, mask: Mask) -> "Events":
        """Return the events that the mask, one flag per row, holds."""
        return self._choose(*self._rows.masked(mask))

    def of(self, column: str, *names: Any) -> "Events":
        """Return the events whose column holds one of these names, or this flag."""
        made = self._made if self._whole else {}
        part = self._rows.part(column, names)
        chosen: Events = once(made, ("of", column, names), self._choose, *part)
        return chosen

    def _choose(self, rows: Rows, upto: Upto) -> "Events":
        chosen = Events(rows, self._as_of_us, (upto(self._starts), upto(self._ends)))
        chosen._whole = self._whole
        return chosen

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what `make()` gave when it was first asked for under this key."""
        return once(self._made, ("once", key), make)

    def names(self, column: str) -> tuple[str, ...]:
        """Return the names that the codes of a column stand for."""
        return self._rows.codes[column]

    def each(self, per_customer: Array) -> Array:
        """Return a number per customer as a number per row."""
        return np.repeat(per_customer, np.diff(self._rows.bounds))

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
        scale = self._rows.exact(column)[1]
        return np.asarray(self._between(self._rows.upto(column)) / scale)

    def _between(self, upto: Upto) -> Whole:
        """Return how much of what is told up to each place lies in these events."""
        return upto(self._ends) - upto(self._starts)

    def sum(self, key: str, make: Callable[[], Array]) -> Numbers:
        """Return the exact sum, to a millionth, of the value per row that `make()` gives.

        What it gives is kept under the key; the unknown counts as 0.
        """
        upto = once(self._made, ("sum", key), lambda: add_up(as_millionths(make())))
        return np.asarray(self._between(upto) / MILLION)

    def known(self, column: str) -> Numbers:
        """Return how many events have a value in the column."""
        if self._rows[column].dtype != np.float64:
            return self.count()
        return self._between(self._rows.known(column)).astype(np.float64)

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
        return self._reduce(np.fmax, self._rows.numbers(column))

    def least(self, column: str) -> Numbers:
        """Return the least known value."""
        return self._reduce(np.fmin, self._rows.numbers(column))

    def last(self, column: str, back: int = 0) -> Numbers:
        """Return the value of the last event, or of the one so many before it."""
        return self._pick(column, self._ends - 1 - back)

    def first(self, column: str) -> Numbers:
        """Return the value of the first event."""
        return self._pick(column, self._starts)

    def median(self, column: str) -> Numbers:
        """Return the median of what is known of a column of ages, to a millionth of a day."""
        values = self._rows.numbers(column)
        owners = np.arange(len(self._starts)).repeat(np.diff(self._rows.bounds))
        rows = np.arange(len(owners))
        held = (rows >= self._starts[owners]) & (rows < self._ends[owners]) & ~np.isnan(values)
        return find_medians(owners[held], as_millionths(values[held]), len(self._starts))

    def _pick(self, column: str, rows: Whole) -> Numbers:
        held = (rows >= self._starts) & (rows < self._ends)
        found = np.full(len(rows), np.nan)
        found[held] = self._pick_rows(column, rows[held])
        return found

    def _pick_rows(self, column: str, rows: Whole) -> Array:
        if column == AGE and self._as_of_us is not None:
            return tell_days(self._as_of_us - self._rows[AT][rows])
        return self._rows.pick(column, rows)

    def _reduce(self, join: Any, values: Array) -> Numbers:
        return reduce_parts(join, values, (self._starts, self._ends))
