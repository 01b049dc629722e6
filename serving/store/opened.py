"""Open the store: SQLite in a file, or PostgreSQL; its tables are brought up to date first."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
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
    """The store cannot be opened, or does not answer."""

    code = "store"


class Store:
    """A store, shared by threads, each taking connections of its own.

    Its tables are brought up to date when it is first reached, maybe after the service began.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._current = False
        self._lock = Lock()
        self._turn = Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that only reads, or raise StoreError where the store is away."""
        with self._reaching(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose changes all come to be together, or none of them does."""
        # SQLite lets one write and has others try again after ever longer sleeps; here they queue.
        turn = self._turn if self.embedded else nullcontext()
        with turn, self._reaching(), self.engine.begin() as connection:
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

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            if not self._current:
                with self._lock:
                    _upgrade(self.engine)
                    self._current = True
            yield
        except (sql.exc.OperationalError, sql.exc.InterfaceError, sql.exc.TimeoutError) as error:
            # Not its message: that may hold the address, or what a caller told.
            raise StoreError(
                f"The store does not answer ({type(error).__name__}).",
                "Check PATRON_STORE, that the database runs, and that its disk is not full.",
            ) from error


def open_store(url: str) -> Store:
    """Return the store behind a SQLAlchemy URL, whether or not it can be reached now."""
    try:
        embedded = make_url(url).get_backend_name() == "sqlite"
        return Store(_open_sqlite(url) if embedded else _open_server(url))
    except (sql.exc.ArgumentError, ImportError, OSError) as error:
        # Not the URL: it may hold a password.
        raise StoreError(
            f"The store cannot be opened ({type(error).__name__}).",
            "Check PATRON_STORE and that the database's driver is installed.",
        ) from error


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
