"""What a job told of each customer, a page at a time."""

import json
from typing import Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from serving.store.schema import JOB_CUSTOMERS

Outcome = Literal["succeeded", "failed", "unprocessed"]


class Page(NamedTuple):
    """Some customers as JSON, and after which row there are more, if there are."""

    told: list[str]
    after: int | None


def read_page(
    connection: Connection, job_id: str, outcome: Outcome | None, after: int, limit: int
) -> Page:
    """Return the customers of a job of that outcome, or of any, after a row."""
    columns = [JOB_CUSTOMERS.c[n] for n in ("row", "customer_id", "told")]
    own = sql.select(*columns).where(JOB_CUSTOMERS.c.job_id == job_id, JOB_CUSTOMERS.c.row > after)
    if outcome == "unprocessed":
        own = own.where(JOB_CUSTOMERS.c.outcome.is_(None))
    elif outcome:
        own = own.where(JOB_CUSTOMERS.c.outcome == outcome)
    rows = list(connection.execute(own.order_by(JOB_CUSTOMERS.c.row).limit(limit + 1)))
    told = [row.told or _tell_unprocessed(row.customer_id) for row in rows[:limit]]
    return Page(told, rows[limit - 1].row if len(rows) > limit else None)


def _tell_unprocessed(customer_id: str) -> str:
    told = {"record_id": customer_id, "customer_id": customer_id, "status": "unprocessed"}
    return json.dumps(told, ensure_ascii=False)
