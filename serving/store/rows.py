"""Rows that callers told or a load brought: written once however often they are told, and read."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from contract.moments import EPOCH, as_micros
from features.told import Entry
from serving.store.opened import now_us
from serving.store.schema import CHANGES, CUSTOMERS, INTERACTIONS, TRANSACTIONS

AT_ONCE = 500  # ids in one question to the database


class StoredLine(NamedTuple):
    """An order line as the store has it."""

    ordered_at: datetime
    order_id: str
    amount: float
    product_id: str | None
    quantity: float | None
    discount: float | None
    currency: str | None


class StoredAct(NamedTuple):
    """An interaction as the store has it."""

    occurred_at: datetime
    kind: str
    channel: str | None
    value: float | None
    initiated_by: str | None


class Listed(NamedTuple):
    """What is said of a customer, and from when on; attributes as JSON."""

    since_us: int | None
    valid_from_us: int | None
    country: str | None
    kind: str | None
    attributes: str | None


@dataclass(frozen=True)
class Stored:
    """All that the store has of one customer, in the order of time."""

    lines: list[StoredLine] = field(default_factory=list)
    acts: list[StoredAct] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)


_LINE = [TRANSACTIONS.c[n] for n in ("customer_id", "at_us", "order_id", "amount", "product_id",
                                     "quantity", "discount", "currency")]  # fmt: skip
_ACT = [INTERACTIONS.c[n] for n in ("customer_id", "at_us", "kind", "channel", "amount",
                                    "initiated_by")]  # fmt: skip
SAID = [CUSTOMERS.c[n] for n in ("customer_id", *Listed._fields)]


def add_transactions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write order lines, each with the columns of the table; one told before is told anew."""
    _upsert(connection, TRANSACTIONS, rows)


def add_interactions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write interactions, each with the columns of the table; one told before is told anew."""
    _upsert(connection, INTERACTIONS, rows)


def _upsert(connection: Connection, table: sql.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [c.name for c in table.columns if c.name != "row"]
    told = [{name: row.get(name) for name in columns} for row in rows]
    ids = [row["told_id"] for row in told]
    # A row that is told anew may speak of another customer now.
    before = connection.execute(sql.select(table.c.customer_id).where(table.c.told_id.in_(ids)))
    moved = set(before.scalars())
    write(connection, table.c.told_id, told)
    mark_changed(connection, moved | {str(row["customer_id"]) for row in told})


def write(connection: Connection, key: sql.Column, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, each in place of the one that has its key; of several with one key, the last."""
    if not rows:
        return
    last = {row[key.name]: row for row in rows}
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert: Any = made(key.table)
    changed = {name: insert.excluded[name] for name in rows[0] if name != key.name}
    renewed = insert.on_conflict_do_update(index_elements=[key], set_=changed)
    connection.execute(renewed, list(last.values()))


def mark_changed(connection: Connection, ids: Iterable[str]) -> None:
    """Note that something was told of these customers: answers made before are out of date."""
    at_us = now_us()
    rows = [{"customer_id": one, "changed_us": at_us} for one in sorted(ids)]
    write(connection, CHANGES.c.customer_id, rows)


def read_stored(connection: Connection, ids: Iterable[str]) -> dict[str, Stored]:
    """Return what the store has of each of these customers, of whom some may be unknown to it.

    For many of them, `read_held` is faster.
    """
    found: dict[str, Stored] = defaultdict(Stored)
    distinct = list(dict.fromkeys(ids))
    for first in range(0, len(distinct), AT_ONCE):
        some = distinct[first : first + AT_ONCE]
        for who, at_us, *rest in _ask(connection, _LINE, some):
            found[who].lines.append(StoredLine(as_moment(at_us), *rest))
        for who, at_us, *rest in _ask(connection, _ACT, some):
            found[who].acts.append(StoredAct(as_moment(at_us), *rest))
        for who, *rest in _ask(connection, SAID, some):
            found[who].listed.append(Listed(*rest))
    return dict(found)


def _ask(connection: Connection, columns: Sequence[Any], ids: list[str]) -> Iterable[Any]:
    # All at once: row by row takes longer.
    return connection.execute(select_rows(tuple(columns)), {"ids": ids}).all()


@cache
def select_rows(columns: tuple[Any, ...]) -> Any:
    """Return what asks for columns of customers; made once, as that takes longer than asking."""
    table = columns[0].table
    times = [table.c.at_us] if "at_us" in table.c else []
    # As the index has them; by row last, so that rows of one moment come in one order everywhere.
    order = (table.c.customer_id, *times, table.c.row)
    some = table.c.customer_id.in_(sql.bindparam("ids", expanding=True))
    return sql.select(*columns).where(some).order_by(*order)


def as_moment(at_us: int) -> datetime:
    """Return the moment that is so many microseconds after 1970 began in UTC."""
    return EPOCH + timedelta(microseconds=at_us)


def list_entries(place: int, listed: Iterable[Listed]) -> list[Entry]:
    """Return what is said of the customer at that place, where it is said from when on."""
    return [
        Entry(place, one.valid_from_us, one.country, one.kind, json.loads(one.attributes or "{}"))
        for one in listed
        if one.valid_from_us is not None
    ]


def find_since(told: datetime | None, listed: Iterable[Listed], as_of: datetime) -> int | None:
    """Return when the customer became known: as is told, else as the store has it."""
    stored = [one.since_us for one in listed if one.since_us is not None]
    known = as_micros(told) if told else min(stored, default=None)
    return known if known is not None and known < as_micros(as_of) else None
