"""Answer on every customer of the store, and keep the answers."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from contract.flat import list_own
from serving.receipts.issue import issue
from serving.receipts.kept import Filed, write_receipts
from serving.routes.histories import tell_records
from serving.routes.questions import name_model
from serving.routes.records import Record, Scored, fail, tell
from serving.routes.stored import join_held
from serving.routes.strange import find_strange
from serving.scorer import Scorer, tell_flat
from serving.store.answers import as_row, keep_rows
from serving.store.held import Held, list_customers, read_held
from serving.store.opened import Store, now_us
from serving.store.schema import ANSWERS


def refresh(
    store: Store, scorer: Scorer, as_of: datetime, tell_step: Callable[[str], None]
) -> dict[str, int]:
    """Return how many customers have an answer now, and how many can have none.

    Parts are written one after the other: one that is stopped leaves whole answers, old and new.
    """
    counts, began = {"succeeded": 0, "failed": 0}, now_us()
    for ids in list_customers(store):
        tell_step(f"{counts['succeeded']:,} customers answered")
        # What is told from here on is not in these answers, and puts them out of date.
        made_us = now_us()
        with store.read() as connection:
            stored = read_held(connection, ids)
        filed, answers = answer_all(scorer, as_of, stored)
        # One after the other: thousands of answers at once would be looked through as garbage.
        rows = [as_row(_write(answer), as_of, made_us) for answer in answers]
        write_receipts(store, [filed])
        with store.write() as connection:
            keep_rows(connection, rows)
        counts["succeeded"] += len(rows)
        counts["failed"] += len(stored) - len(rows)
    with store.write() as connection:
        # Who is in no table any more, or can have no answer, has no old one either.
        connection.execute(sql.delete(ANSWERS).where(ANSWERS.c.made_us < began))
    return counts


def answer_all(scorer: Scorer, as_of: datetime, stored: Held) -> tuple[Filed, Iterator[Scored]]:
    """Return the receipts of all customers known before the moment, and answer on each."""
    joined = join_held({who: Record(customer_id=who) for who in stored}, stored)
    whole = {who: record for who, record in joined.records.items() if fail(who, record) is None}
    history = tell_records(whole, as_of, scorer.norms, joined.listed, joined.kept)
    seen = scorer.look(history, as_of)
    issued = issue(seen, history)
    rows = tell_flat(seen, list_own(scorer.bundles)).to_pylist()
    marks = joined.kept.mark(scorer.norms, as_of)
    beside = {
        "models": [name_model(scorer, target) for target in scorer.bundles],
        "attributes": scorer.norms.attributes,
    }

    def tell_all() -> Iterator[Scored]:
        for who, one, row in zip(issued.customers, issued.receipts, rows, strict=True):
            mark, record = marks.get(who), whole[who]
            told = row | beside | {"receipt": one, "late": mark and mark.late}
            yield tell(who, record, told, find_strange(record, scorer.norms, mark))

    return (issued, rows), tell_all()


def _write(answer: Scored) -> dict[str, Any]:
    made: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True, exclude={"record_id"})
    return made
