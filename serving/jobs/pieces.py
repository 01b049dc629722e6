"""What was uploaded, in the store: in pieces, a few in each transaction, so that nobody waits."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sql

from serving.store.opened import Store, now_us
from serving.store.schema import JOB_CHUNKS, JOBS

PIECE = 1024 * 1024
AT_ONCE = 8  # pieces in one transaction
ANEW = 1_000_000  # places between an upload and the same written anew


def keep_pieces(store: Store, job_id: str, file: IO[bytes], place: int = 0) -> None:
    """Put the file into the store, from that place on."""
    file.seek(0)
    while pieces := [piece for _ in range(AT_ONCE) if (piece := file.read(PIECE))]:
        at_us = now_us()
        rows = [
            {"job_id": job_id, "place": place + i, "body": piece, "made_us": at_us}
            for i, piece in enumerate(pieces)
        ]
        with store.write() as connection:
            connection.execute(sql.insert(JOB_CHUNKS), rows)
        place += len(pieces)


def forget_pieces(store: Store, job_id: str, before: int | None = None) -> None:
    """Forget what was uploaded for a job, or what of it lies before a place."""
    own = JOB_CHUNKS.c.job_id == job_id
    if before is not None:
        own &= JOB_CHUNKS.c.place < before
    first = sql.select(sql.func.min(JOB_CHUNKS.c.place)).where(own)
    while True:
        with store.write() as connection:
            place = connection.execute(first).scalar()
            if place is None:
                return
            some = own & (JOB_CHUNKS.c.place < place + AT_ONCE)
            connection.execute(sql.delete(JOB_CHUNKS).where(some))


@contextmanager
def lay_out(store: Store, job_id: str) -> Iterator[tuple[Path, str]]:
    """Yield a file that holds the upload, and its form, as long as somebody reads from it."""
    # One question, whose answer is of one moment: an erasure writes uploads anew.
    joined = sql.join(JOB_CHUNKS, JOBS, JOB_CHUNKS.c.job_id == JOBS.c.job_id)
    columns = JOB_CHUNKS.c.place, JOB_CHUNKS.c.body, JOBS.c.form
    own = sql.select(*columns).select_from(joined).where(JOBS.c.job_id == job_id)
    asked = own.order_by(JOB_CHUNKS.c.place).execution_options(yield_per=AT_ONCE)
    form = "csv"
    with tempfile.NamedTemporaryFile(prefix="patron-job-") as file:
        with store.read() as connection:
            for place, piece, told in connection.execute(asked):
                form, first = read_form(told)
                if place >= first:
                    file.write(piece)
        file.flush()
        yield Path(file.name), form


def replace_pieces(store: Store, job_id: str, file: IO[bytes], form: str) -> None:
    """Put the file in place of what was uploaded, unless the job has ended meanwhile.

    Who reads finds the one or the other: which counts is told by the form, `parquet@1000000`.
    """
    there = (JOBS.c.job_id == job_id) & JOBS.c.ended_us.is_(None)
    with store.read() as connection:
        told = connection.execute(sql.select(JOBS.c.form).where(there)).scalar()
    if told is None:
        return
    place = read_form(told)[1] + ANEW
    keep_pieces(store, job_id, file, place)
    with store.write() as connection:
        changed = sql.update(JOBS).where(there).values(form=f"{form}@{place}")
        swapped = connection.execute(changed).rowcount
    forget_pieces(store, job_id, place if swapped else None)


def read_form(told: str) -> tuple[str, int]:
    """Return the form of an upload, and from which place on it lies."""
    form, _, place = told.partition("@")
    return form, int(place or 0)
