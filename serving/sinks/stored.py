"""Answers to the store, where GET /v1/scores reads them, with their receipts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import sqlalchemy as sql

from contract.flat import nest_parts
from contract.moments import as_micros
from serving.batch.answer import Answered
from serving.batch.asked import Asked
from serving.batch.manifest import Manifest, Written
from serving.batch.work import Work
from serving.receipts.kept import write_receipts
from serving.routes.records import Scored
from serving.sinks.errors import SinkError
from serving.store.answers import as_row, keep_rows
from serving.store.opened import Store, open_store
from serving.store.rows import AT_ONCE, write
from serving.store.schema import ANSWERS, FACTS

SCORED = "scored"  # the fact that tells the last batch


@dataclass(frozen=True)
class Stored:
    """The store behind a URL; each part opens it, maybe in a process of its own."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """What a person is told."""
        return "the store"

    def check(self, asked: Asked) -> None:
        """Refuse what is no whole answer, as it would stand for one, and a store that is away."""
        if asked.targets or asked.long or asked.reasons:
            raise SinkError(
                "The store keeps whole answers, without reasons.",
                "Leave out --targets, --long and --reasons, or name another place.",
            )
        with _open(self.url) as store, store.read():
            pass

    def put(self, work: Work, _number: int, found: Answered) -> str:
        """Keep the answers of a part with their receipts, in place of the customers' last ones."""
        plan, made_us = work.plan, work.began_us
        rows = found.flat.to_pylist()
        beside = {"models": plan.models}
        kept = [as_row(_write(row | beside), plan.as_of, made_us) for row in rows]
        if not rows:
            return ""
        with _open(self.url) as store:
            write_receipts(store, [(found.issued, rows)])
            with store.write() as connection:
                for first in range(0, len(kept), AT_ONCE):
                    keep_rows(connection, kept[first : first + AT_ONCE])
        return ""

    def publish(self, work: Work, numbers: Sequence[int]) -> list[Written]:
        """Return how many answers there are: readers have seen them since their part was done."""
        rows = sum(work.read_done(number).rows for number in numbers)
        return [Written(name=ANSWERS.name, rows=rows)]

    def reject(self, work: Work, rejected: pa.Table) -> None:
        """Take away what was answered, as of then or earlier, on who can have no answer."""
        as_of_us, ids = as_micros(work.plan.as_of), rejected["customer_id"].to_pylist()
        with _open(self.url) as store, store.write() as connection:
            for first in range(0, len(ids), AT_ONCE):
                some = ANSWERS.c.customer_id.in_(ids[first : first + AT_ONCE])
                gone = sql.delete(ANSWERS).where(some, ANSWERS.c.as_of_us <= as_of_us)
                connection.execute(gone)

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last, in place of the last batch's."""
        with _open(self.url) as store, store.write() as connection:
            told = {"name": SCORED, "told": manifest.model_dump_json()}
            write(connection, FACTS.c.name, [told])


def _write(row: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as POST /v1/scores tells it."""
    answer = Scored.model_validate(nest_parts(row) | {"record_id": row["customer_id"]})
    made: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True, exclude={"record_id"})
    return made


@contextmanager
def _open(url: str) -> Iterator[Store]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()
