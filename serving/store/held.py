"""What the store has of customers, read as columns: row objects are made only of whom is asked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sql
from sqlalchemy.engine import Connection

from features.arrow import ACTS, LINES, as_table
from features.sums import Array, Whole
from serving.store.opened import Store
from serving.store.rows import (
    AT_ONCE,
    SAID,
    Listed,
    Stored,
    StoredAct,
    StoredLine,
    as_moment,
    select_rows,
)
from serving.store.schema import CUSTOMERS, INTERACTIONS, TRANSACTIONS

_OWNER = ("customer_id", pa.string())
_LINE = pa.schema([_OWNER, *list(LINES)[1:], ("currency", pa.string())])
_ACT = pa.schema([_OWNER, *list(ACTS)[1:]])
PART = 2_000  # customers at a time
ROWS = 2_000  # fetched at once; more objects than that would be looked through as garbage
_RENAMED = {"value": "amount"}  # as the store calls it


class Part(NamedTuple):
    """The rows of one table: those of the customer at place i, in order of time, from bounds[i]."""

    table: pa.Table
    bounds: Whole

    @property
    def sizes(self) -> Whole:
        """How many rows each customer has."""
        return self.bounds[1:] - self.bounds[:-1]

    @property
    def owner(self) -> Array:
        """The place of each row's customer."""
        return np.arange(len(self.bounds) - 1, dtype=np.int32).repeat(self.sizes)

    def choose(self, places: Whole, numbers: Array, schema: pa.Schema) -> pa.Table:
        """Return the rows of customers at these places, which may repeat, under other numbers."""
        sizes = self.sizes[places]
        ends = sizes.cumsum()
        rows = np.arange(sizes.sum()) + (self.bounds[places] - ends + sizes).repeat(sizes)
        owner = numbers.astype(np.int32).repeat(sizes)
        taken = self.table.select(schema.names[1:]).take(pa.array(rows))
        return taken.add_column(0, schema.field(0), pa.array(owner))

    def tell(self, place: int, form: type[Any], renamed: str) -> list[Any]:
        """Return the rows of one customer as objects of this form; `renamed` is their time."""
        first, last = self.bounds[place], self.bounds[place + 1]
        columns = {n: self.table[n].slice(first, last - first).to_pylist()
                   for n in self.table.column_names}  # fmt: skip
        columns[renamed] = [as_moment(at_us) for at_us in columns["at_us"]]
        return [form(*row) for row in zip(*(columns[n] for n in form._fields), strict=True)]


@dataclass(frozen=True, eq=False)
class Held(Mapping[str, Stored]):
    """All that the store has of some customers, by their id; `places` are of those it knows."""

    places: Mapping[str, int]
    lines: Part
    acts: Part
    listed: Mapping[str, list[Listed]]

    def __getitem__(self, who: str) -> Stored:
        """Return all that the store has of a customer, a row an object."""
        place = self.places[who]
        return Stored(
            self.lines.tell(place, StoredLine, "ordered_at"),
            self.acts.tell(place, StoredAct, "occurred_at"),
            self.listed.get(who, []),
        )

    def __contains__(self, who: object) -> bool:
        """Return whether the store has something of a customer."""
        return who in self.places

    def __iter__(self) -> Iterator[str]:
        """Return the ids of customers of whom the store has something."""
        return iter(self.places)

    def __len__(self) -> int:
        """Return of how many customers the store has something."""
        return len(self.places)


def _make_empty(schema: pa.Schema) -> Part:
    return Part(schema.remove(0).empty_table(), np.zeros(1, dtype=np.int64))


NOTHING = Held({}, _make_empty(_LINE), _make_empty(_ACT), {})


def read_held(connection: Connection, ids: Iterable[str]) -> Held:
    """Return what the store has of each of these customers, of whom some may be unknown to it."""
    distinct = sorted(set(ids))  # as the index has them, so that rows come in this order
    lines = _read(connection, TRANSACTIONS, (_LINE, distinct))
    acts = _read(connection, INTERACTIONS, (_ACT, distinct))
    listed: dict[str, list[Listed]] = defaultdict(list)
    for rows in _ask(connection, SAID, distinct):
        for who, *rest in rows:
            listed[who].append(Listed(*rest))
    held = (lines.sizes + acts.sizes > 0).tolist()
    known = zip(distinct, held, strict=True)
    places = {who: i for i, (who, rows) in enumerate(known) if rows or who in listed}
    return Held(places, lines, acts, dict(listed))


def _read(connection: Connection, table: sql.Table, asked: tuple[pa.Schema, list[str]]) -> Part:
    schema, ids = asked
    columns = [table.c[_RENAMED.get(name, name)] for name in schema.names]
    parts = (as_table(rows, schema) for rows in _ask(connection, columns, ids))
    read = pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()
    owner = pc.index_in(read["customer_id"], pa.array(ids, pa.string())).to_numpy()
    if (owner[1:] < owner[:-1]).any():  # PostgreSQL may have another order of names
        order = np.argsort(owner, kind="stable")
        read, owner = read.take(pa.array(order)), owner[order]
    return Part(read.drop_columns("customer_id"), np.searchsorted(owner, np.arange(len(ids) + 1)))


def _ask(connection: Connection, columns: Sequence[Any], ids: list[str]) -> Iterator[Sequence[Any]]:
    """Yield the rows of customers, many at once: row by row they take four times as long."""
    asked = select_rows(tuple(columns))
    for first in range(0, len(ids), AT_ONCE):
        some = {"ids": ids[first : first + AT_ONCE]}
        yield from connection.execute(asked, some).partitions(ROWS)


def list_customers(store: Store) -> Iterator[list[str]]:
    """Yield the ids of every customer in some table, in order, a part at a time."""
    columns = [table.c.customer_id for table in (TRANSACTIONS, INTERACTIONS, CUSTOMERS)]
    last = ""
    while True:
        firsts = [
            sql.select(c).distinct().where(c > last).order_by(c).limit(PART).subquery()
            for c in columns
        ]
        every = sql.union(*(sql.select(first) for first in firsts)).subquery()
        some = sql.select(every.c.customer_id).order_by(every.c.customer_id).limit(PART)
        with store.read() as connection:
            ids = list(connection.execute(some).scalars())
        if not ids:
            return
        yield ids
        last = ids[-1]
