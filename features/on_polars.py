"""Polars, embedded: read a source and give its columns the contract's names and types."""

from functools import partial
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from contract.columns import Column
from contract.errors import TablesError
from contract.tables import Layout
from features.forms import NAIVE, NUMBER, ZONED

_WITHOUT = tuple(f"%Y-%m-%d{gap}{time}" for gap in ("T", " ") for time in ("%H:%M:%S%.f", "%H:%M"))
_WITH_ZONE = tuple(f"{form}%#z" for form in _WITHOUT)


def read(source: Any) -> pl.LazyFrame | None:
    """Return a Parquet file, CSV file or frame as a lazy Polars frame."""
    if source is None:
        return None
    if isinstance(source, pl.LazyFrame):
        return source
    if not isinstance(source, Path):
        return nw.from_native(source).lazy(backend="polars").to_native()  # type: ignore[no-any-return]
    try:
        scan = partial(pl.scan_csv, infer_schema=False)
        frame = (scan if source.suffix == ".csv" else pl.scan_parquet)(source)
        frame.collect_schema()
        return frame
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TablesError(
            f"{source} cannot be read as {source.suffix.strip('.')}.", "Write the file again."
        ) from error


def type_columns(
    native: pl.LazyFrame | None,
    columns: list[tuple[Column, str | None]],
    layout: Layout,
    keep_text: bool,
) -> nw.LazyFrame:
    """Return the contract's columns, typed; what cannot be read as its type is null."""
    frame = pl.LazyFrame() if native is None else native
    schema = frame.collect_schema()
    made = [_typed(c, theirs, schema, layout.timezone) for c, theirs in columns]
    if keep_text:
        made += [
            pl.col(theirs).cast(pl.String, strict=False).alias(f"{c.name}_text")
            for c, theirs in columns
            if theirs is not None and c.kind != "text"
        ]
    return nw.from_native(frame.select(made) if native is not None else frame.select(made).clear())


def _typed(column: Column, theirs: str | None, schema: pl.Schema, timezone: str) -> pl.Expr:
    if theirs is None:
        kinds = {"text": pl.String, "number": pl.Float64, "time": pl.Int64}
        return pl.lit(None, dtype=kinds[column.kind]).alias(column.typed_name)
    kind = {"text": _text, "number": _number}.get(column.kind)
    given = schema[theirs]
    made = kind(pl.col(theirs), given) if kind else _micros(pl.col(theirs), given, timezone)
    return made.alias(column.typed_name)


def _text(values: pl.Expr, given: pl.DataType) -> pl.Expr:
    # An id that a missing value turned into 13085.0 on its way is 13085 still.
    if given.is_float():
        whole = values.cast(pl.Int64, strict=False)
        return pl.when(whole == values).then(whole.cast(pl.String))
    text = values.cast(pl.String)
    return pl.when(text != "").then(text)


def _number(values: pl.Expr, given: pl.DataType) -> pl.Expr:
    if given.is_temporal():
        return pl.lit(None, dtype=pl.Float64)
    if given == pl.String:
        values = pl.when(values.str.contains(NUMBER)).then(values.str.strip_chars(" "))
    number = values.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _micros(values: pl.Expr, given: pl.DataType, timezone: str) -> pl.Expr:
    if given == pl.String:
        zoned, plain = (pl.when(values.str.contains(f)).then(values) for f in (ZONED, NAIVE))
        aware = [zoned.str.to_datetime(f, time_unit="us", strict=False) for f in _WITH_ZONE]
        naive = [plain.str.to_datetime(f, time_unit="us", strict=False) for f in _WITHOUT]
        date = plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        told = [a.dt.convert_time_zone("UTC") for a in aware]
        return pl.coalesce(*told, *(_in_zone(n, timezone) for n in (*naive, date))).dt.epoch("us")
    if given == pl.Date:
        return _in_zone(values.cast(pl.Datetime("us")), timezone).dt.epoch("us")
    if isinstance(given, pl.Datetime):
        micros = values.dt.cast_time_unit("us")
        return (micros if given.time_zone else _in_zone(micros, timezone)).dt.epoch("us")
    return pl.lit(None, dtype=pl.Int64)


def _in_zone(naive: pl.Expr, timezone: str) -> pl.Expr:
    if timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    # An hour told twice in autumn is its first; one that spring skips is told as the day before.
    day = pl.duration(days=1)
    there, as_before = (
        n.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        for n in (naive, naive - day)
    )
    return pl.coalesce(
        there.dt.convert_time_zone("UTC"), as_before.dt.convert_time_zone("UTC") + day
    )
