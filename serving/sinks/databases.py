"""What databases have in common that rows are upserted into: the SQL they share, and faults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from serving.sinks.errors import SinkError

WAIT_S = 10
FULL = ("No space left", "disk is full")
GOES_ON = "the same command goes on where it was stopped"

Errors = tuple[type[Exception], ...]

TYPES = {
    pa.string(): "TEXT",
    pa.float64(): "DOUBLE PRECISION",
    pa.int64(): "BIGINT",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}


class Connection(Protocol):
    """What a transaction speaks through."""

    def execute(self, words: Any) -> Any:
        """Run one statement."""


class Database(Protocol):
    """A database that takes rows."""

    @property
    def name(self) -> str:
        """What a person is told: never who asks, nor a password."""

    def reach(self) -> None:
        """Refuse where it does not answer."""

    def begin(self) -> Any:
        """Return a context: a connection whose changes all come to be together, or none does."""

    def load(self, connection: Any, name: str, rows: pa.Table) -> None:
        """Have rows under a name, until the transaction ends or others take it."""

    def lock(self, connection: Any) -> None:
        """Let nobody else change tables until the transaction ends."""


@contextmanager
def tell_fault(
    database: Database, errors: Errors, is_away: Callable[[Any], bool]
) -> Iterator[None]:
    """Tell as what a person can put right what a driver says; not in its words, which hold rows."""
    try:
        yield
    except errors as error:
        kind = type(error).__name__
        if kind == "DiskFull" or any(words in str(error) for words in FULL):
            found, to_do = f"The disk of {database.name} is full.", f"Make room; then {GOES_ON}."
        elif is_away(error):
            found = f"{database.name} does not answer ({kind})."
            to_do = f"Check that it runs and that the URL is right; then {GOES_ON}."
        else:
            found = f"{database.name} does not take the rows ({kind})."
            to_do = "Name a table that is not there yet, or has the key docs/batch.md names."
        raise SinkError(found, to_do) from error


def define(schema: pa.Schema) -> str:
    """Return the columns of a table in SQL."""
    return ", ".join(f"{quote(column.name)} {TYPES[column.type]}" for column in schema)


def list_columns(connection: Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    found = connection.execute(f"SELECT * FROM {name_table(table)} LIMIT 0")
    return [column[0] for column in found.description]


def name_table(table: str) -> str:
    """Return a table, maybe in a schema, as SQL has it."""
    return ".".join(map(quote, table.split(".")))


def quote(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
