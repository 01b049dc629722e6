"""Do one job: read whom it is about, answer them a part at a time, end it."""

import json
from collections.abc import Callable
from threading import Event

import sqlalchemy as sql

from contract.errors import PatronError
from serving.jobs.claims import hold, release
from serving.jobs.job import Job
from serving.jobs.part import Answered, answer_part
from serving.jobs.people import People, find_people
from serving.jobs.pieces import forget_pieces
from serving.jobs.queue import end
from serving.jobs.reports import blame, explain
from serving.receipts.kept import write_receipts
from serving.scorer import Scorer
from serving.store.opened import Store, StoreError
from serving.store.privacy import find_erased
from serving.store.schema import JOB_CUSTOMERS, JOBS

PART = 1_000  # customers, as many as one request may ask of

Say = Callable[[str], None]


def work(store: Store, scorer: Scorer, job: Job, stop: Event, say: Say) -> None:
    """Work on the job until it ends, or until told to stop, after a whole part.

    Raise LostError where the job is no more the worker's, StoreError where the store is away.
    """
    unknown = [name for name in job.question.targets or () if name not in scorer.bundles]
    try:
        if unknown:
            raise PatronError("No model here foretells that.")
        _keep_models(store, scorer, job)
        with find_people(store, job) as people:
            if job.total is None:
                _list_people(store, job, people)
            while rows := _find_rows(store, job):
                if stop.is_set():
                    release(store, job)
                    return
                answered = answer_part(scorer, people, job.question, list(rows))
                write_receipts(store, answered.filed)
                _keep_part(store, job, rows, answered)
    except StoreError:
        raise
    except PatronError as error:
        say(f"job {job.job_id} failed: {error}")
        fault = blame("unknown_target", str(error)) if unknown else explain(error)
        with store.write() as connection:
            hold(connection, job)
            end(connection, job.job_id, "failed", fault)
    else:
        with store.write() as connection:
            hold(connection, job)
            end(connection, job.job_id, "complete")
    forget_pieces(store, job.job_id)


def _keep_models(store: Store, scorer: Scorer, job: Job) -> None:
    """Note which models answer; where others did before, their answers go: one set answers all."""
    models = json.dumps({target: bundle.sha256 for target, bundle in scorer.bundles.items()})
    if job.models == models:
        return
    this = JOB_CUSTOMERS.c.job_id == job.job_id
    with store.write() as connection:
        hold(connection, job)
        noted = sql.update(JOBS).where(JOBS.c.job_id == job.job_id)
        connection.execute(noted.values(models=models, succeeded=0, failed=0))
        connection.execute(sql.update(JOB_CUSTOMERS).where(this).values(outcome=None, told=None))


def _list_people(store: Store, job: Job, people: People) -> None:
    """Write down whom the job is about, but who is erased; what a killed worker wrote goes."""
    total = 0
    with store.write() as connection:
        hold(connection, job)
        this = JOB_CUSTOMERS.c.job_id == job.job_id
        connection.execute(sql.delete(JOB_CUSTOMERS).where(this))
    for ids in people.parts:
        with store.write() as connection:
            hold(connection, job)
            erased = find_erased(connection, ids)
            rows = [{"job_id": job.job_id, "customer_id": one} for one in ids if one not in erased]
            if rows:
                connection.execute(sql.insert(JOB_CUSTOMERS), rows)
            total += len(rows)
    with store.write() as connection:
        hold(connection, job)
        there = sql.update(JOBS).where(JOBS.c.job_id == job.job_id)
        connection.execute(there.values(total=total, left_out=people.left_out, attempts=0))


def _find_rows(store: Store, job: Job) -> dict[str, int]:
    """Return the next customers without an outcome, with their rows."""
    columns = JOB_CUSTOMERS.c.customer_id, JOB_CUSTOMERS.c.row
    own = (JOB_CUSTOMERS.c.job_id == job.job_id) & JOB_CUSTOMERS.c.outcome.is_(None)
    asked = sql.select(*columns).where(own).order_by(JOB_CUSTOMERS.c.row).limit(PART)
    with store.read() as connection:
        return {row[0]: row[1] for row in connection.execute(asked)}


def _keep_part(store: Store, job: Job, rows: dict[str, int], answered: Answered) -> None:
    """Write what is told of a part and that it is done, both or neither.

    Who was erased meanwhile has no row any more, and gets none.
    """
    told = [
        {"of": row, "what": answered.told[who][0], "said": answered.told[who][1]}
        for who, row in rows.items()
    ]
    places = list(rows.values())
    with store.write() as connection:
        hold(connection, job)
        connection.execute(_TELL, told)
        own = JOB_CUSTOMERS.c.job_id == job.job_id
        between = own & JOB_CUSTOMERS.c.row.between(places[0], places[-1])
        counted = sql.select(JOB_CUSTOMERS.c.outcome, sql.func.count()).where(between)
        grouped = connection.execute(counted.group_by(JOB_CUSTOMERS.c.outcome))
        counts = {outcome: int(number) for outcome, number in grouped}
        connection.execute(
            sql.update(JOBS)
            .where(JOBS.c.job_id == job.job_id)
            .values(attempts=0, succeeded=JOBS.c.succeeded + counts.get("succeeded", 0),
                    failed=JOBS.c.failed + counts.get("failed", 0))
        )  # fmt: skip


_TELL = (
    sql.update(JOB_CUSTOMERS)
    .where(JOB_CUSTOMERS.c.row == sql.bindparam("of"))
    .values(outcome=sql.bindparam("what"), told=sql.bindparam("said"))
)
