"""The events of one customer alone, and what can be said of them: the verbs of Events in numbers.

An array operation costs a microsecond however short the array, and a catalogue takes thousands.
For one customer the same feature functions are given these events, whose verbs answer with plain
numbers, the same to the last bit.
"""
# ruff: noqa: D102 - what each verb returns is said where it is first defined, in Events.

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from math import nan, sqrt
from typing import Any

import numpy as np

from features.rows import Rows
from features.sums import MILLION, Array, Mask, as_millionths


class Alone:
    """One customer's events on one side of a moment: see Events for what each verb says."""

    __slots__ = ("_end", "_first", "_rows")

    def __init__(self, rows: Rows, first: int, end: int) -> None:
        self._rows = rows
        self._first = first
        self._end = end

    def __getattr__(self, column: str) -> Array:
        """Return a column as numbers; one that these events do not have is refused."""
        return self._rows.numbers(column)

    def within(self, days: float) -> "Alone":
        first = min(max(self._first, self._find_recent(days)), self._end)
        return Alone(self._rows, first, self._end)

    def before(self, days: float) -> "Alone":
        end = max(min(self._end, self._find_recent(days)), self._first)
        return Alone(self._rows, self._first, end)

    def _find_recent(self, days: float) -> int:
        return self._rows.once(days, self._search, days)  # type: ignore[no-any-return]

    def _search(self, days: float) -> int:
        return bisect_left(self._rows.once("turned", self._turn_ages), -days)

    def _turn_ages(self) -> list[float]:
        turned: list[float] = (-self._rows["days_ago"]).tolist()
        return turned

    def stretches(self, days: int, number: int, column: str | None = None) -> list[float]:
        ages = range(days, days * number + 1, days)
        places = [self._end, *(self._find_recent(age) for age in ages)]
        if column is None:
            return [float(b - a) for a, b in zip(places[1:], places, strict=False)]
        sums, scale = self._add_up(column)
        pairs = zip(places[1:], places, strict=False)
        return [(sums[b] - sums[a]) / scale for a, b in pairs]

    def where(self, mask: Mask) -> "Alone":
        places = mask[self._first : self._end].nonzero()[0]
        rows = self._rows.taken(places + self._first if self._first else places)
        return Alone(rows, 0, len(places))

    def of(self, column: str, *names: Any) -> "Alone":
        key = ("of", column, names, self._first, self._end)
        some = self._rows.once(key, self._choose, column, names)
        # Nothing is kept that knows these rows, which keep it: else neither is ever freed.
        return Alone(self._rows, self._first, self._first) if some is None else some

    def _choose(self, column: str, names: tuple[Any, ...]) -> "Alone | None":
        told = self._rows[column]
        flag = told.dtype == np.bool_
        mask = told == names[0] if flag else self._rows.is_named(column, names)
        return self.where(mask) if mask[self._first : self._end].any() else None

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        return self._rows.once(key, make)

    def names(self, column: str) -> tuple[str, ...]:
        return self._rows.codes[column]

    def each(self, number: float) -> float:
        return number

    def count(self, mask: Mask | None = None) -> float:
        if mask is None:
            return float(self._end - self._first)
        return float(np.count_nonzero(mask[self._first : self._end]))

    def most(self, column: str) -> float:
        codes = self._rows[column][self._first : self._end].tolist()
        return float(max(Counter(codes).values(), default=0))

    def total(self, column: str) -> float:
        sums, scale = self._add_up(column)
        return (sums[self._end] - sums[self._first]) / scale

    def _add_up(self, column: str) -> tuple[list[int], int]:
        sums = self._rows.sums
        if column not in sums:
            exact, scale = self._rows.exact(column)
            sums[column] = list(accumulate(exact.tolist(), initial=0)), scale
        return sums[column]

    def sum(self, key: str, make: Callable[[], Array]) -> float:
        whole: list[int] = self._rows.once(("made", key), lambda: as_millionths(make()).tolist())
        return sum(whole[self._first : self._end]) / MILLION

    def known(self, column: str) -> float:
        raw = self._rows[column]
        return self.count(~np.isnan(raw)) if raw.dtype == np.float64 else self.count()

    def mean(self, column: str) -> float:
        known = self.known(column)
        return self.total(column) / known if known else nan

    def spread(self, column: str) -> float:
        freedom = self.known(column) - 1
        if freedom <= 0:
            return nan
        values = self._rows.numbers(column)[self._first : self._end]
        apart = values - self.mean(column)
        apart = np.where(np.isnan(apart), 0.0, apart)
        squares: float = np.add.reduceat(apart * apart, [0])[0]
        return sqrt(squares / freedom)

    def greatest(self, column: str) -> float:
        return self._join(np.fmax, column)

    def least(self, column: str) -> float:
        return self._join(np.fmin, column)

    def _join(self, join: Any, column: str) -> float:
        if self._first == self._end:
            return nan
        return float(join.reduce(self._rows.numbers(column)[self._first : self._end]))

    def last(self, column: str, back: int = 0) -> float:
        return self._pick(column, self._end - 1 - back)

    def first(self, column: str) -> float:
        return self._pick(column, self._first)

    def _pick(self, column: str, place: int) -> float:
        if not self._first <= place < self._end:
            return nan
        return float(self._rows.numbers(column)[place])

    def median(self, column: str) -> float:
        values = self._rows.numbers(column)[self._first : self._end]
        told = sorted(as_millionths(values[~np.isnan(values)]).tolist())
        n = len(told)
        return (told[(n - 1) // 2] + told[n // 2]) / (2 * MILLION) if n else nan
