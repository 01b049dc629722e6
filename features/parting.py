"""A shop's tables in parts: all rows of a customer in one, told by a hash of the id.

So a shop of any size is scored in the memory that one part takes.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc

from features.coding import code
from features.sums import Array
from features.timeline import CUSTOMER

BATCH = 1_000_000  # rows
EVENTS = ("transactions", "interactions", "customers")
PRODUCTS = "products"
UNREAD = {"transactions": ("unit_price", "channel")}  # by no feature, and by no reject


def part_tables(
    raw: Mapping[str, nw.LazyFrame], parts: int, folder: Path, tell: Callable[[int], None]
) -> dict[str, int]:
    """Write every table's rows in so many parts, and return how many rows there are by table.

    Rows of no customer are counted and left out. `tell` is told the rows done.
    """
    counts, done = {}, 0
    for name in EVENTS:
        counts[name] = 0
        # What a part reads that has no rows of the table.
        _collect(raw[name].head(0).drop(UNREAD.get(name, ()))).write_ipc(folder / f"{name}.arrow")
        with ExitStack() as stack:
            writers: dict[int, Any] = {}
            for batch in read_batches(raw[name].drop(UNREAD.get(name, ()))):
                counts[name] += len(batch)
                done += len(batch)
                for number, rows in _split(batch.drop_nulls(CUSTOMER), parts):
                    if number not in writers:
                        place = folder / f"{name}-{number:05d}.arrow"
                        writer = pa.ipc.new_file(place, rows.schema, options=_OPTIONS)
                        writers[number] = stack.enter_context(writer)
                    writers[number].write_table(rows)
                tell(done)
    _collect(raw[PRODUCTS]).write_ipc(folder / f"{PRODUCTS}.arrow")
    return counts


_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def open_part(folder: Path, number: int) -> dict[str, nw.LazyFrame]:
    """Return the rows of one part; a table that has none there is empty."""
    places = {name: folder / f"{name}-{number:05d}.arrow" for name in EVENTS}
    return {
        name: nw.from_native(pl.scan_ipc(own if own and own.exists() else folder / f"{name}.arrow"))
        for name in (*EVENTS, PRODUCTS)
        for own in (places.get(name),)
    }


def read_batches(table: nw.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of a lazy frame, so many at a time."""
    native: Any = table.to_native()
    if isinstance(native, pl.LazyFrame):
        yield from native.collect_batches(chunk_size=BATCH, maintain_order=True)
        return
    for batch in native.to_arrow_reader(BATCH):
        yield pl.DataFrame(batch)


def find_parts(ids: pl.Series, parts: int) -> Array:
    """Return the part of each id: crc32, which every engine and every year has alike."""
    coded = code(ids.cast(pl.Categorical(pl.Categories.random())))
    by_name = [zlib.crc32(name.encode()) % parts for name in coded.names]
    return np.array(by_name, dtype=np.int32)[coded.codes]


def _split(rows: pl.DataFrame, parts: int) -> Iterator[tuple[int, pa.Table]]:
    if not len(rows):
        return
    of = find_parts(rows[CUSTOMER], parts)
    order = np.argsort(of, kind="stable")
    table = rows[order].to_arrow(compat_level=pl.CompatLevel.oldest())
    numbers, starts = np.unique(of[order], return_index=True)
    for number, first, last in zip(numbers, starts, [*starts[1:], len(of)], strict=True):
        yield int(number), table.slice(first, last - first)


def _collect(table: nw.LazyFrame) -> pl.DataFrame:
    return pl.DataFrame(table.collect("polars").to_native())
