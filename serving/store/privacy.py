"""What the store holds on a customer, and how all of it goes and stays away."""

import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from serving.store.opened import WAIT_S, Store, StoreError, now_us
from serving.store.rows import AT_ONCE
from serving.store.schema import ERASED, FACTS, INBOX, JOB_CHUNKS, META

LOCK = 7_210_733  # on PostgreSQL: who writes rows shares it, who erases has it alone
SALT = "erasure_salt"
CLEANED_WITHIN_S = 3.0
SMALL = 32 * 1024 * 1024  # bytes of a file that is written anew in a fraction of a second
ROWS = 10_000  # of each table in one export

# Every table that speaks of a customer, so that one that comes to be is not forgotten.
HELD: Mapping[str, sql.Table] = {
    name.removeprefix("patron_"): table
    for name, table in sorted(META.tables.items())
    if "customer_id" in table.c
}


def find_erased(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Return which of these customers were erased: nothing of them may be written.

    Until the transaction ends no one can be erased, so ask within the one that writes.
    """
    _lock(connection, "SELECT pg_advisory_xact_lock_shared(:n)")
    if connection.execute(sql.select(ERASED.c.customer_hash).limit(1)).first() is None:
        return set()
    salt = _find_salt(connection)
    hashes = {_hash(salt, one): one for one in ids}
    names = list(hashes)
    found: set[str] = set()
    for first in range(0, len(names), AT_ONCE):
        some = ERASED.c.customer_hash.in_(names[first : first + AT_ONCE])
        found.update(connection.execute(sql.select(ERASED.c.customer_hash).where(some)).scalars())
    return {hashes[one] for one in found}


def forbid(connection: Connection, ids: Sequence[str]) -> None:
    """Note that these customers are erased, and wait until no one else writes rows."""
    _lock(connection, "SELECT pg_advisory_xact_lock(:n)")
    salt, at_us = _find_salt(connection), now_us()
    for one in ids:
        _add(connection, ERASED, {"customer_hash": _hash(salt, one), "erased_us": at_us})


def erase(connection: Connection, customer_id: str) -> dict[str, int]:
    """Delete all rows of the customer; return how many of each table."""
    return {
        name: connection.execute(
            sql.delete(table).where(table.c.customer_id == customer_id)
        ).rowcount
        for name, table in HELD.items()
    }


def clean(store: Store) -> bool:
    """Return whether the database's files are written anew, without a byte of what was deleted.

    SQLite overwrites what it deletes, but not the copies that the splitting of pages left beside
    other rows. A small file is written anew at once, a large one when `patron privacy clean` is.
    """
    if not store.embedded:
        return False
    with store.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return size <= SMALL and rewrite(store)


def rewrite(store: Store) -> bool:
    """Return whether all tables that spoke of customers are written anew; who writes has to wait.

    SQLite's log has the old pages until it is emptied, for which no one may be reading.
    """
    if not store.embedded:
        with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for table in (*HELD.values(), INBOX, JOB_CHUNKS):
                connection.execute(sql.text(f"VACUUM FULL {table.name}"))
        return True
    try:
        with store.read() as connection, _patient(connection, CLEANED_WITHIN_S):
            connection.exec_driver_sql("VACUUM")
            return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    except StoreError:
        return False  # someone wrote all the while


@contextmanager
def _patient(connection: Connection, seconds: float) -> Iterator[None]:
    """Have the connection wait so long for others: less than a caller of the service does."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * seconds)}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * WAIT_S}")


def list_held(connection: Connection, customer_id: str, after: int) -> dict[str, list[Any]]:
    """Return up to ROWS rows of each table that speak of the customer, `after` so many."""
    held = {}
    for name, table in HELD.items():
        own = sql.select(table).where(table.c.customer_id == customer_id)
        part = own.order_by(*table.primary_key).offset(after).limit(ROWS)
        held[name] = list(connection.execute(part).mappings())
    return held


def find_erasure(connection: Connection, customer_id: str) -> int | None:
    """Return when the customer was erased, or None if never."""
    there = ERASED.c.customer_hash == _hash(_find_salt(connection), customer_id)
    erased: int | None = connection.execute(sql.select(ERASED.c.erased_us).where(there)).scalar()
    return erased


def _find_salt(connection: Connection) -> bytes:
    """Return what makes this store's hashes unlike any other's; there is one from now on."""
    asked = sql.select(FACTS.c.told).where(FACTS.c.name == SALT)
    if (told := connection.execute(asked).scalar()) is None:
        _add(connection, FACTS, {"name": SALT, "told": secrets.token_hex(32)})
        told = connection.execute(asked).scalar_one()
    return bytes.fromhex(told)


def _hash(salt: bytes, customer_id: str) -> str:
    return hmac.digest(salt, customer_id.encode(), "sha256").hex()


def _add(connection: Connection, table: sql.Table, row: Mapping[str, Any]) -> None:
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(made(table).values(row).on_conflict_do_nothing())


def _lock(connection: Connection, how: str) -> None:
    # On SQLite whoever writes is alone anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(sql.text(how), {"n": LOCK})
