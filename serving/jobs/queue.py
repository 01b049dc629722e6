"""The queue: a job is put in once for each key, and ends once."""

import secrets
from typing import Any, Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from serving.jobs.job import ENDED, Job, find_job, read_jobs
from serving.jobs.notices import announce
from serving.jobs.pieces import forget_pieces
from serving.store.opened import Store, now_us
from serving.store.schema import DELIVERIES, JOB_CHUNKS, JOB_CUSTOMERS, JOB_KEYS, JOBS

DAY_US = 86_400_000_000
KEY_KEPT_US = DAY_US
KEPT_US = 7 * DAY_US
ARRIVES_WITHIN_US = DAY_US // 24  # pieces of an upload whose job never came are forgotten then
ID_BYTES = 16
AT_ONCE = 20_000  # customers forgotten in one transaction


class Wish(NamedTuple):
    """A job that is asked for: by whom, under which key, of what.

    `fingerprint` tells one question from every other; `form` is that of an upload.
    """

    owner: str
    key: str
    fingerprint: str
    source: str
    form: str | None
    asked: str


class Put(NamedTuple):
    """The job that a key stands for, and whether it was asked for before."""

    job: Job
    replayed: bool


def make_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(ID_BYTES)


def put(store: Store, wish: Wish, job_id: str) -> Put | None:
    """Return the job of the key, which is a new one unless there was one; None if it asked else.

    Of two at once with one key, one waits for the other and then finds its job.
    """
    with store.write() as connection:
        held = _take_key(connection, wish, job_id)
        if held is not None:
            job = find_job(connection, wish.owner, held[0])
            return Put(job, True) if job and held[1] == wish.fingerprint else None
        row = {"job_id": job_id, "owner": wish.owner, "state": "queued", "source": wish.source,
               "form": wish.form, "asked": wish.asked, "made_us": now_us(), "succeeded": 0,
               "failed": 0, "left_out": 0, "attempts": 0}  # fmt: skip
        connection.execute(sql.insert(JOBS), row)
        made = find_job(connection, wish.owner, job_id)
        assert made
        return Put(made, False)


def is_known(store: Store, owner: str, key: str) -> bool:
    """Return whether the key stands for a job, so that another body can bring none."""
    with store.read() as connection:
        own = (JOB_KEYS.c.owner == owner) & (JOB_KEYS.c.key == key)
        live = own & (JOB_KEYS.c.made_us > now_us() - KEY_KEPT_US)
        return connection.execute(sql.select(JOB_KEYS.c.job_id).where(live)).first() is not None


def _take_key(connection: Connection, wish: Wish, job_id: str) -> tuple[str, str] | None:
    """Make the key stand for the job, or return the job that it stands for and what that asked."""
    at_us = now_us()
    own = (JOB_KEYS.c.owner == wish.owner) & (JOB_KEYS.c.key == wish.key)
    connection.execute(sql.delete(JOB_KEYS).where(own, JOB_KEYS.c.made_us <= at_us - KEY_KEPT_US))
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"owner": wish.owner, "key": wish.key, "fingerprint": wish.fingerprint,
           "job_id": job_id, "made_us": at_us}  # fmt: skip
    taken = make(JOB_KEYS).values(row).on_conflict_do_nothing().returning(JOB_KEYS.c.key)
    if connection.execute(taken).first():
        return None
    held = sql.select(JOB_KEYS.c.job_id, JOB_KEYS.c.fingerprint).where(own)
    found, fingerprint = connection.execute(held).one()
    return found, fingerprint


def cancel(store: Store, owner: str, job_id: str) -> Job | None:
    """Return the job, which goes on no more; one that has ended stays as it is."""
    with store.write() as connection:
        own = (JOBS.c.job_id == job_id) & (JOBS.c.owner == owner)
        # Held while it ends: a worker that has a part ready waits, and then drops it.
        locked = sql.select(JOBS).where(own).with_for_update()
        found = read_jobs(connection.execute(locked))
        if not found:
            return None
        if found[0].state not in ENDED:
            end(connection, job_id, "cancelled")
        job = find_job(connection, owner, job_id)
    forget_pieces(store, job_id)
    return job


def end(
    connection: Connection,
    job_id: str,
    state: Literal["complete", "failed", "cancelled"],
    fault: str | None = None,
) -> None:
    """End the job: count, and have it told to who wants to know; its upload is to go after."""
    this = JOB_CUSTOMERS.c.job_id == job_id
    counted = sql.select(JOB_CUSTOMERS.c.outcome, sql.func.count()).where(this)
    grouped = connection.execute(counted.group_by(JOB_CUSTOMERS.c.outcome))
    counts = {row[0]: int(row[1]) for row in grouped}
    read = connection.execute(sql.select(JOBS.c.total).where(JOBS.c.job_id == job_id)).scalar()
    if read is None:  # stopped half way through a list, which then tells nothing
        connection.execute(sql.delete(JOB_CUSTOMERS).where(this))
    connection.execute(
        sql.update(JOBS)
        .where(JOBS.c.job_id == job_id)
        .values(state=state, fault=fault, ended_us=now_us(), worker=None, lease_us=None,
                total=None if read is None else sum(counts.values()),
                succeeded=counts.get("succeeded", 0), failed=counts.get("failed", 0))
    )  # fmt: skip
    announce(connection, job_id)


def forget_jobs(store: Store) -> int:
    """Forget jobs that ended a week ago, keys of yesterday, and uploads of no job; count jobs."""
    at_us = now_us()
    with store.write() as connection:
        ended = sql.select(JOBS.c.job_id).where(JOBS.c.ended_us < at_us - KEPT_US)
        old = list(connection.execute(ended).scalars())
        connection.execute(sql.delete(JOB_KEYS).where(JOB_KEYS.c.made_us < at_us - KEY_KEPT_US))
        sent = (DELIVERIES.c.state != "waiting") & (DELIVERIES.c.made_us < at_us - KEPT_US)
        connection.execute(sql.delete(DELIVERIES).where(sent))
        kept = sql.select(JOBS.c.job_id).where(JOBS.c.ended_us.is_(None))
        late = JOB_CHUNKS.c.made_us < at_us - ARRIVES_WITHIN_US
        left = sql.select(JOB_CHUNKS.c.job_id).where(late, JOB_CHUNKS.c.job_id.not_in(kept))
        gone = list(connection.execute(left.distinct()).scalars())
    for one in gone:  # of jobs that never came, or whose worker ended before its upload went
        forget_pieces(store, one)
    for one in old:
        _forget(store, one)
    return len(old)


def _forget(store: Store, job_id: str) -> None:
    """Forget a job: its customers some at a time, so that nobody else waits long to write."""
    this = JOB_CUSTOMERS.c.job_id == job_id
    first = sql.select(sql.func.min(JOB_CUSTOMERS.c.row)).where(this)
    while True:
        with store.write() as connection:
            row = connection.execute(first).scalar()
            if row is None:
                break
            some = this & (JOB_CUSTOMERS.c.row < row + AT_ONCE)
            connection.execute(sql.delete(JOB_CUSTOMERS).where(some))
    with store.write() as connection:
        for table in (JOB_KEYS, JOBS):
            connection.execute(sql.delete(table).where(table.c.job_id == job_id))
