"""Answer on every customer of the store, and keep the answers."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from contract.answers import ModelUsed
from contract.flat import list_own
from serving.receipts.issue import issue
from serving.receipts.kept import Filed, write_receipts
from serving.routes.records import Record, Scored, fail, tell, tell_records
from serving.routes.stored import join
from serving.routes.strange import find_strange
from serving.scorer import Scorer, tell_flat
from serving.store.answers import keep_answers
from serving.store.opened import Store, now_us
from serving.store.rows import Stored, read_stored
from serving.store.schema import ANSWERS, CUSTOMERS, INTERACTIONS, TRANSACTIONS

PART = 2_000  # customers at a time


def refresh(
    store: Store, scorer: Scorer, as_of: datetime, tell_step: Callable[[str], None]
) -> dict[str, int]:
    """Return how many customers have an answer now, and how many can have none.

    Parts are written one after the other: one that is stopped leaves whole answers, old and new.
    """
    counts, began = {"succeeded": 0, "failed": 0}, now_us()
    for ids in list_parts(store):
        tell_step(f"{counts['succeeded']:,} customers answered")
        with store.read() as connection:
            stored = read_stored(connection, ids)
        filed, answers = answer_all(scorer, as_of, stored)
        write_receipts(store, [filed])
        with store.write() as connection:
            keep_answers(connection, as_of, [_write(answer) for answer in answers])
        counts["succeeded"] += len(answers)
        counts["failed"] += len(stored) - len(answers)
    with store.write() as connection:
        # Who is in no table any more, or can have no answer, has no old one either.
        connection.execute(sql.delete(ANSWERS).where(ANSWERS.c.made_us < began))
    return counts


def answer_all(
    scorer: Scorer, as_of: datetime, stored: Mapping[str, Stored]
) -> tuple[Filed, list[Scored]]:
    """Return the answers on customers known before the moment, and their receipts."""
    records = {who: join(Record(customer_id=who), own)[0] for who, own in stored.items()}
    whole = {who: record for who, record in records.items() if fail(who, record) is None}
    norms = scorer.norms
    history = tell_records(whole, as_of, norms, {who: own.listed for who, own in stored.items()})
    models = [
        ModelUsed(target=t, version=b.version, sha256=b.sha256) for t, b in scorer.bundles.items()
    ]
    beside = {"models": models, "attributes": norms.attributes}
    seen = scorer.look(history, as_of)
    issued = issue(seen, history)
    rows = tell_flat(seen, list_own(scorer.bundles)).to_pylist()
    answers = [
        tell(who, whole[who], row | beside | {"receipt": one}, find_strange(whole[who], norms))
        for who, one, row in zip(issued.customers, issued.receipts, rows, strict=True)
    ]
    return (issued, rows), answers


def _write(answer: Scored) -> dict[str, Any]:
    made: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True, exclude={"record_id"})
    return made


def list_parts(store: Store) -> Iterator[list[str]]:
    """Yield the ids of every customer in some table, in order, a part at a time."""
    columns = [table.c.customer_id for table in (TRANSACTIONS, INTERACTIONS, CUSTOMERS)]
    last = ""
    while True:
        firsts = [
            sql.select(c).distinct().where(c > last).order_by(c).limit(PART).subquery()
            for c in columns
        ]
        every = sql.union(*(sql.select(first) for first in firsts)).subquery()
        some = sql.select(every.c.customer_id).order_by(every.c.customer_id).limit(PART)
        with store.read() as connection:
            ids = list(connection.execute(some).scalars())
        if not ids:
            return
        yield ids
        last = ids[-1]
