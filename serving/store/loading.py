"""Load a shop's tables into the store: they say all up to their newest row."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from features.engines import Frames
from serving.store.opened import Store, now_us
from serving.store.privacy import find_erased
from serving.store.rows import write
from serving.store.schema import CHANGES, CUSTOMERS, FACTS, INTERACTIONS, TRANSACTIONS

BATCH = 20_000  # rows written in one call
LOADED = "loaded"  # the fact that tells the last load

Tell = Callable[[str], None]


def load(store: Store, frames: Frames, tell: Tell) -> dict[str, int]:
    """Return the rows of each table that were loaded, all of them or, if that fails, none.

    Rows of erased customers are left out, and counted.

    What an earlier load brought gives way. What callers told stays where it is newer than the
    newest row of its table here, since up to then the tables say all.
    """
    counts: dict[str, int] = {}
    erased = 0
    parts = {
        "transactions": (TRANSACTIONS, frames.transactions, {}),
        "interactions": (INTERACTIONS, frames.interactions, {"value": "amount"}),
        "customers": (CUSTOMERS, frames.customers, {}),
    }
    with store.write() as connection:
        for name, (table, frame, names) in parts.items():
            tell(f"loading {name}")
            read: Any = frame.rename(names).collect("polars").to_native()
            rows = _leave_out_erased(connection, read)
            erased += len(read) - len(rows)
            _clear(connection, table, rows)
            _insert(connection, table, (rows, tuple(frames.layout.attributes)))
            counts[name] = len(rows)
        connection.execute(sql.delete(CHANGES))
        _note(connection, counts)
    return counts | ({"left out, erased": erased} if erased else {})


def _leave_out_erased(connection: Connection, rows: Any) -> Any:
    erased = find_erased(connection, rows["customer_id"].unique().to_list())
    return rows.filter(~rows["customer_id"].is_in(sorted(erased))) if erased else rows


def _clear(connection: Connection, table: sql.Table, rows: Any) -> None:
    """Delete what an earlier load brought, and what was told of the time that this one covers."""
    if "told_id" not in table.c:
        connection.execute(sql.delete(table))
        return
    newest = rows["at_us"].max()
    covered = table.c.told_id.is_(None)
    if newest is not None:
        covered |= table.c.at_us <= newest
    connection.execute(sql.delete(table).where(covered))


def _insert(connection: Connection, table: sql.Table, read: tuple[Any, tuple[str, ...]]) -> None:
    rows, attributes = read
    columns = [c.name for c in table.columns if c.name in rows.columns]
    for part in rows.iter_slices(BATCH):
        told = part.select(columns).to_dicts()
        if "attributes" in table.c:
            said = part.select(attributes).to_dicts() if attributes else [{}] * len(told)
            told = [{**one, "attributes": _pack(own)} for one, own in zip(told, said, strict=True)]
        connection.execute(sql.insert(table), told)


def _pack(attributes: Mapping[str, Any]) -> str | None:
    known = {name: told for name, told in attributes.items() if told is not None}
    return json.dumps(known, sort_keys=True) if known else None


def _note(connection: Connection, counts: Mapping[str, int]) -> None:
    told = json.dumps({"at_us": now_us(), "rows": counts})
    write(connection, FACTS.c.name, [{"name": LOADED, "told": told}])
