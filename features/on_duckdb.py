"""DuckDB, embedded: read a source and give its columns the contract's names and types."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from contract.columns import Column
from contract.errors import TablesError
from contract.tables import Layout
from features.forms import NAIVE, NUMBER, ZONED

_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "time": "BIGINT"}

# Told, not guessed from the first rows.
_CSV: dict[str, Any] = {
    "all_varchar": True,
    "header": True,
    "delimiter": ",",
    "quotechar": '"',
    "escapechar": '"',
    "comment": "",
    "skiprows": 0,
}


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
    if not isinstance(source, Path):
        table = nw.from_native(source).lazy().collect("pyarrow").to_native()
        return _connection().from_arrow(table) if table.num_columns else None
    try:
        if source.suffix == ".csv":
            return _connection().read_csv(str(source), **_CSV)
        return _connection().read_parquet(str(source))
    except duckdb.Error as error:
        raise TablesError(
            f"{source} cannot be read as {source.suffix.strip('.')}.", "Write the file again."
        ) from error


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
        whole = f"TRY_CAST({values} AS BIGINT)"
        if kind in ("DOUBLE", "FLOAT"):
            return f"CASE WHEN {whole} = {values} THEN {whole}::VARCHAR END"
        return f"NULLIF({values}::VARCHAR, '')"
    if column.kind == "number":
        number = f"TRY_CAST({values} AS DOUBLE)"
        written = f" AND regexp_matches({values}, '{NUMBER}')" if kind == "VARCHAR" else ""
        return f"CASE WHEN isfinite({number}){written} THEN {number} END"
    return _micros(values, kind, timezone)


def _micros(values: str, kind: str, timezone: str) -> str:
    zone = "'" + timezone.replace("'", "''") + "'"
    if kind == "VARCHAR":
        naive = _in_zone(f"TRY_CAST({values} AS TIMESTAMP)", zone)
        aware = f"epoch_us(TRY_CAST({values} AS TIMESTAMPTZ))"
        return (
            f"CASE WHEN regexp_matches({values}, '{ZONED}') THEN {aware} "
            f"WHEN regexp_matches({values}, '{NAIVE}') THEN {naive} END"
        )
    whole = f"epoch_ns({values}) // 1000"  # a cast would round up, beyond the moment
    if kind == "TIMESTAMPTZ_NS":
        return whole
    if kind == "TIMESTAMP_NS":
        return _in_zone(f"make_timestamp({whole})", zone)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({values})"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return _in_zone(f"{values}::TIMESTAMP", zone)
    return "NULL::BIGINT"


def _in_zone(naive: str, zone: str) -> str:
    if zone == "'UTC'":
        return f"epoch_us({naive})"
    # An hour told twice in autumn is its first: as it was the day before, if the clock agrees.
    as_before = f"(timezone({zone}, {naive} - INTERVAL 1 DAY) + INTERVAL 1 DAY)"
    there = f"CASE WHEN timezone({zone}, {as_before}) = {naive} THEN {as_before}"
    return f"epoch_us({there} ELSE timezone({zone}, {naive}) END)"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
