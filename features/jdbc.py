"""SQL tables that Spark's tasks read and write themselves, over JDBC."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sql
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DateType, TimestampNTZType, TimestampType

from contract.errors import TablesError
from features.session import ERRORS

ROWS = 1_000_000  # of a table, that one task reads
_TIMES = (DateType, TimestampNTZType, TimestampType)

# A time's zone is each machine's unless told, and one task's must be every task's. A driver that
# comes by --jars is found by its name only.
_OWN = {
    "postgresql": {
        "driver": "org.postgresql.Driver",
        "sessionInitStatement": "SET TIME ZONE 'UTC'",
    }
}
_READ = {"fetchsize": "10000", "preferTimestampNTZ": "true"}
DRIVER = (
    "Give Spark its JDBC driver: PYSPARK_SUBMIT_ARGS='--jars postgresql.jar pyspark-shell', or"
    " --driver-class-path for others."
)


@dataclass(frozen=True)
class Jdbc:
    """A database as JDBC names it; shown nowhere, as it may hold a password."""

    url: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    @property
    def kind(self) -> str:
        """What stands behind jdbc: postgresql, derby …."""
        return self.url.split(":")[1]


def find_jdbc(url: str) -> Jdbc | None:
    """Return the database behind a JDBC URL, or PostgreSQL's SQLAlchemy URL; None for others."""
    if url.startswith("jdbc:"):
        jdbc = Jdbc(url, {})
        return Jdbc(url, _OWN.get(jdbc.kind, {}))
    if not url.startswith("postgresql"):
        return None
    told = sql.make_url(url)
    more = "&".join(f"{name}={value}" for name, value in told.query.items())
    address = f"jdbc:postgresql://{told.host or 'localhost'}:{told.port or 5432}/{told.database}"
    named = {"user": told.username, "password": told.password}
    options = {name: str(value) for name, value in named.items() if value}
    return Jdbc(f"{address}?{more}".rstrip("?"), {**_OWN["postgresql"], **options})


def read_table(session: SparkSession, jdbc: Jdbc, name: str) -> DataFrame | None:
    """Return a table, read in ranges of its first column of times; None where it is not there."""
    with explain(jdbc):
        if not has_table(session, jdbc, name):
            return None
        options = {**jdbc.options, **_READ}
        whole = session.read.jdbc(jdbc.url, name, properties=options)
        ranges = list(_list_ranges(session, jdbc, (name, whole)))
        if len(ranges) < 2:
            return whole
        return session.read.jdbc(jdbc.url, name, predicates=ranges, properties=options)


def has_table(session: SparkSession, jdbc: Jdbc, name: str) -> bool:
    """Return whether the database has the table."""
    asked = find_dialect(session, jdbc).getTableExistsQuery(name)
    with connect(session, jdbc) as connection:
        try:
            connection.createStatement().execute(asked)
        except ERRORS:  # the server was reached: it knows no such table
            return False
    return True


@contextmanager
def connect(session: SparkSession, jdbc: Jdbc) -> Iterator[Any]:
    """Yield a connection of the driver's own, in one transaction that the caller commits."""
    given = _jvm(session).java.util.HashMap()
    for name, value in {"url": jdbc.url, "dbtable": "none", **jdbc.options}.items():
        given.put(name, value)
    spark = _jvm(session).org.apache.spark
    options = spark.sql.execution.datasources.jdbc.JDBCOptions(
        spark.api.python.PythonUtils.toScalaMap(given)
    )
    connection = find_dialect(session, jdbc).createConnectionFactory(options).apply(-1)
    try:
        connection.setAutoCommit(False)
        yield connection
    finally:
        connection.rollback()  # of what was not committed
        connection.close()


def find_dialect(session: SparkSession, jdbc: Jdbc) -> Any:
    """Return what Spark knows of the database's SQL."""
    return _jvm(session).org.apache.spark.sql.jdbc.JdbcDialects.get(jdbc.url)


@contextmanager
def explain(jdbc: Jdbc) -> Iterator[None]:
    """Tell an error of the database as one of ours, without what it says: that may hold rows."""
    try:
        yield
    except ERRORS as error:
        cause = getattr(error, "java_exception", None)
        word = cause.getClass().getSimpleName() if cause else type(error).__name__
        missing = "No suitable driver" in str(error) or "ClassNotFound" in str(error)
        raise TablesError(
            f"The {jdbc.kind} database cannot be used ({word}).",
            DRIVER if missing else "Check the URL, and that the server runs.",
        ) from error


def _list_ranges(session: SparkSession, jdbc: Jdbc, table: tuple[str, DataFrame]) -> Iterator[str]:
    """Return conditions of which each row of the table fulfils one; none for a small table."""
    name, whole = table
    times = [c.name for c in whole.schema if isinstance(c.dataType, _TIMES)]
    if not times:
        return
    column = find_dialect(session, jdbc).quoteIdentifier(times[0])
    asked = f"SELECT COUNT(*) AS n, MIN({column}) AS low, MAX({column}) AS high FROM {name}"  # noqa: S608
    told = session.read.format("jdbc").options(url=jdbc.url, query=asked, **jdbc.options, **_READ)
    # Databases write names in small or capital letters, as they like.
    count, low, high = (held[0] for held in told.load().toArrow().to_pydict().values())
    parts = math.ceil(int(count) / ROWS)
    if parts < 2 or low == high or low is None:
        return
    step = (high - low) / parts
    edges = [_tell(low + step * n) for n in range(1, parts)]
    yield f"{column} < {edges[0]} OR {column} IS NULL"
    yield from (f"{column} >= {a} AND {column} < {b}" for a, b in pairwise(edges))
    yield f"{column} >= {edges[-1]}"


def _tell(moment: date) -> str:
    """Return a moment as every driver reads it."""
    if isinstance(moment, datetime):
        return f"{{ts '{moment:%Y-%m-%d %H:%M:%S.%f}'}}"
    return f"{{d '{moment:%Y-%m-%d}'}}"


def _jvm(session: SparkSession) -> Any:
    return session.sparkContext._jvm
