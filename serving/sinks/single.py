"""DuckDB and SQLite: databases in a file, which one process at a time writes."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from serving.sinks.databases import WAIT_S, define, quote, tell_fault

AWAY = ("locked", "unable to open", "readonly")  # what SQLite says, which has one error for all


@dataclass(frozen=True)
class File:
    """A DuckDB or SQLite file, which one process at a time writes."""

    path: Path
    kind: Literal["DuckDB", "SQLite"]

    @property
    def name(self) -> str:
        """Which file it is."""
        return f"{self.kind}'s {self.path.name}"

    def reach(self) -> None:
        """Refuse a file that is there and cannot be written; a new one is made when it is due."""
        if self.path.exists():
            with self.begin() as connection:
                connection.execute("SELECT 1")

    @contextmanager
    def begin(self) -> Iterator[Any]:
        """Yield a connection in a transaction that is committed at the end."""
        with self._take_turn(), tell_fault(self, (duckdb.Error, sqlite3.Error), _is_away):
            connection = self._connect()
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()  # what was not committed is gone

    def load(self, connection: Any, name: str, rows: pa.Table) -> None:
        """Have the rows as they are, or in a temporary table."""
        if self.kind == "DuckDB":
            connection.register(name, rows)
            return
        connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
        connection.execute(f"CREATE TEMP TABLE {quote(name)} ({define(rows.schema)})")
        marks = ", ".join("?" * rows.num_columns)
        columns = [_as_text(column) for column in rows.columns]
        connection.executemany(
            f"INSERT INTO {quote(name)} VALUES ({marks})", zip(*columns, strict=True)
        )

    def lock(self, connection: Any) -> None:
        """Nobody else writes the file as it is."""

    def _connect(self) -> Any:
        if self.kind == "DuckDB":
            return duckdb.connect(str(self.path))
        return sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        """Wait until no other process of ours has the file: DuckDB refuses a second one at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)


def _is_away(error: Exception) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return any(words in str(error) for words in AWAY)
    return isinstance(error, duckdb.IOException)


def _as_text(column: pa.ChunkedArray) -> list[Any]:
    """Return values as SQLite keeps them, days and moments as text."""
    if pa.types.is_temporal(column.type):
        return [value and str(value) for value in column.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values
