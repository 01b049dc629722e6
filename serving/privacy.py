"""A customer's rights: all that is held is told, or goes and does not come back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from serving.hooks.reading import read_inbox, read_within
from serving.jobs.uploads import leave_out
from serving.store import inbox
from serving.store.opened import Store
from serving.store.privacy import clean, erase, find_erasure, forbid, list_held

LEFT = "copies_in_files_until_cleaned"


class Held(NamedTuple):
    """What is held on a customer: rows by table, and when the customer was erased, if ever."""

    rows: dict[str, list[Any]]
    erased_us: int | None


def erase_customers(store: Store, ids: Sequence[str]) -> tuple[dict[str, dict[str, int]], bool]:
    """Return how many rows of each customer went from each table, and whether all bytes did.

    What webhooks brought and nobody has read is read first, without these customers, so that no
    body is left that may name them.
    """
    read_inbox(store)
    with store.write() as connection:
        inbox.take_turn(connection)
        forbid(connection, ids)
        read_within(connection)
        gone = {one: erase(connection, one) for one in dict.fromkeys(ids)}
    leave_out(store, ids)  # a worker that has read one already tells nothing of them, either
    return gone, clean(store)


def export_customer(store: Store, customer_id: str, after: int = 0) -> Held:
    """Return what is held on a customer, with what webhooks have just brought."""
    read_inbox(store)
    with store.write() as connection:
        rows = list_held(connection, customer_id, after)
        return Held(rows, find_erasure(connection, customer_id))
