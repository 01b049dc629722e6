"""The store behind a route, and what it has beside what a question tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from serving.problems import RefusalError
from serving.routes.kept import NONE_KEPT, Kept, find_plain
from serving.routes.records import Failed, Record, make_failed
from serving.store.held import NOTHING, Held, read_held
from serving.store.opened import Store, StoreError
from serving.store.rows import Listed, Stored, read_stored

FEW = 12  # records, of whose rows objects are made sooner than columns
KNOWN, AWAY = "rows_not_newer_than_stored_ignored", "store_down_rows_told_alone"


def find_store(request: Request) -> Store:
    """Return the store, reached or not."""
    store: Store | None = request.app.state.store
    if store is None:
        raise RefusalError("store_down", "The service has not opened its store.")
    return store


def read_customers(store: Store, ids: Sequence[str]) -> Mapping[str, Stored] | None:
    """Return what the store has of customers, or None where it does not answer."""
    try:
        with store.read() as connection:
            return (read_stored if len(ids) <= FEW else read_held)(connection, ids)
    except StoreError:
        return None


@dataclass
class Joined:
    """Records with what the store has of their customers, by key; beside them what is to be said.

    `kept` are records whose rows stay in the store's columns, `listed` is what is said of
    customers, `failed` the records that cannot be answered.
    """

    kept: Kept = NONE_KEPT
    records: dict[str, Record] = field(default_factory=dict)
    listed: dict[str, list[Listed]] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Failed] = field(default_factory=dict)


def join_all(records: Mapping[str, Record], store: Store | None) -> Joined:
    """Return the records with what the store has of their customers.

    Where it does not answer, a record that brings rows is answered by these, with a warning, and
    one that brings none is not answered at all: it would look like a customer who never ordered.
    """
    if store is None:
        return Joined(records=dict(records))
    held = read_customers(store, [record.customer_id for record in records.values()])
    return join_none(records) if held is None else join_held(records, held)


def join_none(records: Mapping[str, Record]) -> Joined:
    """Return the records as they are, while the store is away."""
    joined = Joined()
    for key, record in records.items():
        if record.transactions or record.interactions:
            joined.records[key], joined.warnings[key] = record, AWAY
        else:
            joined.failed[key] = make_failed(key, record, "store_down", "The store is away.")
    return joined


def join_held(records: Mapping[str, Record], stored: Mapping[str, Stored]) -> Joined:
    """Return the records with what the store has of their customers.

    Rows that were read as columns stay so, but where a record brings some of its own, or where
    they have to be checked.
    """
    held = stored if isinstance(stored, Held) else NOTHING
    joined, plain = Joined(Kept(held)), find_plain(held)
    for key, record in records.items():
        who, own = record.customer_id, record.transactions or record.interactions
        joined.records[key] = record
        if who not in stored:
            continue
        if who in plain and not own:
            joined.kept.places[key], joined.listed[key] = plain[who], held.listed.get(who, [])
        else:
            known = stored[who]
            joined.records[key], lost = join(record, known)
            joined.listed[key] = known.listed
            joined.warnings |= {key: KNOWN} if lost else {}
    return joined


def join(record: Record, stored: Stored) -> tuple[Record, bool]:
    """Return the record with the stored rows before its own, and whether it lost rows of its own.

    A row that is told counts if it is newer than the newest stored of its table: what is not newer
    is stored already, or the shop's tables would have it.
    """
    lines = _newer(record.transactions, stored.lines, "ordered_at")
    acts = _newer(record.interactions, stored.acts, "occurred_at")
    lost = len(lines) + len(acts) < len(record.transactions) + len(record.interactions)
    rows = {"transactions": [*stored.lines, *lines], "interactions": [*stored.acts, *acts]}
    return record.model_copy(update=rows), lost


def _newer(told: Sequence[Any], kept: Sequence[Any], name: str) -> Sequence[Any]:
    if not kept:
        return told
    newest = getattr(kept[-1], name)
    return [row for row in told if getattr(row, name) > newest]
