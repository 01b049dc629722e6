"""Load a shop's tables into the store, some customers at a time: they say all up to their end."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sql
from sqlalchemy.engine import Connection

from features.engines import Frames
from serving.store.held import list_customers
from serving.store.opened import Store, now_us
from serving.store.privacy import find_erased
from serving.store.rows import write
from serving.store.schema import CHANGES, CUSTOMERS, FACTS, INTERACTIONS, TRANSACTIONS

BATCH = 10_000  # rows in one transaction: a fraction of a second, so that others can write between
LOADED = "loaded"  # the fact that tells the last load

Move = Callable[[int, int], None]
Row = Mapping[str, Any]


class Sheet(NamedTuple):
    """Rows for a table of the store, in the order of customers, and up to when they say all."""

    table: sql.Table
    rows: pl.DataFrame
    attributes: tuple[str, ...] = ()
    newest_us: int | None = None


def load(store: Store, frames: Frames, move: Move) -> dict[str, int]:
    """Return the rows of each table that were loaded; `move` is told of rows done, and of all.

    All rows of one customer change together, so that a load that is stopped leaves each as before
    or as after, and is run again. Rows of erased customers are left out, and counted.

    What an earlier load brought gives way. What callers told stays where it is newer than the
    newest row of its table here, since up to then the tables say all.
    """
    began, sheets = now_us(), read_sheets(frames)
    counts, erased = dict.fromkeys(sheets, 0), 0
    total = sum(len(sheet.rows) for sheet in sheets.values())
    known: set[str] = set()
    for ids, own in cut(sheets):
        move(sum(counts.values()) + erased, total)
        told = {name: list(list_rows(sheet)) for name, sheet in own.items()}
        with store.write() as connection:
            gone = find_erased(connection, ids)
            for name, sheet in own.items():
                rows = [row for row in told[name] if row["customer_id"] not in gone]
                _clear(connection, sheet, ids)
                if rows:
                    connection.execute(sql.insert(sheet.table), rows)
                counts[name] += len(rows)
                erased += len(told[name]) - len(rows)
        known.update(ids)
    _clear_others(store, sheets, known)
    with store.write() as connection:
        connection.execute(sql.delete(CHANGES).where(CHANGES.c.changed_us < began))
        _note(connection, counts)
    move(total, total)
    return counts | ({"left out, erased": erased} if erased else {})


def read_sheets(frames: Frames) -> dict[str, Sheet]:
    """Return the rows of each table, by its name."""

    def read(frame: Any) -> pl.DataFrame:
        rows: pl.DataFrame = frame.collect("polars").to_native()
        return rows.sort("customer_id", maintain_order=True)

    lines, acts = read(frames.transactions), read(frames.interactions.rename({"value": "amount"}))
    return {
        "transactions": Sheet(TRANSACTIONS, lines, (), _find_newest(lines)),
        "interactions": Sheet(INTERACTIONS, acts, (), _find_newest(acts)),
        "customers": Sheet(CUSTOMERS, read(frames.customers), tuple(frames.layout.attributes)),
    }


def _find_newest(rows: pl.DataFrame) -> int | None:
    return None if rows.is_empty() else int(rows["at_us"].to_numpy().max())


def cut(sheets: Mapping[str, Sheet]) -> Iterator[tuple[list[str], dict[str, Sheet]]]:
    """Yield customers, about BATCH rows of them at a time, and their rows of each table."""
    ids = pl.concat([sheet.rows.select("customer_id") for sheet in sheets.values()])
    sizes = ids.group_by("customer_id").len("rows").sort("customer_id")
    before = pl.col("rows").cast(pl.Int64).cum_sum() - pl.col("rows")
    numbered = sizes.with_columns(part=before // BATCH)
    for part in numbered.partition_by("part", maintain_order=True):
        some = part["customer_id"].to_list()
        yield some, {name: _slice(sheet, some[0], some[-1]) for name, sheet in sheets.items()}


def _slice(sheet: Sheet, first: str, last: str) -> Sheet:
    """Return the rows of customers from one up to another, and theirs too."""
    of = sheet.rows["customer_id"]
    begin, end = of.search_sorted(first, "left"), of.search_sorted(last, "right")
    return sheet._replace(rows=sheet.rows[begin:end])


def list_rows(sheet: Sheet) -> Sequence[Row]:
    """Return rows with the columns that the store has of them."""
    columns = [c.name for c in sheet.table.columns if c.name in sheet.rows.columns]
    told = sheet.rows.select(columns).to_dicts()
    if "attributes" not in sheet.table.c:
        return told
    own = sheet.rows.select(sheet.attributes).to_dicts() if sheet.attributes else [{}] * len(told)
    return [{**one, "attributes": _pack(said)} for one, said in zip(told, own, strict=True)]


def _pack(attributes: Row) -> str | None:
    known = {name: told for name, told in attributes.items() if told is not None}
    return json.dumps(known, sort_keys=True) if known else None


def _clear(connection: Connection, sheet: Sheet, ids: Sequence[str]) -> None:
    """Delete what an earlier load brought of customers, and what was told of the time covered."""
    table = sheet.table
    gone: Any = table.c.customer_id.in_(ids)
    if "told_id" in table.c:
        # Not `IS NULL`, for which SQLite would look through the index of all rows ever loaded.
        covered = sql.func.coalesce(table.c.told_id, "") == ""
        if sheet.newest_us is not None:
            covered |= table.c.at_us <= sheet.newest_us
        gone &= covered
    connection.execute(sql.delete(table).where(gone))


def _clear_others(store: Store, sheets: Mapping[str, Sheet], known: set[str]) -> None:
    """Delete what an earlier load brought of customers who are in no table any more."""
    for ids in list_customers(store):
        if others := [who for who in ids if who not in known]:
            with store.write() as connection:
                for sheet in sheets.values():
                    _clear(connection, sheet, others)


def _note(connection: Connection, counts: Mapping[str, int]) -> None:
    told = json.dumps({"at_us": now_us(), "rows": counts})
    write(connection, FACTS.c.name, [{"name": LOADED, "told": told}])
