"""A job as the store has it, and how jobs are found."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from serving.jobs.asked import Asked
from serving.store.schema import JOBS

State = Literal["queued", "processing", "complete", "failed", "cancelled"]
ENDED = ("complete", "failed", "cancelled")
STORE, UPLOAD = "store", "upload"


@dataclass(frozen=True)
class Job:
    """What is known of a job; `total` is not until it was read, `left_out` counts lines."""

    row: int
    job_id: str
    owner: str
    state: State
    source: str
    form: str | None
    asked: str
    made_us: int
    began_us: int | None
    ended_us: int | None
    total: int | None
    succeeded: int
    failed: int
    left_out: int
    worker: str | None
    lease_us: int | None
    attempts: int
    models: str | None
    fault: str | None

    @cached_property
    def question(self) -> Asked:
        """What is asked of every customer."""
        return Asked.model_validate(json.loads(self.asked))

    @property
    def unprocessed(self) -> int | None:
        """How many customers have no outcome."""
        return None if self.total is None else self.total - self.succeeded - self.failed


def find_job(connection: Connection, owner: str, job_id: str) -> Job | None:
    """Return the owner's job of that id, or None."""
    there = (JOBS.c.job_id == job_id) & (JOBS.c.owner == owner)
    found = read_jobs(connection.execute(sql.select(JOBS).where(there)))
    return found[0] if found else None


def list_jobs(connection: Connection, owner: str, before: int | None, limit: int) -> list[Job]:
    """Return the owner's jobs, the newest first, from the one before that row on."""
    own = sql.select(JOBS).where(JOBS.c.owner == owner)
    if before is not None:
        own = own.where(JOBS.c.row < before)
    return read_jobs(connection.execute(own.order_by(JOBS.c.row.desc()).limit(limit)))


def read_jobs(rows: Iterable[sql.Row]) -> list[Job]:
    """Return rows of the table as jobs."""
    return [Job(**row._asdict()) for row in rows]
