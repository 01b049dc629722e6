"""Columns of events, and what follows from them at whatever moment."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from features.sums import MILLION, Array, Mask, Upto, Whole, add_up, as_millionths

Codes = Mapping[str, tuple[str, ...]]

NO_BOUNDS = np.zeros(0, dtype=np.int64)  # of one customer alone, who has all rows
AT = "at_us"  # the time of each row, which features are told as an age


class Rows:
    """Columns of events, each made when it is first asked for, and what follows from them.

    Rows may be of all times, of which each moment looks at those before it. What does not depend
    on the moment is made once for all of them: sums, parts of one kind, and where in each
    customer's rows a time lies, which is one moment's past and another's window.
    """

    __slots__ = ("_columns", "_made", "_numbers", "_take", "bounds", "codes", "names", "sums")

    def __init__(
        self, names: tuple[str, ...], take: Callable[[str], Array], bounds: Whole, codes: Codes
    ) -> None:
        self.names = names
        self.bounds = bounds
        self.codes = codes
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
        try:  # not by once(): a call more is felt, where there is one customer
            return self._made[key]
        except KeyError:
            made = self._made[key] = make(*of)
            return made

    def taken(self, places: Whole, bounds: Whole = NO_BOUNDS) -> "Rows":
        """Return the rows at these places, each customer's between two bounds."""
        # They know these columns and not these rows, which know them: else neither is ever freed.
        columns, take = self._columns, self._take

        def pick(name: str) -> Array:
            return np.asarray(once(columns, name, take, name)[places])

        return Rows(self.names, pick, bounds, self.codes)

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

    def find_edge(self, at_us: int) -> Whole:
        """Return the place, in each customer's rows, of the first at or after that time."""
        return self.once(("edge", at_us), self._find_edge, at_us)  # type: ignore[no-any-return]

    def _find_edge(self, at_us: int) -> Whole:
        earlier = add_up(self[AT] < at_us)(self.bounds)
        return self.bounds[:-1] + (earlier[1:] - earlier[:-1])

    def upto(self, column: str) -> Upto:
        """Return what adds the column up before places, in the whole numbers of `exact`."""
        return self.once(("upto", column), lambda: add_up(self.exact(column)[0]))  # type: ignore[no-any-return]

    def known(self, column: str) -> Upto:
        """Return what counts the known values of a column before places."""
        return self.once(("known", column), lambda: add_up(~np.isnan(self[column])))  # type: ignore[no-any-return]

    def part(self, column: str, names: tuple[Any, ...]) -> tuple["Rows", Upto]:
        """Return the rows whose column holds one of these names, and what counts them."""
        return self.once(("part", column, names), self._find_part, column, names)  # type: ignore[no-any-return]

    def _find_part(self, column: str, names: tuple[Any, ...]) -> tuple["Rows", Upto]:
        flag = self[column].dtype == np.bool_
        return self.masked(self[column] == names[0] if flag else self.is_named(column, names))

    def masked(self, mask: Mask) -> tuple["Rows", Upto]:
        """Return the rows that the mask holds, and what counts them before places."""
        upto, (places,) = add_up(mask), np.nonzero(mask)
        return self.taken(places, upto(self.bounds)), upto


def _as_numbers(column: Array) -> Array:
    return column / MILLION if column.dtype == np.int64 else column


def once(made: dict[Any, Any], key: Any, make: Callable[..., Any], *of: Any) -> Any:
    """Return what was made under this key, or else what `make(*of)` gives, which is kept there."""
    try:
        return made[key]
    except KeyError:
        found = made[key] = make(*of)
        return found


def blank(told: Array, inside: Mask) -> Array:
    """Return what is told of the rows inside, and nothing of the others: NaN, false, or no code."""
    nothing = {"f": np.nan, "b": False}.get(told.dtype.kind, -1)
    return np.where(inside, told, np.asarray(nothing, dtype=told.dtype))


def find_named(codes: Array, told: tuple[str, ...], names: tuple[str | None, ...]) -> Mask:
    """Return whether each code stands for one of these names; `told` are the names of all codes."""
    wanted = [told.index(name) for name in names if name in told]
    if len(wanted) == 1:
        return np.asarray(codes == wanted[0])
    held = np.zeros(len(told) + 1, dtype=bool)  # the last is of -1, no code
    held[wanted] = True
    return held[codes]
