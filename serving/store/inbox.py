"""What webhooks brought: kept before it is answered, read after, and then emptied."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from contract.moments import EPOCH
from serving.store.opened import Store, now_us
from serving.store.schema import HOOKS, INBOX

LOCK = 7_210_732  # on PostgreSQL: who reads the inbox holds it
AT_ONCE = 50
BYTES_AT_ONCE = 1024 * 1024
KEPT = timedelta(days=7)  # callers retry for days; until then a repeated body is known by its hash


class Letter(NamedTuple):
    """A body that has not been read; `digest` tells it from every other."""

    row: int
    source: str
    form: str | None
    digest: str
    body: bytes
    came: datetime


class Outcome(NamedTuple):
    """What became of a letter: how many rows were written, and what was wrong."""

    row: int
    rows: int
    fault: str | None


def keep(connection: Connection, source: str, body: bytes) -> None:
    """Put a body into the inbox; one that came from there before is there already."""
    digest = hashlib.sha256(source.encode() + b"\0" + body).hexdigest()
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"source": source, "digest": digest, "body": body, "came_us": now_us()}
    connection.execute(made(INBOX).values(row).on_conflict_do_nothing())


def list_unread(connection: Connection) -> list[Letter]:
    """Return the first letters that nobody has read, in the order they came."""
    columns = [INBOX.c.row, INBOX.c.source, HOOKS.c.form, INBOX.c.digest, INBOX.c.body]
    joined = sql.outerjoin(INBOX, HOOKS, INBOX.c.source == HOOKS.c.source)
    asked = sql.select(*columns, INBOX.c.came_us).select_from(joined)
    unread = asked.where(INBOX.c.read_us.is_(None)).order_by(INBOX.c.row).limit(AT_ONCE)
    letters: list[Letter] = []
    with connection.execute(unread) as rows:
        for *told, came_us in rows:
            came = EPOCH + timedelta(microseconds=came_us)
            letters.append(Letter._make((*told, came)))
            if sum(len(letter.body) for letter in letters) >= BYTES_AT_ONCE:
                break
    return letters


def take_turn(connection: Connection) -> None:
    """Wait until no one else reads the inbox; on SQLite whoever writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql.text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK})


def find_waiting(connection: Connection, letters: Sequence[Letter]) -> set[int]:
    """Return which of the letters are still unread."""
    rows = [letter.row for letter in letters]
    asked = sql.select(INBOX.c.row).where(INBOX.c.row.in_(rows), INBOX.c.read_us.is_(None))
    return set(connection.execute(asked).scalars())


def mark_read(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Note what became of letters; their bodies go, their hashes stay to know a repeated one."""
    at_us = now_us()
    told = [{"of": o.row, "n": o.rows, "what": o.fault, "at": at_us} for o in outcomes]
    if told:
        connection.execute(_READ, told)


def prune(store: Store) -> None:
    """Forget letters read a week ago."""
    until = now_us() - KEPT // timedelta(microseconds=1)
    with store.write() as connection:
        connection.execute(sql.delete(INBOX).where(INBOX.c.read_us < until))


_READ = (
    sql.update(INBOX)
    .where(INBOX.c.row == sql.bindparam("of"))
    .values(
        read_us=sql.bindparam("at"),
        rows=sql.bindparam("n"),
        fault=sql.bindparam("what"),
        body=b"",
    )
)
