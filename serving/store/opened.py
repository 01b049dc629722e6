"""Open the store: SQLite in a file, or PostgreSQL; its tables are brought up to date first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.url import make_url

from contract.errors import PatronError

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_210_731  # any number that is ours: who upgrades a PostgreSQL holds it
WAIT_S = 10


class StoreError(PatronError):
    """The store cannot be opened or does not answer."""

    code = "store"


@dataclass(frozen=True)
class Store:
    """An open store; shared by threads, each taking connections of its own."""

    engine: Engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose changes all come to be together, or none does."""
        with self.engine.begin() as connection:
            if self.embedded:
                # Asked for at once: one that reads first could not be let write afterwards.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @property
    def embedded(self) -> bool:
        """Whether it is SQLite."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Return the store behind a SQLAlchemy URL, its tables made or brought up to date."""
    try:
        target = make_url(url)
        engine = _open_sqlite(url) if target.get_backend_name() == "sqlite" else _open_server(url)
        _upgrade(engine)
    except (sql.exc.SQLAlchemyError, ImportError, OSError) as error:
        # Not the URL: it may hold a password.
        raise StoreError(
            f"The store cannot be opened ({type(error).__name__}).",
            "Check PATRON_STORE, that the database runs, and that its driver is installed.",
        ) from error
    return Store(engine)


def _open_sqlite(url: str) -> Engine:
    file = make_url(url).database
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = sql.create_engine(url, connect_args={"timeout": WAIT_S, "check_same_thread": False})

    @sql.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun where they are asked for
        words = ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "secure_delete=ON")
        for word in words:  # the last: what is deleted is overwritten in the file, too
            connection.execute(f"PRAGMA {word}")

    return engine


def _open_server(url: str) -> Engine:
    return sql.create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=WAIT_S,
        pool_pre_ping=True,
        connect_args={"connect_timeout": WAIT_S},
    )


def _upgrade(engine: Engine) -> None:
    """Bring the tables up to date; of several who start at once, one does and the others wait."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK})
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def now_us() -> int:
    """Return the present moment in microseconds."""
    return time_ns() // 1_000
