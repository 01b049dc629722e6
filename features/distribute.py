"""Spread a shop over Spark's tasks: each gathers some customers whole and runs a job on them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import methodcaller

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from contract.columns import AttributeKind
from contract.norms import Product
from contract.tables import Layout
from features.compute import Computed
from features.engines import Frames
from features.history import BLOCK, NEVER, History
from features.session import no_word_of_pandas
from features.timeline import AS_OF, CUSTOMER

Job = Callable[[History], Sequence[Computed]]
Read = Mapping[str, Sequence[str]]

_PRODUCT = pa.schema(
    [("product_id", pa.string()), ("category", pa.string()), ("cost", pa.float64())]
)


@dataclass(frozen=True)
class Reader:
    """How rows that were brought together become a history; every task has it."""

    gather: Callable[[Frames], History]
    products: pa.Table
    layout: Layout
    steps: tuple[Callable[[History], History], ...] = ()

    def read(self, rows: pa.Table) -> History:
        """Return the history that the rows tell."""
        tables = unpack(rows)
        tables["products"] = self.products
        frames = {name: nw.from_native(pl.DataFrame(t).lazy()) for name, t in tables.items()}
        history = self.gather(Frames(**frames, layout=self.layout))
        for step in self.steps:
            history = step(history)
        return history


@dataclass(frozen=True)
class SparkHistory:
    """A history of customers too many for one machine: what jobs say of them comes here, not they.

    A row of `rows` is a customer's id and a row of one table; a partition holds its customers
    whole.
    """

    rows: DataFrame
    reader: Reader
    until_us: int = NEVER

    def __len__(self) -> int:
        """Return how many customers there are."""
        return self.rows.select(CUSTOMER).distinct().count()

    @property
    def attributes(self) -> Mapping[str, AttributeKind]:
        """The shop's own attributes of customers, each with its kind."""
        return self.reader.layout.attributes

    def run(self, job: Job) -> list[list[Computed]]:
        """Return what the job says of all customers, in the order of moment and customer id."""
        # Of nobody a job says nothing, under the names it has for what it says.
        (nothing, *_) = job(self.reader.read(self.rows.limit(0).toArrow()))
        numbers = "".join(f", `{name}` double" for name in nothing.columns)
        with no_word_of_pandas():
            told = self.rows.mapInArrow(
                partial(run_part, self.reader, job), f"{CUSTOMER} string, {AS_OF} bigint{numbers}"
            )
        made = pl.DataFrame(told.toArrow()).sort(AS_OF, CUSTOMER)
        columns = {name: made[name].to_numpy() for name in nothing.columns}
        ids = made[CUSTOMER].to_arrow(compat_level=pl.CompatLevel.oldest())
        return [[Computed(ids, made[AS_OF].to_numpy(), columns)]]

    def sample(self, most: int) -> History:
        """Return the history of about so many customers at most, chosen by a hash of their ids."""
        chosen = f.crc32(f.col(CUSTOMER)) % (-(-len(self) // most) or 1) == 0
        return self.reader.read(self.rows.where(chosen).toArrow())

    def before(self, as_of_us: int) -> "SparkHistory":
        """Return the same customers with nothing that happened at or after the moment."""
        until_us = min(as_of_us, self.until_us)
        return replace(self._then(methodcaller("before", as_of_us)), until_us=until_us)

    def dated(self) -> "SparkHistory":
        """Return the same customers, known by being listed only where it is said since when."""
        return self._then(methodcaller("dated"))

    def _then(self, step: Callable[[History], History]) -> "SparkHistory":
        return replace(self, reader=replace(self.reader, steps=(*self.reader.steps, step)))

    def find_first_order(self) -> int | None:
        """Return when the first order was placed."""
        lines = self.rows.select("transactions.*")
        bought = (f.col("amount") > 0) & (f.col("at_us") < self.until_us)
        found: int | None = lines.where(bought).agg(f.min("at_us")).toArrow()[0][0].as_py()
        return found

    def list_products(self) -> dict[str, Product]:
        """Return what the tables say of each product that was sold."""
        return self._pick_sold(self.until_us).list_products()

    def assume(self, products: Mapping[str, Product]) -> "SparkHistory":
        """Return the history with what is known of products, where its tables say nothing."""
        if self._pick_sold(NEVER).list_products():
            return self
        told = [{"product_id": name, **product.model_dump()} for name, product in products.items()]
        reader = replace(self.reader, products=pa.Table.from_pylist(told, _PRODUCT))
        return replace(self, reader=reader)

    def _pick_sold(self, until_us: int) -> History:
        """Return a history of one line of each product."""
        names = self.rows.columns
        sold = self.rows.where(f.col("transactions.at_us") < until_us)
        one = sold.groupBy("transactions.product_id").agg(*(f.any_value(n).alias(n) for n in names))
        return self.reader.read(one.select(*names).toArrow())


def spread(frames: Frames, gather: Callable[[Frames], History], read: Read) -> SparkHistory:
    """Return the history that Spark's frames tell, of which `gather` reads these columns."""
    tables = {name: getattr(frames, name).select(*columns) for name, columns in read.items()}
    products = tables.pop("products").collect("pyarrow").to_native()
    rows = pack(tables, read)
    # Kept, as whoever asks asks several times; on disk, as memory is what tasks need.
    together = rows.repartition(CUSTOMER).persist(StorageLevel.DISK_ONLY)
    return SparkHistory(together, Reader(gather, products, frames.layout))


def pack(tables: Mapping[str, nw.LazyFrame], read: Read) -> DataFrame:
    """Return these columns of all tables as one frame: a row is an id and a row of one table."""
    packed = [
        table.to_native().select(
            CUSTOMER, f.struct(*[c for c in read[name] if c != CUSTOMER]).alias(name)
        )
        for name, table in tables.items()
    ]
    rows: DataFrame = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), packed)
    return rows


def unpack(rows: pa.Table) -> dict[str, pa.Table]:
    """Return the tables that packed rows hold."""
    return {name: _pick(rows, name) for name in rows.column_names if name != CUSTOMER}


def run_part(reader: Reader, job: Job, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return what the job says of the customers in one partition, as rows."""
    batches = list(parts)
    if not batches:
        return
    for block in reader.read(pa.Table.from_batches(batches)).blocks(BLOCK):
        for told in job(block):
            numbers = {n: np.asarray(c, dtype=np.float64) for n, c in told.columns.items()}
            keys = {CUSTOMER: told.ids.cast(pa.string()), AS_OF: told.as_of_us}
            yield pa.RecordBatch.from_pydict({**keys, **numbers})


def _pick(rows: pa.Table, name: str) -> pa.Table:
    """Return the rows of one table."""
    held = rows.filter(pc.is_valid(rows[name])).select([CUSTOMER, name]).flatten()
    return held.rename_columns([c.removeprefix(f"{name}.") for c in held.column_names])
