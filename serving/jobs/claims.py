"""Who works on a job: taken by one worker, held by a lease, and taken up again when that ends."""

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from serving.jobs.job import Job, read_jobs
from serving.jobs.pieces import forget_pieces
from serving.jobs.queue import end
from serving.jobs.reports import blame
from serving.store.opened import Store, now_us
from serving.store.schema import JOBS

LEASE_S = 6.0  # a worker that was killed keeps its job so long; it renews three times in that
LEASE_US = round(LEASE_S * 1e6)
ATTEMPTS = 10  # without one whole part done: something in the job ends its workers


class LostError(Exception):
    """Raised when a job is no more the worker's: it was cancelled, or the lease ran out."""


def is_waiting(store: Store, worker: str) -> bool:
    """Return whether there is a job to take."""
    with store.read() as connection:
        return connection.execute(_ask(store, worker)).first() is not None


def claim(store: Store, worker: str) -> Job | None:
    """Return a job, which is the worker's now, or None where there is none to take.

    Several workers each take another: a job that one is about to take is passed over.
    """
    with store.write() as connection:
        asked = _ask(store, worker).with_for_update(skip_locked=True)
        found = read_jobs(connection.execute(asked))
        if not found:
            return None
        job_id = found[0].job_id
        if found[0].attempts < ATTEMPTS:
            return _take(connection, job_id, worker)
        detail = f"{ATTEMPTS} attempts ended without a whole part."
        end(connection, job_id, "failed", blame("too_many_attempts", detail))
    forget_pieces(store, job_id)
    return None


def _take(connection: Connection, job_id: str, worker: str) -> Job:
    at_us = now_us()
    connection.execute(
        sql.update(JOBS)
        .where(JOBS.c.job_id == job_id)
        .values(state="processing", worker=worker, lease_us=at_us + LEASE_US,
                attempts=JOBS.c.attempts + 1,
                began_us=sql.func.coalesce(JOBS.c.began_us, at_us))
    )  # fmt: skip
    return read_jobs(connection.execute(sql.select(JOBS).where(JOBS.c.job_id == job_id)))[0]


def _ask(store: Store, worker: str) -> sql.Select:
    # On SQLite there is one worker, so that whatever is under way is left over from another.
    free = sql.true() if store.embedded else JOBS.c.lease_us < now_us()
    left = (JOBS.c.state == "processing") & (free | (JOBS.c.worker == worker))
    ready = sql.select(JOBS).where((JOBS.c.state == "queued") | left)
    return ready.order_by(JOBS.c.row).limit(1)


def hold(connection: Connection, job: Job) -> None:
    """Renew the lease within a transaction that writes for the job; raise LostError if it is lost.

    Until the transaction ends nobody can cancel the job or take it.
    """
    own = (JOBS.c.job_id == job.job_id) & (JOBS.c.worker == job.worker)
    mine = own & (JOBS.c.state == "processing")
    renewed = sql.update(JOBS).where(mine).values(lease_us=now_us() + LEASE_US)
    if not connection.execute(renewed).rowcount:
        raise LostError


def release(store: Store, job: Job) -> None:
    """Let another worker take the job at once."""
    with store.write() as connection:
        hold(connection, job)
        there = JOBS.c.job_id == job.job_id
        connection.execute(sql.update(JOBS).where(there).values(lease_us=0))
