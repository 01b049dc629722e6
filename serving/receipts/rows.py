"""The rows that an answer rests on, in one form however they were told, and their fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b, sha256
from typing import Any

import numpy as np

from contract.columns import ATTRIBUTE, AttributeKind
from contract.norms import Norms, Product
from features.bought import number_orders
from features.goods import UNKNOWN
from features.history import ALWAYS, NEVER, History
from features.sums import Array, Whole
from features.tables import Table

NONE = 0  # the digest of no name
FEW = 500  # rows that are sooner sorted than looked through
LINE = ("at_us", "order", "amount", "quantity", "discount", "product")
ACT = ("at_us", "kind", "channel", "value", "company")
LISTED = ("at_us", "country", "kind")


@dataclass(frozen=True)
class Rows:
    """The rows before a moment that features can read, of customers in the order of a history.

    Orders are numbered within each customer, as no feature reads an order's id. `odd` says of
    which products something else is known than the models' norms say.
    """

    history: History
    orders: Whole
    since_us: Whole
    odd: Mapping[int, Product]
    attributes: Mapping[str, AttributeKind]

    @cached_property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The columns that hold codes, and the names that these stand for."""
        names = self.history.names
        own = [f"{ATTRIBUTE}{name}" for name, kind in self.attributes.items() if kind == "text"]
        said = {column: names.get(column, ()) for column in ("country", *own)}
        acts = {"act_kind": names["act_kind"], "channel": names["channel"]}
        return {"product": names["product"], "kind": names["kind"], **said, **acts}

    @cached_property
    def listed(self) -> Table:
        """What is said of customers, the attributes that models know last."""
        told = self.history.listed
        own = {f"{ATTRIBUTE}{n}": kind for n, kind in self.attributes.items()}
        columns = {name: told[name] for name in LISTED}
        columns |= {name: _find_column(told, name, kind) for name, kind in own.items()}
        return Table(told.bounds, columns)

    @cached_property
    def prints(self) -> list[bytes]:
        """The fingerprint of each customer's rows: the same whoever told them, in any order."""
        said = {n: _digest_names(names) for n, names in self.texts.items() if n != "product"}
        lines = {"order": self.orders, "product": self._products()}
        acts = {"kind": said["act_kind"], "channel": said["channel"]}
        tables = (
            _settle(self.history.lines, LINE, lines),
            _settle(self.history.acts, ACT, _tell(self.history.acts, acts)),
            _settle(self.listed, tuple(self.listed.columns), _tell(self.listed, said)),
        )
        ends = [table.bounds.tolist() for table in tables]
        bytes_of = [_stack(table).view(np.uint8).reshape(-1).data for table in tables]
        widths = [8 * len(table.columns) for table in tables]
        parts = list(zip(ends, bytes_of, widths, strict=True))
        return [_digest(i, since, parts) for i, since in enumerate(self.since_us.tolist())]

    def _products(self) -> Whole:
        told = _digest_names(self.history.names["product"])
        for code, product in self.odd.items():
            name = self.history.names["product"][code]
            told[code] = _digest_text(f"{name}\0{product.category}\0{product.cost}")
        return np.asarray(told[self.history.lines["product"]])


def find_rows(history: History, as_of_us: int, norms: Norms) -> Rows:
    """Return the rows before the moment of the history's customers known by then."""
    known = history.known(as_of_us)
    history = (history if known.all() else history.choose(known)).before(as_of_us)
    since, goods = history.since_us, history.assume(norms.products).goods
    return Rows(
        history=history,
        orders=_number_orders(history.lines),
        since_us=np.where((since > ALWAYS) & (since < as_of_us), since, NEVER),
        odd=_find_odd(history.names["product"], goods, norms.products),
        attributes=dict(sorted(norms.attributes.items())),
    )


def _find_odd(
    names: Sequence[str], goods: Any, products: Mapping[str, Product]
) -> dict[int, Product]:
    """Return the products of which the tables say something else than the norms do."""
    categories = (*goods.categories, None)
    odd = {}
    told = zip(names, goods.category.tolist(), goods.cost.tolist(), strict=True)
    for code, (name, category, cost) in enumerate(told):
        usual = products.get(name, UNKNOWN)
        named, paid = categories[category], None if cost != cost else cost
        if named != usual.category or paid != usual.cost:
            odd[code] = Product(category=named, cost=paid)
    return odd


def _number_orders(lines: Table) -> Whole:
    """Return for each line the number of its order among its customer's, from 0 on."""
    sizes = lines.bounds[1:] - lines.bounds[:-1]
    owner = np.arange(len(sizes), dtype=np.int32).repeat(sizes)
    order = number_orders(owner, lines)[0]
    held = sizes > 0
    # Orders are numbered as they begin, so a customer's first line is of their first order.
    first = np.zeros(len(sizes), dtype=np.int64)
    first[held] = order[lines.bounds[:-1][held]]
    return np.asarray(order - first.repeat(sizes))


def _find_column(table: Table, name: str, kind: AttributeKind) -> Array:
    """Return the column if the table holds it in this kind, else one that says nothing."""
    form = np.dtype(np.float64 if kind == "number" else np.int32)
    if name in table.columns and table[name].dtype == form:
        return table[name]
    return np.full(len(table), np.nan if kind == "number" else -1, form)


def _tell(table: Table, digests: Mapping[str, Array]) -> dict[str, Array]:
    return {n: digests[n][column] for n, column in table.columns.items() if n in digests}


def _digest_names(names: Sequence[str]) -> Whole:
    """Return a number for each name, and last, where the code -1 points, that of none."""
    return np.array([*map(_digest_text, names), NONE], dtype=np.int64)


@lru_cache(100_000)
def _digest_text(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)


def _settle(table: Table, names: Sequence[str], instead: Mapping[str, Array]) -> Table:
    """Return these columns as bits, the rows of one instant in an order of their own."""
    columns = {n: _as_bits(instead[n] if n in instead else table[n]) for n in names}
    chosen, at_us = Table(table.bounds, columns), table["at_us"]
    if not (at_us[1:] == at_us[:-1]).any():
        return chosen
    if len(table) > FEW:
        return chosen.settle(names[1:])
    owner = np.arange(len(table.bounds) - 1).repeat(table.bounds[1:] - table.bounds[:-1])
    order = np.lexsort((*[columns[name] for name in names[::-1]], owner))
    return Table(table.bounds, {name: column[order] for name, column in columns.items()})


def _stack(table: Table) -> Whole:
    """Return a row of bits per row of the table."""
    stacked = np.empty((len(table), len(table.columns)), dtype=np.int64)
    for place, column in enumerate(table.columns.values()):
        stacked[:, place] = column
    return stacked


def _as_bits(column: Array) -> Array:
    """Return a column as whole numbers that are equal where what it tells is."""
    if column.dtype != np.float64:
        return column
    plain = column + 0.0  # there is one zero only,
    plain[np.isnan(plain)] = np.nan  # and one NaN
    return plain.view(np.int64)


def _digest(i: int, since: int, parts: Sequence[Any]) -> bytes:
    made = sha256(since.to_bytes(8, "little", signed=True))
    for ends, told, width in parts:
        first, last = ends[i], ends[i + 1]
        made.update((last - first).to_bytes(4, "little"))
        made.update(told[first * width : last * width])
    return made.digest()
