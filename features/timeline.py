"""Cut events at a moment and tell their time as an age, so that no date is left to leak through."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from features.sums import MILLION, Array, Mask, Whole, add_up, as_millionths

Codes = Mapping[str, tuple[str, ...]]

NEVER_YET = np.iinfo(np.int64).min
DAY_US = 86_400_000_000

CUSTOMER = "customer_id"
AS_OF = "as_of_us"
KEYS = (CUSTOMER, AS_OF)


class Rows:
    """Columns of events, each made when it is first asked for."""

    __slots__ = ("_columns", "_made", "_numbers", "_take", "codes", "names", "sums")

    def __init__(
        self, names: tuple[str, ...], take: Callable[[str], Array], codes: Codes | None = None
    ) -> None:
        self.names = names
        self.codes = codes or {}
        self._take = take
        self._columns: dict[str, Array] = {}
        self._numbers: dict[str, Array] = {}
        self._made: dict[Any, Any] = {}
        self.sums: dict[str, tuple[list[int], int]] = {}

    def __getitem__(self, name: str) -> Array:
        """Return the column as the source holds it."""
        try:
            return self._columns[name]
        except KeyError:
            column = self._columns[name] = self._take(name)
            return column

    def once(self, key: Any, make: Callable[..., Any], *of: Any) -> Any:
        """Return what `make(*of)` gave when it was first asked for under this key."""
        try:
            return self._made[key]
        except KeyError:
            made = self._made[key] = make(*of)
            return made

    def taken(self, places: Whole) -> "Rows":
        """Return the rows at these places."""
        return Rows(self.names, lambda name: self[name][places], self.codes)

    def numbers(self, name: str) -> Array:
        """Return the column as numbers; one that is not there is refused."""
        try:
            return self._numbers[name]
        except KeyError:
            column = self._numbers[name] = _as_numbers(self._find(name))
            return column

    def pick(self, name: str, places: Whole) -> Array:
        """Return the column at these places as numbers."""
        return _as_numbers(self._find(name)[places])

    def _find(self, name: str) -> Array:
        if name not in self.names:
            raise AttributeError(f"there is no {name}; there are {', '.join(self.names)}")
        return self[name]

    def exact(self, name: str) -> tuple[Array, int]:
        """Return the column in whole numbers, and how many of them make one."""
        return self.once(("exact", name), self._make_exact, name)  # type: ignore[no-any-return]

    def _make_exact(self, name: str) -> tuple[Array, int]:
        raw = self[name]
        whole = as_millionths(raw) if raw.dtype == np.float64 else raw
        return whole, MILLION if whole.dtype == np.int64 else 1

    def is_named(self, column: str, names: tuple[str | None, ...]) -> Mask:
        """Return whether each row's column holds one of these names."""
        return self.once((column, names), self._find_names, column, names)  # type: ignore[no-any-return]

    def _find_names(self, column: str, names: tuple[str | None, ...]) -> Mask:
        return find_named(self[column], self.codes[column], names)


def _as_numbers(column: Array) -> Array:
    return column / MILLION if column.dtype == np.int64 else column


class Source:
    """All events of one kind: customer after customer, each in the order of time.

    The events of customer i are the rows from `bounds[i]` up to `bounds[i + 1]`. A column of
    int64 holds millionths, one of fewer bits codes (places in `codes[column]`, or -1).
    """

    def __init__(
        self,
        bounds: Whole,
        at_us: Whole,
        columns: Mapping[str, Array],
        codes: Codes | None = None,
    ) -> None:
        self.bounds = bounds
        self.at_us = at_us
        self.columns = columns
        self.codes = codes or {}

    def past(self, as_of_us: int) -> tuple[Rows, Whole]:
        """Return the events strictly before the moment, told by `days_ago` (> 0), and bounds."""
        kept = None if self.latest_us < as_of_us else self.at_us < as_of_us
        return self._side(kept, "days_ago", lambda at: as_of_us - at)

    def ahead(self, as_of_us: int, days: int) -> tuple[Rows, Whole]:
        """Return the events within `days` from the moment on, told by `days_ahead` (>= 0)."""
        inside = (self.at_us >= as_of_us) & (self.at_us < as_of_us + days * DAY_US)
        return self._side(inside, "days_ahead", lambda at: at - as_of_us)

    @cached_property
    def latest_us(self) -> int:
        """When the last of all events was; long ago where there is none."""
        return int(self.at_us.max()) if len(self.at_us) else NEVER_YET

    def _side(
        self, kept: Mask | None, age: str, span: Callable[[Whole], Whole]
    ) -> tuple[Rows, Whole]:
        if kept is None:
            bounds, where = self.bounds, None
        else:
            bounds, where = add_up(kept)(self.bounds), np.flatnonzero(kept)

        def pick(column: Array) -> Array:
            return column if where is None else column[where]

        def take(name: str) -> Array:
            # Microseconds of 285 years are exact as doubles, so this is the one nearest double.
            if name == age:
                return np.asarray(span(pick(self.at_us)) / DAY_US)
            return np.asarray(pick(self.columns[name]))

        return Rows((age, *self.columns), take, self.codes), bounds


def find_named(codes: Array, told: tuple[str, ...], names: tuple[str | None, ...]) -> Mask:
    """Return whether each code stands for one of these names; `told` are the names of all codes."""
    wanted = [told.index(name) for name in names if name in told]
    if len(wanted) == 1:
        return np.asarray(codes == wanted[0])
    held = np.zeros(len(told) + 1, dtype=bool)  # the last is of -1, no code
    held[wanted] = True
    return held[codes]
