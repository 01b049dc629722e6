"""SQL tables as they come in: whole, or so many rows at a time."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pyarrow as pa
import sqlalchemy as sql

from contract.errors import TablesError
from contract.tables import SqlTable

ROWS = 50_000  # that are in memory at a time


def fetch(source: SqlTable) -> pa.Table | None:
    """Return a SQL table as an Arrow table; None where there is none of that name."""
    batches = list(fetch_batches(source))
    if not batches:
        return None
    with _telling(source):
        return pa.concat_tables(batches[1:] or batches, promote_options="permissive")


def fetch_batches(source: SqlTable) -> Generator[pa.Table]:
    """Yield the rows of a SQL table as Arrow has them, none first; nothing where it is not there.

    The types of columns follow from each batch's own values.
    """
    with _connect(source) as connection:
        if not sql.inspect(connection).has_table(source.name):
            return
        table = sql.Table(source.name, sql.MetaData(), autoload_with=connection)
        # By a cursor on the server, which keeps what was not asked for yet.
        streamed = connection.execution_options(yield_per=ROWS)
        with streamed.execute(sql.select(table)) as rows:
            columns = list(rows.keys())
            yield pa.table({c: pa.nulls(0, pa.string()) for c in columns})
            for part in rows.partitions():
                yield pa.table({c: [r[i] for r in part] for i, c in enumerate(columns)})


def count(source: SqlTable) -> int:
    """Return how many rows a SQL table has; 0 where it is not there."""
    with _connect(source) as connection:
        if not sql.inspect(connection).has_table(source.name):
            return 0
        table = sql.table(source.name)
        counted = connection.execute(sql.select(sql.func.count()).select_from(table))
        return int(counted.scalar_one())


@contextmanager
def _connect(source: SqlTable) -> Iterator[sql.Connection]:
    if source.url.startswith("jdbc:"):
        raise TablesError("Only Spark reads over JDBC.", "Say --engine spark, or a SQLAlchemy URL.")
    with _telling(source):
        database = sql.create_engine(source.url)
        try:
            with database.connect() as connection:
                yield connection
        finally:
            database.dispose()


@contextmanager
def _telling(source: SqlTable) -> Iterator[None]:
    try:
        yield
    except (sql.exc.SQLAlchemyError, ImportError, ValueError) as error:
        where = source.url.partition("://")[0]
        raise TablesError(
            f"The {where} database cannot be read ({type(error).__name__}).",
            "Check the URL, that the server runs, and that its driver is installed.",
        ) from error
