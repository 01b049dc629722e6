"""Tables of the shop that a job may name: the operator says where they are, never a caller."""

import re
from typing import NamedTuple

import sqlalchemy as sql

from contract.errors import PatronError
from serving.jobs.job import STORE, UPLOAD
from serving.store.opened import Store, now_us
from serving.store.rows import write
from serving.store.schema import SOURCES

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


class SourceError(PatronError):
    """A source cannot be named so, or there is none of that name."""

    code = "source"


class Source(NamedTuple):
    """Where tables are, as TABLES of `patron score` has it, and their layout."""

    name: str
    tables: str
    preset: str | None


def add_source(store: Store, source: Source) -> None:
    """Give tables a name, in place of those that had it."""
    if not _NAME.fullmatch(source.name) or source.name in (STORE, UPLOAD):
        raise SourceError(
            "The source has a wrong name.",
            f"Use up to 48 of a-z 0-9 _ -, as in shop; not {STORE} or {UPLOAD}.",
        )
    with store.write() as connection:
        write(connection, SOURCES.c.name, [{**source._asdict(), "made_us": now_us()}])


def remove_source(store: Store, name: str) -> None:
    """Make the name stand for nothing."""
    with store.write() as connection:
        gone = connection.execute(sql.delete(SOURCES).where(SOURCES.c.name == name))
    if not gone.rowcount:
        raise SourceError(f"There is no source {name}.", "See patron sources list.")


def list_sources(store: Store) -> list[Source]:
    """Return every source; a URL in it may hold a password."""
    columns = [SOURCES.c[name] for name in Source._fields]
    with store.read() as connection:
        rows = connection.execute(sql.select(*columns).order_by(SOURCES.c.name))
        return [Source(*row) for row in rows]


def list_names(store: Store) -> list[str]:
    """Return the names that a job may tell beside the store."""
    return [source.name for source in list_sources(store)]


def find_source(store: Store, name: str) -> Source:
    """Return the source of that name."""
    for source in list_sources(store):
        if source.name == name:
            return source
    raise SourceError("The source was removed.", "Name another: patron sources list.")
