"""The rows a webhook's body tells, with the names that our own routes have for them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

DAY = len("2026-11-21")
LEAST_MILLIS = 10**11  # as seconds it would be the year 5138


class Row(NamedTuple):
    """A row as a body tells it: of which table, with what names, known by which key."""

    table: Literal["transactions", "interactions"]
    told: Mapping[str, Any]
    key: str | None = None


Map = Callable[[Any, datetime], Iterator[Row]]


def order(customer: Any, order_id: Any, at: Any, amount: Any, **more: Any) -> Row:
    """Return an order line; `key` is what it is known by, if not by its order."""
    key = more.pop("key", None) or str(order_id)
    told = {"order_id": str(order_id), "ordered_at": tell_moment(at), "amount": amount}
    return Row("transactions", {"customer_id": tell_id(customer), **told, **_known(more)}, key)


def act(customer: Any, kind: str, at: Any, key: str | None = None, **more: Any) -> Row:
    """Return an interaction; one without a key is known by its body."""
    told = {"customer_id": tell_id(customer), "kind": kind, "occurred_at": tell_moment(at)}
    return Row("interactions", {**told, **_known(more)}, key)


def tell_id(given: Any) -> str | None:
    """Return an id as text; a CRM may tell a number, or a pair of a number and a name."""
    first = given[0] if isinstance(given, list) and given else given
    if isinstance(first, bool) or not isinstance(first, int | str) or first == "":
        return None
    return str(first)


def tell_moment(given: Any) -> Any:
    """Return a moment as our forms have it: a date is its midnight, a number is since 1970."""
    if isinstance(given, datetime):
        return given.isoformat()
    if isinstance(given, str) and len(given) == DAY:
        return f"{given}T00:00:00Z"
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = given / 1000 if given >= LEAST_MILLIS else given
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    return given


def find_first(said: Mapping[str, Any], *names: str) -> Any:
    """Return the first of these that is told."""
    return next((said[name] for name in names if said.get(name)), None)


def map_plain(said: Any, _came: datetime) -> Iterator[Row]:
    """Return our own rows: alone, in an array, or under `transactions` and `interactions`."""
    if isinstance(said, dict) and said.keys() & {"transactions", "interactions"}:
        for name in ("transactions", "interactions"):
            for row in said.get(name) or ():
                yield _tell_plain(row)
        return
    for row in said if isinstance(said, list) else [said]:
        yield _tell_plain(row)


def _tell_plain(row: Any) -> Row:
    if "order_id" in row:
        return Row("transactions", row, row.get("transaction_id"))
    return Row("interactions", row, row.get("interaction_id"))


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in told.items() if one is not None}
