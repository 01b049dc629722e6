"""Rows to the tables of a database: upserted by key, a transaction a part, the manifest last."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from contract.flat import DAYS, list_target_columns
from contract.long import TARGET
from serving.batch.answer import MODELS, Answered
from serving.batch.asked import Asked
from serving.batch.manifest import Manifest, Plan, Written
from serving.batch.work import Work
from serving.reasons.sharing import PARTS
from serving.sinks.databases import (
    Connection,
    Database,
    define,
    list_columns,
    name_table,
    quote,
)
from serving.sinks.errors import SinkError

NEW = "patron_new"  # what a transaction brings
CUSTOMER, AS_OF, PLAN = "customer_id", "as_of", "plan"
MOMENT = pa.timestamp("us", "UTC")
REJECTED_KEY = (CUSTOMER, AS_OF)
REJECTED = pa.schema([(CUSTOMER, pa.string()), (AS_OF, MOMENT), ("code", pa.string()),
                      ("why", pa.string())])  # fmt: skip
MANIFEST_KEY = (AS_OF, PLAN)
MANIFEST = pa.schema(
    [(AS_OF, MOMENT), (PLAN, pa.string()), ("answered", pa.int64()), ("rows", pa.int64()),
     ("manifest", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class SqlTables:
    """A table of answers, one of who has none, and one of manifests."""

    database: Database
    table: str

    @property
    def name(self) -> str:
        """What a person is told."""
        return f"{self.table} in {self.database.name}"

    @property
    def rejected(self) -> str:
        """The table of customers without an answer."""
        return f"{self.table}_rejected"

    @property
    def manifests(self) -> str:
        """The table that says which batches are whole."""
        return f"{self.table}_manifests"

    def check(self, _asked: Asked) -> None:
        """Refuse a database that does not answer."""
        self.database.reach()

    def put(self, work: Work, _number: int, found: Answered) -> str:
        """Upsert the rows of a part; no manifest calls whole what is being written anew."""
        rows = found.rows
        key = (*REJECTED_KEY, TARGET) if TARGET in rows.column_names else REJECTED_KEY
        there = self._make({
            self.table: (rows.schema, key),
            self.rejected: (REJECTED, REJECTED_KEY),
            self.manifests: (MANIFEST, MANIFEST_KEY),
        })  # fmt: skip
        answered = [*json.loads(rows.schema.metadata[MODELS.encode()])]
        brought = rows.select(_pick(rows.column_names, answered))
        stale = [c for c in there if c not in rows.column_names and _tells_why(c, answered)]
        with self.database.begin() as connection:
            self._forget(connection, work.plan)
            self.database.load(connection, NEW, brought)
            connection.execute(upsert(self.table, key, brought.column_names, stale))
            connection.execute(_delete(self.rejected, REJECTED_KEY))
        return ""

    def publish(self, work: Work, numbers: Sequence[int]) -> list[Written]:
        """Return how many rows there are: readers have seen them since their part was done."""
        rows = sum(work.read_done(number).rows for number in numbers)
        return [Written(name=self.table, rows=rows)]

    def reject(self, work: Work, rejected: pa.Table) -> None:
        """Upsert who has no answer; an answer they had as of the same moment goes."""
        moments = pa.array([work.plan.as_of] * len(rejected), MOMENT)
        rows = rejected.add_column(1, pa.field(AS_OF, MOMENT), moments)
        with self.database.begin() as connection:
            self.database.load(connection, NEW, rows)
            connection.execute(upsert(self.rejected, REJECTED_KEY, rows.column_names))
            connection.execute(_delete(self.table, REJECTED_KEY))

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        plan, told = manifest.plan, manifest.model_dump_json()
        values = (plan.as_of, plan.digest, manifest.counts.answered, manifest.rows, told)
        row = pa.table([[value] for value in values], schema=MANIFEST)
        with self.database.begin() as connection:
            self.database.load(connection, NEW, row)
            connection.execute(upsert(self.manifests, MANIFEST_KEY, MANIFEST.names))

    def _make(self, tables: Mapping[str, tuple[pa.Schema, Sequence[str]]]) -> list[str]:
        """Have tables with at least these columns, and return those of the first."""
        with self.database.begin() as connection:
            self.database.lock(connection)
            for table, (schema, key) in tables.items():
                keys = ", ".join(map(quote, key))
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {name_table(table)}"
                    f" ({define(schema)}, PRIMARY KEY ({keys}))"
                )
                there = list_columns(connection, table)
                if (TARGET in there) != (TARGET in key):
                    kind = "target" if TARGET in there else "customer"
                    raise SinkError(
                        f"{self.name} has a row for each {kind}.",
                        "Name another table for the other form: wide and --long do not mix.",
                    )
                for column in (schema.field(n) for n in schema.names if n not in there):
                    added = define(pa.schema([column]))
                    connection.execute(f"ALTER TABLE {name_table(table)} ADD COLUMN {added}")
            return list_columns(connection, self.table)

    def _forget(self, connection: Connection, plan: Plan) -> None:
        """Take away the manifests of the moment that speak of a target of the plan."""
        asked = pa.table({AS_OF: pa.array([plan.as_of], MOMENT)})
        self.database.load(connection, NEW, asked)
        found = connection.execute(
            f"SELECT plan, manifest FROM {name_table(self.manifests)}"
            f" WHERE as_of IN (SELECT as_of FROM {quote(NEW)})"
        ).fetchall()
        ours = {model.target for model in plan.models}
        told = [(name, Manifest.model_validate_json(text)) for name, text in found]
        gone = [n for n, one in told if ours & {model.target for model in one.plan.models}]
        if gone:
            moments = pa.array([plan.as_of] * len(gone), MOMENT)
            self.database.load(connection, NEW, pa.table({AS_OF: moments, PLAN: pa.array(gone)}))
            connection.execute(_delete(self.manifests, MANIFEST_KEY))


def _pick(columns: Sequence[str], answered: Sequence[str]) -> list[str]:
    """Return the columns but for those of targets that did not answer, which hold nothing."""
    everyone = [c.removesuffix(DAYS) for c in columns if c.endswith(DAYS)]
    left = {c for name in everyone if name not in answered for c in list_target_columns(name)}
    return [c for c in columns if c not in left]


def _tells_why(column: str, answered: Sequence[str]) -> bool:
    """Return whether a column holds reasons of one of these targets."""
    start, reason, _ = column.rpartition("reason_")
    parts = ("", *(f"{part}_" for part in PARTS.values()))
    starts = {f"{name}{part}" for name in ("", *(f"{t}_" for t in answered)) for part in parts}
    return bool(reason) and start in starts


def _delete(table: str, key: Sequence[str]) -> str:
    """Return the SQL that takes away the rows with the keys of what is new."""
    keys = ", ".join(map(quote, key))
    return f"DELETE FROM {name_table(table)} WHERE ({keys}) IN (SELECT {keys} FROM {quote(NEW)})"


def upsert(
    table: str, key: Sequence[str], columns: Sequence[str], cleared: Sequence[str] = ()
) -> str:
    """Return the SQL that has what is new in place of the rows with its keys.

    Other columns of those rows stay as they are, but for what is cleared.
    """
    names = ", ".join(map(quote, columns))
    renewed = [f"{quote(c)} = excluded.{quote(c)}" for c in columns if c not in key]
    renewed += [f"{quote(c)} = NULL" for c in cleared]
    return (
        f"INSERT INTO {name_table(table)} ({names}) SELECT {names} FROM {quote(NEW)} WHERE true"
        f" ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {', '.join(renewed)}"
    )
