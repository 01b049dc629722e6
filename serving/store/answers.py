"""The last answer on each customer: whole as a question gets it, and short for a template."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from contract.moments import as_micros
from serving.store.opened import now_us
from serving.store.privacy import find_erased
from serving.store.rows import AT_ONCE, write
from serving.store.schema import ANSWERS, CHANGES

LONGEST = 1_000  # bytes of a short answer, before it is said whether it is out of date
PLACES = 4  # of a short answer's probabilities
ITEMS = 3  # categories in a short answer

SHORT = (
    "probability", "percentile", "band", "horizon_days", "expected_date",
    "predicted", "total", "low", "high",
)  # fmt: skip
BESIDE = ("customer_id", "as_of", "stage", "receipt")


class Kept(NamedTuple):
    """A stored answer, and whether something was told of the customer since it was made."""

    body: str
    etag: str
    out_of_date: bool


def keep_answers(
    connection: Connection, as_of: datetime, told: Iterable[Mapping[str, Any]]
) -> None:
    """Store answers, each as POST /v1/scores tells it, in place of the customer's last ones."""
    keep_rows(connection, [as_row(answer, as_of, now_us()) for answer in told])


def as_row(answer: Mapping[str, Any], as_of: datetime, made_us: int) -> dict[str, Any]:
    """Return the columns that the store has of an answer by what was known when it was made."""
    short = shorten(answer)
    return {
        "customer_id": answer["customer_id"],
        "as_of_us": as_micros(as_of),
        "made_us": made_us,
        "whole": json.dumps(answer, separators=(",", ":"), ensure_ascii=False),
        "short": short,
        "etag": hashlib.sha256(short.encode()).hexdigest()[:32],
    }


def keep_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the answers in these rows, but for those on customers erased since."""
    erased = find_erased(connection, (row["customer_id"] for row in rows))
    kept = [row for row in rows if row["customer_id"] not in erased]
    write(connection, ANSWERS.c.customer_id, kept)


def shorten(answer: Mapping[str, Any]) -> str:
    """Return an answer's main figures as JSON of at most LONGEST bytes."""
    short: dict[str, Any] = {name: answer[name] for name in BESIDE if name in answer}
    for name, told in answer.items():
        if isinstance(told, Mapping) and "horizon_days" in told:
            short[name] = _shorten_target(told)
    if "own" in answer:
        short["own"] = {name: _shorten_target(told) for name, told in answer["own"].items()}
    written = _write(short)
    while len(written.encode()) > LONGEST:
        _drop(short)
        written = _write(short)
    return written


def _write(short: Mapping[str, Any]) -> str:
    return json.dumps(short, separators=(",", ":"), ensure_ascii=False)


def _shorten_target(told: Mapping[str, Any]) -> dict[str, Any]:
    short = {name: _round(told[name]) for name in SHORT if name in told}
    if "items" in told:
        rows = [{name: _round(one[name]) for name in one} for one in told["items"]]
        short["items"] = rows[:ITEMS]
    return short


def _round(told: Any) -> Any:
    return round(told, PLACES) if isinstance(told, float) else told


def _drop(short: dict[str, Any]) -> None:
    """Leave out what is longest and least: categories, then the shop's own targets, then any."""
    if short.get("cross_sell", {}).get("items"):
        short["cross_sell"]["items"].pop()
    elif short.get("own"):
        short["own"].popitem()
    else:
        short.popitem()


def find_short(connection: Connection, customer_id: str) -> Kept | None:
    """Return the customer's last answer, or None where there is none."""
    row = connection.execute(_SHORT, {"customer_id": customer_id}).first()
    return None if row is None else Kept(row[0], row[1], _is_late(row[2], row[3]))


def find_whole(connection: Connection, ids: Iterable[str], since_us: int) -> dict[str, str]:
    """Return the answers on these customers made since then, with nothing told of them after."""
    found = {}
    distinct = list(dict.fromkeys(ids))
    for first in range(0, len(distinct), AT_ONCE):
        some = distinct[first : first + AT_ONCE]
        for who, whole, made_us, changed_us in connection.execute(_WHOLE, {"ids": some}):
            if made_us >= since_us and not _is_late(made_us, changed_us):
                found[who] = whole
    return found


def _is_late(made_us: int, changed_us: int | None) -> bool:
    return changed_us is not None and changed_us > made_us


_BESIDE_CHANGES = sql.outerjoin(ANSWERS, CHANGES, ANSWERS.c.customer_id == CHANGES.c.customer_id)
_SHORT = (
    sql.select(ANSWERS.c.short, ANSWERS.c.etag, ANSWERS.c.made_us, CHANGES.c.changed_us)
    .select_from(_BESIDE_CHANGES)
    .where(ANSWERS.c.customer_id == sql.bindparam("customer_id"))
)
_WHOLE = (
    sql.select(ANSWERS.c.customer_id, ANSWERS.c.whole, ANSWERS.c.made_us, CHANGES.c.changed_us)
    .select_from(_BESIDE_CHANGES)
    .where(ANSWERS.c.customer_id.in_(sql.bindparam("ids", expanding=True)))
)
