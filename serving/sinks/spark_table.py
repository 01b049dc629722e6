"""Rows of Spark's tasks to a SQL table: put aside first, and brought in by one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from contract.long import TARGET
from features.jdbc import Jdbc, connect, explain, find_dialect, has_table
from features.session import open_session
from features.timeline import CUSTOMER
from serving.batch.manifest import Manifest, Plan, Written
from serving.sinks.errors import SinkError
from serving.sinks.spark_folder import add_why

AS_OF, PLAN = "as_of", "plan"
WIDE, LONG = (CUSTOMER, AS_OF), (CUSTOMER, AS_OF, TARGET)
REJECTED, MANIFESTS = "_rejected", "_manifests"  # of the tables beside
_KINDS = {int: "bigint", str: "string"}
TEXT = "VARCHAR(255)"  # of a key, where the database compares no texts of any length


@dataclass(frozen=True)
class Table:
    """Rows that wait: where, where they belong, the columns, and those that are the key."""

    aside: str
    place: str
    columns: Sequence[str]
    key: Sequence[str]


@dataclass
class SparkTable:
    """A table of a database that all executors reach, one of who has no answer, one of manifests.

    Readers see what was there before, or all rows.
    """

    jdbc: Jdbc
    table: str
    plan: Plan | None = None
    tables: tuple[Table, ...] = ()

    @property
    def name(self) -> str:
        """What a person is told."""
        return self.table

    @contextmanager
    def hold(self, plan: Plan) -> Iterator[None]:
        """Put rows aside under names of the plan's own, which are gone afterwards."""
        self.plan = plan
        try:
            with explain(self.jdbc):
                yield
        finally:
            self._run([f"DROP TABLE {t.aside}" for t in self.tables])
            self.tables = ()

    def put(self, rows: DataFrame, rejected: DataFrame) -> int:
        """Have Spark's tasks write all rows aside, and return how many they are there."""
        assert self.plan
        when = f.lit(self.plan.as_of.isoformat()).cast("timestamp").alias(AS_OF)
        without = add_why(rejected).select(CUSTOMER, when, "code", "why")
        own = self.plan.digest[:8]
        key = LONG if TARGET in rows.columns else WIDE
        found = ((rows, self.table, key), (without, self.table + REJECTED, WIDE))
        for frame, place, keys in found:
            table = Table(f"{place}_{own}", place, frame.columns, keys)
            self._make(frame, table)
            self._write(frame, table.aside, keys, "overwrite")
            self.tables = (*self.tables, table)
        with connect(open_session(), self.jdbc) as connection:
            counted = connection.createStatement().executeQuery(
                f"SELECT COUNT(*) FROM {self.tables[0].aside}"
            )
            counted.next()
            return int(counted.getLong(1))

    def publish(self) -> list[Written]:
        """Let the rows take the place of those with their keys, all of them at once."""
        rows, rejected = self.tables
        told = [self._delete(place, t) for place in (rows, rejected) for t in self.tables]
        told += [self._insert(t) for t in self.tables]
        counts = self._run([*told, *self._forget()])
        return [Written(name=self.table, rows=counts[len(told) - 2])]

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        plan, session = manifest.plan, open_session()
        when = f.lit(plan.as_of.isoformat()).cast("timestamp").alias(AS_OF)
        told = {
            PLAN: plan.digest,
            "answered": manifest.counts.answered,
            "rows": manifest.rows,
            "manifest": manifest.model_dump_json(),
        }
        row = session.range(1).select(
            when, *(f.lit(value).cast(_KINDS[type(value)]).alias(n) for n, value in told.items())
        )
        table = Table(f"{self.tables[0].aside}_m", self._manifests, row.columns, (AS_OF, PLAN))
        self._make(row, table)
        self._write(row, table.aside, (PLAN,), "overwrite")
        self._run([self._insert(table), f"DROP TABLE {table.aside}"])

    @property
    def _manifests(self) -> str:
        return self.table + MANIFESTS

    def _forget(self) -> list[str]:
        """Return the SQL that takes away manifests of the moment that speak of our targets."""
        session, plan = open_session(), self.plan
        if plan is None or not has_table(session, self.jdbc, self._manifests):
            return []
        found = session.read.jdbc(self.jdbc.url, self._manifests, properties={**self.jdbc.options})
        texts = found.select("manifest").toArrow()["manifest"].to_pylist()
        plans = [Manifest.model_validate_json(text).plan for text in texts]
        ours = {model.target for model in plan.models}
        gone = [
            one.digest
            for one in plans
            if one.as_of == plan.as_of and ours & {model.target for model in one.models}
        ]
        (column,) = self._quote([PLAN])
        return [f"DELETE FROM {self._manifests} WHERE {column} = '{one}'" for one in gone]

    def _make(self, frame: DataFrame, table: Table) -> None:
        """Have a table with these columns; one that lacks some is refused."""
        session = open_session()
        if not has_table(session, self.jdbc, table.place):
            self._write(frame.limit(0), table.place, table.key, "append")
            return
        found = session.read.jdbc(self.jdbc.url, table.place, properties=dict(self.jdbc.options))
        if lacking := [c for c in table.columns if c not in found.columns]:
            raise SinkError(
                f"The table {table.place} has no column {', '.join(lacking)}.",
                "Add them, or name another table: it is made.",
            )

    def _write(self, frame: DataFrame, table: str, key: Sequence[str], mode: str) -> None:
        kinds = {c: kind for c, kind in frame.dtypes if c in key and kind == "string"}
        typed = ", ".join(f"{c} {TEXT}" for c in kinds)
        own = {"createTableColumnTypes": typed} if self.jdbc.kind != "postgresql" and typed else {}
        frame.write.mode(mode).jdbc(self.jdbc.url, table, properties={**self.jdbc.options, **own})

    def _delete(self, gone: Table, new: Table) -> str:
        """Return the SQL that takes away the rows with keys of what is new."""
        key = [c for c in gone.key if c in new.key]
        same = " AND ".join(f"{new.aside}.{c} = {gone.place}.{c}" for c in self._quote(key))
        return f"DELETE FROM {gone.place} WHERE EXISTS (SELECT 1 FROM {new.aside} WHERE {same})"

    def _insert(self, table: Table) -> str:
        names = ", ".join(self._quote(table.columns))
        return f"INSERT INTO {table.place} ({names}) SELECT {names} FROM {table.aside}"

    def _quote(self, columns: Sequence[str]) -> list[str]:
        dialect: Any = find_dialect(open_session(), self.jdbc)
        return [str(dialect.quoteIdentifier(column)) for column in columns]

    def _run(self, statements: Sequence[str]) -> list[int]:
        """Run the statements in one transaction, and return how many rows each was about."""
        with connect(open_session(), self.jdbc) as connection:
            counts = [int(connection.createStatement().executeUpdate(s)) for s in statements]
            connection.commit()
        return counts
