"""DuckDB, embedded: read a source and give its columns the contract's names and types."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pyarrow as pa

from contract.columns import Column
from contract.errors import TablesError
from contract.tables import Layout

_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "time": "BIGINT"}
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_ISO_ZONE = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$"


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def read(source: Any) -> duckdb.DuckDBPyRelation | None:
    """Return a Parquet file, CSV file or frame as a DuckDB relation."""
    if source is None:
        return None
    try:
        if not isinstance(source, Path):
            return _connection().from_arrow(
                nw.from_native(source).lazy().collect("pyarrow").to_native()
            )
        if source.suffix == ".csv":
            return _connection().read_csv(str(source), all_varchar=True, header=True)
        return _connection().read_parquet(str(source))
    except duckdb.Error as error:
        raise TablesError(
            f"{source} cannot be read as {source.suffix.strip('.')}.", "Write the file again."
        ) from error


def make_frame(columns: dict[str, list[int]]) -> nw.LazyFrame:
    """Return a small table of whole numbers as a relation."""
    table = pa.table({name: pa.array(v, pa.int64()) for name, v in columns.items()})
    return nw.from_native(_connection().from_arrow(table))


def type_columns(
    native: duckdb.DuckDBPyRelation | None,
    columns: list[tuple[Column, str | None]],
    layout: Layout,
    keep_text: bool,
) -> nw.LazyFrame:
    """Return the contract's columns, typed; what cannot be read as its type is null."""
    relation = _connection().sql("SELECT 1 WHERE false") if native is None else native
    given = dict(zip(relation.columns, map(str, relation.types), strict=True))
    made = [
        f"{_typed(c, theirs, given, layout.timezone)} AS {_quote(c.typed_name)}"
        for c, theirs in columns
    ]
    if keep_text:
        made += [
            f"{_quote(theirs)}::VARCHAR AS {_quote(c.name + '_text')}"
            for c, theirs in columns
            if theirs is not None and c.kind != "text"
        ]
    return nw.from_native(relation.project(", ".join(made)))


def _typed(column: Column, theirs: str | None, given: dict[str, str], timezone: str) -> str:
    if theirs is None:
        return f"NULL::{_TYPES[column.kind]}"
    values, kind = _quote(theirs), given[theirs]
    if column.kind == "text":
        whole = f"TRY_CAST({values} AS BIGINT)" if kind in ("DOUBLE", "FLOAT") else values
        return f"NULLIF({whole}::VARCHAR, '')"
    if column.kind == "number":
        number = f"TRY_CAST({values} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return _micros(values, kind, timezone)


def _micros(values: str, kind: str, timezone: str) -> str:
    zone = "'" + timezone.replace("'", "''") + "'"
    if kind == "VARCHAR":
        naive = f"epoch_us(timezone({zone}, TRY_CAST({values} AS TIMESTAMP)))"
        aware = f"epoch_us(TRY_CAST({values} AS TIMESTAMPTZ))"
        return (
            f"CASE WHEN regexp_matches({values}, '{_ISO_ZONE}') THEN {aware} "
            f"WHEN regexp_matches({values}, '{_ISO}') THEN {naive} END"
        )
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({values})"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"epoch_us(timezone({zone}, {values}::TIMESTAMP))"
    return "NULL::BIGINT"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
