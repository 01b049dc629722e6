"""A history made of rows that a caller tells, without an engine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from contract.columns import ATTRIBUTE, AttributeKind
from contract.norms import Norms
from features.goods import describe_goods
from features.history import ALWAYS, COMPANY_KINDS, History
from features.sums import Array
from features.tables import Table, arrange


class Line(NamedTuple):
    """An order line; `customer` is the place of its customer."""

    customer: int
    at_us: int
    order_id: str
    amount: float
    quantity: float | None = None
    discount: float | None = None
    product_id: str | None = None


class Act(NamedTuple):
    """An interaction; `customer` is the place of its customer."""

    customer: int
    at_us: int
    kind: str
    channel: str | None = None
    value: float | None = None
    initiated_by: str | None = None


class Entry(NamedTuple):
    """What is said of a customer from a time on; `customer` is the place of the customer."""

    customer: int
    at_us: int
    country: str | None = None
    kind: str | None = None
    attributes: Mapping[str, str | float] = {}


def tell_history(
    ids: Sequence[str],
    lines: Iterable[Line],
    acts: Iterable[Act],
    entries: Iterable[Entry],
    since_us: Sequence[int | None],
    norms: Norms,
) -> History:
    """Return the history of customers in the order of `ids`, of whom every one is known."""
    goods_only = [line for line in lines if line.product_id not in norms.non_goods]
    bought, products_sold = _arrange_lines(len(ids), goods_only)
    done, names = _arrange_acts(len(ids), list(acts))
    listed, said = _arrange_entries(len(ids), list(entries), norms.attributes)
    return History(
        ids=pa.array(ids, pa.large_string()),
        lines=bought,
        acts=done,
        listed=listed,
        since_us=np.array([ALWAYS if s is None else s for s in since_us], dtype=np.int64),
        goods=describe_goods(products_sold, norms.products),
        names={**names, **said, "product": products_sold},
        timezone=norms.timezone,
    )


def _arrange_lines(customers: int, lines: list[Line]) -> tuple[Table, tuple[str, ...]]:
    told = _turn(Line, lines)
    order, _ = _code(told.order_id)
    product, names = _code(told.product_id)
    columns = {
        "at_us": np.array(told.at_us, dtype=np.int64),
        "order": order.astype(np.uint64),
        "amount": _numbers(told.amount),
        "quantity": _numbers(told.quantity),
        "discount": _numbers(told.discount),
        "product": product,
    }
    owner = np.array(told.customer, dtype=np.int32)
    return arrange(owner, customers, columns, ("at_us", "order")), names


def _arrange_acts(customers: int, acts: list[Act]) -> tuple[Table, dict[str, tuple[str, ...]]]:
    told = _turn(Act, acts)
    kind, kinds = _code(told.kind)
    channel, channels = _code(told.channel)
    company = [
        who == "company" if who is not None else what in COMPANY_KINDS
        for who, what in zip(told.initiated_by, told.kind, strict=True)
    ]
    columns = {
        "at_us": np.array(told.at_us, dtype=np.int64),
        "kind": kind,
        "channel": channel,
        "value": _numbers(told.value),
        "company": np.array(company, dtype=bool),
    }
    owner = np.array(told.customer, dtype=np.int32)
    table = arrange(owner, customers, columns, ("at_us", "kind"))
    return table, {"act_kind": kinds, "channel": channels}


def _arrange_entries(
    customers: int, entries: list[Entry], kinds: Mapping[str, AttributeKind]
) -> tuple[Table, dict[str, tuple[str, ...]]]:
    told = _turn(Entry, entries)
    country, countries = _code(told.country)
    kind, said = _code(told.kind)
    columns = {"at_us": np.array(told.at_us, dtype=np.int64), "country": country, "kind": kind}
    names = {"country": countries, "kind": said}
    for name, form in kinds.items():
        own, values = f"{ATTRIBUTE}{name}", [given.get(name) for given in told.attributes]
        if form == "number":
            columns[own] = _numbers(values)
        else:
            columns[own], names[own] = _code(values)
    owner = np.array(told.customer, dtype=np.int32)
    return arrange(owner, customers, columns, tuple(columns)), names


def _turn(form: Any, rows: list[Any]) -> Any:
    """Return the rows as one row of columns."""
    return form(*zip(*rows, strict=True)) if rows else form(*[()] * len(form._fields))


def _code(told: Any) -> tuple[Array, tuple[str, ...]]:
    """Return each name's place among all of them in order, -1 for none, and the names."""
    names = tuple(sorted({name for name in told if name is not None}))
    places = {name: i for i, name in enumerate(names)}
    return np.array([places.get(name, -1) for name in told], dtype=np.int32), names


def _numbers(told: Any) -> Array:
    return np.array([np.nan if n is None else n for n in told], dtype=np.float64)
