"""Tables opened for one pass over their rows: those of a database are never whole in memory."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from contract.findings import take_one
from contract.tables import SqlTable, Tables
from features.databases import count, fetch_batches
from features.engines import read_tables


def stream_tables(tables: Tables, engine: str) -> dict[str, nw.LazyFrame]:
    """Return every table, typed, with all its rows, which a database sends so many at a time."""
    held = {name: s for name, s in tables.sources.items() if isinstance(s, SqlTable)}
    heads = {name: _find_head(source) for name, source in held.items()}
    with_heads = Tables({**tables.sources, **heads}, tables.layout)
    opened = read_tables(with_heads, engine)
    if held:
        # Rows are typed by Polars, whatever reads the rest: in a part they are Polars' anyway.
        typed = opened if engine == "polars" else read_tables(with_heads, "polars")
        for name, source in held.items():
            if heads[name] is not None:
                opened[name] = _stream(name, source, (with_heads, typed[name]))
    return opened


def _find_head(source: SqlTable) -> pa.Table | None:
    """Return the columns of a SQL table without rows; None where it is not there."""
    with closing(fetch_batches(source)) as batches:
        return next(batches, None)


def _stream(name: str, source: SqlTable, head: tuple[Tables, nw.LazyFrame]) -> nw.LazyFrame:
    """Return a table that asks the database for its rows each time it is collected."""
    tables, typed = head
    schema = typed.to_native().collect_schema()

    def read(
        columns: list[str] | None, where: pl.Expr | None, most: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = float("inf") if most is None else most
        with closing(fetch_batches(source)) as batches:
            for batch in batches:
                sources: Mapping[str, Any] = {**tables.sources, name: batch}
                rows = read_tables(Tables(sources, tables.layout), "polars")[name].to_native()
                rows = rows.head(int(min(left, len(batch))))
                rows = rows if where is None else rows.filter(where)
                yield rows.select(columns or pl.all()).collect()
                left -= len(batch)
                if left <= 0:
                    break

    return nw.from_native(register_io_source(read, schema=schema))


def count_rows(tables: Tables, engine: str) -> dict[str, int]:
    """Return how many rows each source has, unusable ones too."""
    opened = stream_tables(tables, engine)
    return {
        name: count(source)
        if isinstance(source, SqlTable)
        else int(take_one(opened[name].select(n=nw.len()))["n"])
        for name, source in tables.sources.items()
    }
