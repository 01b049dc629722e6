"""PostgreSQL, into which rows are copied."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
from sqlalchemy.engine.url import URL

from serving.sinks.databases import WAIT_S, define, quote, tell_fault

LOCK = 7_210_733  # any number that is ours: who makes or widens tables holds it


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL, by psycopg."""

    url: URL = field(repr=False)

    @property
    def name(self) -> str:
        """Which database it is."""
        return f"PostgreSQL's {self.url.database}"

    def reach(self) -> None:
        """Refuse where it does not answer."""
        with self.begin() as connection:
            connection.execute("SELECT 1")

    @contextmanager
    def begin(self) -> Iterator[Any]:
        """Yield a connection in a transaction that is committed at the end."""
        words, named = self.url.get_dialect()().create_connect_args(self.url)
        # A server that is gone without a word is missed in half a minute.
        gone: dict[str, Any] = {
            "connect_timeout": WAIT_S,
            "tcp_user_timeout": 30_000,
            "keepalives_idle": 15,
        }
        with tell_fault(self, (psycopg.Error,), _is_away):
            connection = psycopg.connect(*words, **(gone | dict(named)))
            try:
                yield connection
                connection.commit()
            finally:
                connection.close()  # what was not committed is gone

    def load(self, connection: Any, name: str, rows: pa.Table) -> None:
        """Copy the rows into a temporary table."""
        connection.execute(f"DROP TABLE IF EXISTS pg_temp.{quote(name)}")
        connection.execute(
            f"CREATE TEMP TABLE {quote(name)} ({define(rows.schema)}) ON COMMIT DROP"
        )
        told = io.BytesIO()
        # Arrow writes every text between quotes, so that an empty one is no null; and of an empty
        # chunk it writes what was in memory.
        pa.csv.write_csv(rows.combine_chunks(), told, pa.csv.WriteOptions(include_header=False))
        columns = ", ".join(map(quote, rows.column_names))
        with connection.cursor().copy(
            f"COPY {quote(name)} ({columns}) FROM STDIN (FORMAT csv)"
        ) as copy:
            copy.write(told.getbuffer())

    def lock(self, connection: Any) -> None:
        """Have others who would make or widen tables wait."""
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")


def _is_away(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError)
