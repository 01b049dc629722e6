"""What a task of Spark does: answer for the customers whose rows it holds, whole.

What it is sent is data: the bytes of the bundles and the products. Of one set of bundles a process
of Python makes a scorer once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from contract.packed import Packed, unpack_bundles
from contract.tables import Layout
from features.distribute import unpack
from features.timeline import CUSTOMER
from serving.batch.asked import Asked
from serving.batch.manifest import Done
from serving.batch.run import answer_part
from serving.scorer import Scorer

WHAT, TOLD = "patron_what", "patron_told"  # beside the columns of a row
ROW, REJECT, PART = "row", "reject", "part"
FORM = pa.schema([(WHAT, pa.string()), (TOLD, pa.string())])


@dataclass(frozen=True)
class Sent:
    """What every task needs and is sent once to each machine."""

    packed: Packed
    products: pa.Table


@dataclass(frozen=True)
class Task:
    """What a task is told; `fetch` gives what was sent, whose bundles have this digest."""

    layout: Layout
    asked: Asked
    schema: pa.Schema
    digest: str
    fetch: Callable[[], Sent]

    def answer(self, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Return of one partition its rows, its customers without one, and its counts."""
        batches = list(parts)
        if not batches:
            return
        tables = unpack(pa.Table.from_batches(batches))
        raw = {n: t.filter(pc.is_valid(t[CUSTOMER])) for n, t in tables.items()}
        sent = self.fetch()
        scorer = _load(self.digest, self.fetch)
        given = as_frames({**raw, "products": sent.products})
        found, rejected, counts = answer_part(given, self.layout, scorer, self.asked)
        rows = found.rows
        held = {name: len(table) for name, table in tables.items()}
        done = Done(counts=counts, rows=len(rows), table_rows=held)
        yield from self._tell(ROW, rows)
        yield from self._tell(REJECT, rejected.rename_columns([CUSTOMER, TOLD, "why"]))
        yield from self._tell(PART, pa.table({TOLD: [done.model_dump_json()]}))

    def _tell(self, what: str, rows: pa.Table) -> Iterator[pa.RecordBatch]:
        """Return the rows under the columns that all of them share."""
        columns = {
            f.name: rows[f.name] if f.name in rows.column_names else pa.nulls(len(rows), f.type)
            for f in self.schema
        }
        columns[WHAT] = pa.repeat(what, len(rows))
        yield from pa.table(columns).cast(self.schema).to_batches()


def as_frames(tables: Mapping[str, pa.Table]) -> dict[str, nw.LazyFrame]:
    """Return the tables as the embedded engine has them."""
    return {name: nw.from_native(pl.DataFrame(table).lazy()) for name, table in tables.items()}


_SCORERS: dict[str, Scorer] = {}


def _load(digest: str, fetch: Callable[[], Sent]) -> Scorer:
    """Return the scorer of these bundles, made once in a process, of which it keeps the last."""
    if digest not in _SCORERS:
        _SCORERS.clear()
        _SCORERS[digest] = Scorer(unpack_bundles(fetch().packed))
    return _SCORERS[digest]
