"""The leak gate: no feature may know what came at or after its moment."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from contract.errors import PatronError
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute_one
from features.dictionary import list_features
from features.history import History
from features.sources import Shop
from features.sums import Array
from features.tables import Table
from features.timeline import DAY_US

CUSTOMERS = 2_000  # at whom the gate looks: a leak shows on any of them

# What is put into the tables, in microseconds from the moment on.
AFTER: Mapping[str, int] = {
    "a row at the moment": 0,
    "a row one microsecond later": 1,
    "rows of the year after": 200 * DAY_US,
}
BEFORE = -1


Change = Callable[[Array], Array]


class LeakError(PatronError):
    """A feature that knows what came at or after its moment."""

    code = "leak"


@dataclass(frozen=True)
class Leak:
    """A feature, and what it should not have seen."""

    feature: str
    saw: str


def refuse_leaks(history: History, moment: datetime, norms: Norms) -> None:
    """Raise if a feature sees what comes at or after the moment."""
    leaks = find_leaks(history, moment, norms)
    if leaks:
        told = "; ".join(f"{leak.feature} saw {leak.saw}" for leak in leaks[:5])
        raise LeakError(
            f"{len({leak.feature for leak in leaks})} features know the future: {told}.",
            "Let them read events only through the verbs of their sources.",
        )


def find_leaks(
    history: History, moment: datetime, norms: Norms, names: Iterable[str] | None = None
) -> list[Leak]:
    """Return each feature that changes with rows put in at or after the moment."""
    some, as_of_us = history.sample(CUSTOMERS), as_micros(moment)
    names = list_features(history.attributes) if names is None else tuple(names)
    usual = compute_one(Shop(some), as_of_us, norms, names)
    return [
        Leak(name, what)
        for what, shift in AFTER.items()
        for name, column in compute_one(
            Shop(put_rows(some, as_of_us + shift)), as_of_us, norms, names
        ).items()
        if not np.array_equal(column, usual[name], equal_nan=True)
    ]


def find_aware(
    history: History, moment: datetime, norms: Norms, names: Iterable[str] | None = None
) -> set[str]:
    """Return the features that see rows one microsecond before the moment: the gate's own proof."""
    as_of_us = as_micros(moment)
    names = list_features(history.attributes) if names is None else tuple(names)
    usual = compute_one(Shop(history), as_of_us, norms, names)
    changed = compute_one(Shop(put_rows(history, as_of_us + BEFORE)), as_of_us, norms, names)
    return {n for n in names if not np.array_equal(changed[n], usual[n], equal_nan=True)}


def put_rows(history: History, at_us: int) -> History:
    """Return the history with rows at that time for every customer who has rows in a table."""
    said = history.listed.columns.keys() - {"at_us"}
    return replace(
        history,
        lines=_put(history.lines, at_us, {"order": _other, "amount": _more, "quantity": _more}),
        acts=_put(history.acts, at_us, {}),
        listed=_put(history.listed, at_us, dict.fromkeys(said, _next)),
    )


def _put(table: Table, at_us: int, changes: Mapping[str, Change]) -> Table:
    """Return the table with each customer's rows again at that time, in their place in time."""
    owner = np.repeat(np.arange(len(table.bounds) - 1), np.diff(table.bounds))
    again = {n: changes.get(n, _same)(column) for n, column in table.columns.items()}
    again["at_us"] = np.full(len(owner), at_us)
    both = {n: np.concatenate([table[n], again[n]]) for n in table.columns}
    owners = np.concatenate([owner, owner])
    order = np.lexsort((both["at_us"], owners))
    return Table(2 * table.bounds, {n: column[order] for n, column in both.items()})


def _same(column: Array) -> Array:
    return column


def _more(column: Array) -> Array:
    return column * 7


def _next(column: Array) -> Array:
    # Another code, or another number: 1 and 0 change places.
    return np.asarray(column + 1 - 2 * (column > 0), dtype=column.dtype)


def _other(column: Array) -> Array:
    return np.bitwise_xor(column, np.uint64(0xA5A5))
