"""Score in one pass what several callers ask at the same time.

A pass costs calls of numpy, and hardly more for thirty customers than for two. Nobody waits for
others to come: a pass takes those who have come by the time it begins, and lets those whose
question is being read already catch up, which takes some turns of the loop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple, Protocol

from features.history import History
from serving.receipts.issue import Issued, issue
from serving.routes.histories import tell_records
from serving.routes.records import Failed, Record, fail
from serving.routes.stored import Joined, join_all
from serving.routes.strange import find_strange
from serving.scorer import Scorer, list_rows
from serving.store.opened import Store


class Filing(Protocol):
    """Who takes receipts of answers."""

    def file(self, issued: Issued, rows: Sequence[dict[str, Any]]) -> None:
        """Take the receipts and the flat rows answered."""


class Keep(NamedTuple):
    """Where rows of customers are kept, and where receipts of answers are handed in."""

    store: Store | None = None
    desk: Filing | None = None


NOWHERE = Keep()


@dataclass(frozen=True)
class Asking:
    """Records to score by one scorer, as of a moment, or as of when they are scored."""

    scorer: Scorer
    keep: Keep
    records: Sequence[Record]
    targets: tuple[str, ...]
    as_of: datetime | None


class Row(NamedTuple):
    """A record's flat row of answers, and what is to be warned of."""

    row: dict[str, Any]
    warnings: tuple[str, ...]


class Scoring(NamedTuple):
    """As of when and by which history records were scored, and what is told of each."""

    as_of: datetime
    history: History
    each: list[Row | Failed]


TURNS = 4  # of the loop, in which a question that has arrived is read; a few microseconds each

Waiting = tuple[Asking, asyncio.Future[Scoring]]


def score_together(askings: Sequence[Asking]) -> list[Scoring]:
    """Return what is told to each of those who ask the same of one scorer, but of other records."""
    # A record is known by its place: two may speak of one customer.
    records = [record for asking in askings for record in asking.records]
    store = askings[0].keep.store
    return score_joined(askings, join_all({str(i): r for i, r in enumerate(records)}, store))


def score_joined(askings: Sequence[Asking], joined: Joined) -> list[Scoring]:
    """Return what is told to each, by their records, known by their places, with all beside."""
    as_of, scorer = askings[0].as_of or datetime.now(UTC), askings[0].scorer
    desk = askings[0].keep.desk
    each: dict[str, Row | Failed] = {**joined.failed}
    each |= {key: wrong for key, r in joined.records.items() if (wrong := fail(key, r))}
    whole = {key: record for key, record in joined.records.items() if key not in each}
    history = tell_records(whole, as_of, scorer.norms, joined.listed, joined.kept)
    marks = joined.kept.mark(scorer.norms, as_of)
    if whole:
        seen = scorer.look(history, as_of, askings[0].targets)
        issued = issue(seen, history, [record.customer_id for record in whole.values()])
        rows = list_rows(seen)
        for row, receipt in zip(rows, issued.receipts, strict=True):
            key = row["customer_id"]
            stored = (joined.warnings[key],) if key in joined.warnings else ()
            told = {**row, "receipt": receipt}
            each[key] = Row(told, stored + find_strange(whole[key], scorer.norms, marks.get(key)))
        if desk:
            desk.file(issued, rows)
    places = count()
    found = [[each[str(next(places))] for _ in asking.records] for asking in askings]
    return [Scoring(as_of, history, own) for own in found]


class Together:
    """Those who wait for the next pass."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []

    async def score(self, asking: Asking) -> Scoring:
        """Return what is told, by a pass that begins once nobody more comes in some turns."""
        store = asking.keep.store
        if store and not store.embedded:  # its answers come over a network
            return (await asyncio.to_thread(score_together, [asking]))[0]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Scoring] = loop.create_future()
        self.waiting.append((asking, future))
        if len(self.waiting) == 1:
            loop.call_soon(self._turn, loop, 1, TURNS)
        return await future

    def _turn(self, loop: asyncio.AbstractEventLoop, known: int, left: int) -> None:
        come = len(self.waiting)
        if left:
            loop.call_soon(self._turn, loop, come, TURNS if come > known else left - 1)
        else:
            self._pass()

    def _pass(self) -> None:
        waiting, self.waiting = self.waiting, []
        groups: dict[Any, list[Waiting]] = {}
        for asking, future in waiting:
            key = id(asking.scorer), asking.targets, asking.as_of
            if not future.done():  # else its caller has left
                groups.setdefault(key, []).append((asking, future))
        for group in groups.values():
            _answer(group)


def _answer(group: Sequence[Waiting]) -> None:
    """Tell each of a group; where that fails, each alone, so that nobody pays for another."""
    try:
        told = score_together([asking for asking, _ in group])
    except Exception as error:
        if len(group) == 1:
            group[0][1].set_exception(error)
            return
        for one in group:
            _answer([one])
        return
    for (_, future), own in zip(group, told, strict=True):
        future.set_result(own)
