"""Spark, distributed: read a source and give its columns the contract's names and types.

No expression here depends on how a session is set, so that one somebody else made will do.
"""

import re
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa
import pyarrow.dataset
from pyspark.sql import Column as Expr
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from contract.columns import Column
from contract.errors import TablesError
from contract.tables import Layout, SqlTable
from features import on_polars
from features.forms import NAIVE, NUMBER, ZONED
from features.jdbc import find_jdbc, read_table
from features.session import ERRORS, open_session
from features.timeline import DAY_US

# Told, not guessed. As a quoted value may hold line ends, one task reads a whole file.
_CSV: dict[str, Any] = {"header": True, "sep": ",", "quote": '"', "escape": '"', "multiLine": True,
                        "encoding": "UTF-8", "mode": "FAILFAST"}  # fmt: skip

_KINDS = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)",
    "float": "float", "double": "double", "date32[day]": "date", "binary": "binary",
    "string": "string", "large_string": "string", "string_view": "string",
}  # fmt: skip
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "decimal")


def read(source: Any) -> Any:
    """Return a file or a table behind JDBC as a Spark frame; others stay with Polars till typed."""
    session = open_session()
    if isinstance(source, SqlTable):
        jdbc = find_jdbc(source.url)
        assert jdbc is not None
        return read_table(session, jdbc, source.name)
    if not isinstance(source, Path):
        return source if hasattr(source, "mapInArrow") else on_polars.read(source)
    try:
        frame = (_read_csv if source.suffix == ".csv" else _read_parquet)(session, source)
    except (OSError, pa.ArrowException, *ERRORS):
        frame = None
    if frame is None or not frame.columns:
        raise TablesError(
            f"{source} cannot be read as {source.suffix.strip('.')}.", "Write the file again."
        )
    return frame


def type_columns(
    native: Any, columns: list[tuple[Column, str | None]], layout: Layout, keep_text: bool
) -> nw.LazyFrame:
    """Return the contract's columns, typed; what cannot be read as its type is null."""
    if native is None or isinstance(native, pl.LazyFrame):
        # A frame is in this machine's memory already: Polars types it, and Spark spreads it.
        typed = on_polars.type_columns(native, columns, layout, keep_text).collect("pyarrow")
        return nw.from_native(open_session().createDataFrame(typed.to_native()))
    given = dict(native.dtypes)
    made = [_type(c, theirs, given, layout.timezone) for c, theirs in columns]
    if keep_text:
        made += [
            f.col(_quote(theirs)).cast("string").alias(f"{c.name}_text")
            for c, theirs in columns
            if theirs is not None and c.kind != "text"
        ]
    typed_by_spark: nw.LazyFrame = nw.from_native(native.select(made))
    return typed_by_spark


def _read_csv(session: SparkSession, file: Path) -> DataFrame:
    frame = session.read.csv(_address(file), **_CSV)
    # Spark reads what is not in UTF-8 as U+FFFD, without a word.
    wrong = f.raise_error(f.lit("A CSV file is not in UTF-8."))
    texts = {name: f.col(_quote(name)) for name in frame.columns}
    return frame.select([f.when(t.contains("\ufffd"), wrong).otherwise(t).alias(n)
                         for n, t in texts.items()])  # fmt: skip


def _read_parquet(session: SparkSession, file: Path) -> DataFrame:
    """Return the frame by the types Arrow finds: Spark refuses a file for one that it has not."""
    files = pa.dataset.dataset(file, format="parquet")
    stored = next(files.get_fragments()).metadata.schema
    old = {c.path for c in map(stored.column, range(len(stored))) if c.physical_type == "INT96"}
    kinds = {c.name: _find_kind(c.type, c.name in old) for c in files.schema}
    schema = ", ".join(f"{_quote(name)} {kind}" for name, kind in kinds.items() if kind)
    frame = session.read.schema(schema).parquet(_address(file))
    return frame.select([_show(c.name, c.type, kinds[c.name]) for c in files.schema])


def _find_kind(kind: pa.DataType, old: bool) -> str | None:
    """Return the Spark type to read a Parquet column as, or None if there is none."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns" and not old:
            return "bigint"
        return "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _KINDS.get(str(kind))


def _show(name: str, kind: pa.DataType, spark_kind: str | None) -> Expr:
    values = f.col(_quote(name)) if spark_kind else f.lit(None).cast("string")
    if pa.types.is_timestamp(kind) and spark_kind == "bigint":
        micros = f.expr(f"({_quote(name)} - pmod({_quote(name)}, 1000)) div 1000")
        epoch = f.lit("1970-01-01").cast("timestamp_ntz")
        naive = f.timestamp_add("MICROSECOND", micros, epoch)
        values = f.timestamp_micros(micros) if kind.tz else naive
    return values.alias(name)


def _type(column: Column, theirs: str | None, given: dict[str, str], timezone: str) -> Expr:
    if theirs is None:
        kinds = {"text": "string", "number": "double", "time": "bigint"}
        return f.lit(None).cast(kinds[column.kind]).alias(column.typed_name)
    values, kind = f.col(_quote(theirs)), given[theirs].partition("(")[0]
    if column.kind == "time":
        return _micros(values, kind, timezone).alias(column.typed_name)
    return (_text if column.kind == "text" else _number)(values, kind).alias(column.typed_name)


def _text(values: Expr, kind: str) -> Expr:
    if kind in ("float", "double"):
        whole = values.try_cast("bigint")
        return f.when(whole.cast("double") == values.cast("double"), whole.cast("string"))
    text = values.cast("string")
    return f.when(text != "", text)


def _number(values: Expr, kind: str) -> Expr:
    if kind == "string":
        values = f.when(_matches(values, NUMBER), f.trim(values))
    elif kind not in _NUMBERS:
        values = f.lit(None)
    number = values.try_cast("double")
    return f.when(f.abs(number) < float("inf"), number)  # to Spark NaN is more than infinity


def _micros(values: Expr, kind: str, timezone: str) -> Expr:
    if kind == "timestamp":
        return f.unix_micros(values)
    if kind == "string":
        # Spark reads no zone behind minutes; a naive time is read as if its zone were UTC.
        minutes = f.concat(f.substring(values, 1, 16), f.lit(":00"), f.substring(values, 17, 9))
        full = f.when(f.length(values) == 10, f.concat(values, f.lit(" 00:00:00")))
        full = full.when(f.substring(values, 17, 1) == ":", values).otherwise(minutes)
        zoned = f.unix_micros(f.when(_matches(values, ZONED), full).try_cast("timestamp"))
        naive = f.when(_matches(values, NAIVE), f.concat(full, f.lit("Z")))
        return f.coalesce(zoned, _in_zone(f.unix_micros(naive.try_cast("timestamp")), timezone))
    if kind not in ("date", "timestamp_ntz"):
        return f.lit(None).cast("bigint")
    wall = f.unix_date(values.cast("date")).cast("bigint") * DAY_US
    if kind == "timestamp_ntz":
        seconds = f.hour(values) * 3600 + f.minute(values) * 60 + f.extract(f.lit("SECOND"), values)
        wall += (seconds * 1_000_000).cast("bigint")
    return _in_zone(wall, timezone)


def _in_zone(wall: Expr, timezone: str) -> Expr:
    # An hour told twice in autumn is its first; one that spring skips goes on as it was.
    return f.unix_micros(f.to_utc_timestamp(f.timestamp_micros(wall), timezone))


def _matches(values: Expr, pattern: str) -> Expr:
    # Java's $ also stands before a last line end.
    return values.rlike(pattern.removesuffix("$") + r"\z")


def _address(file: Path) -> str:
    # Spark takes a path for a pattern.
    return "file:" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(file.absolute()))


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
