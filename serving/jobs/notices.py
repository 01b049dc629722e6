"""What is told to who wants to know that a job ended: nothing of a customer."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from serving.jobs.job import Job, read_jobs
from serving.store.opened import now_us
from serving.store.schema import DELIVERIES, JOBS, WEBHOOKS


def announce(connection: Connection, job_id: str) -> None:
    """Put word of the job's end into the mail of every webhook, with the end or not at all."""
    live = sql.select(WEBHOOKS.c.webhook_id).where(WEBHOOKS.c.state == "live")
    listed = list(connection.execute(live).scalars())
    if not listed:
        return
    (job,) = read_jobs(connection.execute(sql.select(JOBS).where(JOBS.c.job_id == job_id)))
    body, at_us = json.dumps(tell_end(job), separators=(",", ":")), now_us()
    rows = [
        {"webhook_id": one, "message_id": f"msg_{secrets.token_hex(12)}", "body": body,
         "state": "waiting", "made_us": at_us, "due_us": at_us, "attempts": 0}
        for one in listed
    ]  # fmt: skip
    connection.execute(sql.insert(DELIVERIES), rows)


def tell_end(job: Job) -> dict[str, Any]:
    """Return the event of a job's end."""
    ended = datetime.fromtimestamp((job.ended_us or job.made_us) / 1e6, UTC)
    return {
        "type": f"job.{job.state}",
        "timestamp": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"job_id": job.job_id, "state": job.state, "counts": count(job)},
    }


def count(job: Job) -> dict[str, int]:
    """Return how many customers the job is about, as far as that is known, and their outcomes."""
    told = {"succeeded": job.succeeded, "failed": job.failed}
    if job.total is None:
        return told
    return {"total": job.total, **told, "unprocessed": job.unprocessed or 0}
