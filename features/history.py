"""All that is known of customers, as plain columns: what every engine gives, in one order."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from contract.columns import ATTRIBUTE, AttributeKind
from contract.norms import Product
from features.bought import Bought, find_bought
from features.goods import Goods, describe_goods, list_goods
from features.sums import Mask, Whole
from features.tables import Table

BLOCK = 18_000  # customers at a time, so that numpy's calls do not count and memory lasts
FEWEST = 1_000  # of whom a thread of their own is worth it
THREADS = 2


@dataclass(frozen=True)
class History:
    """Customers in the order of their ids, and all of their rows.

    `lines` are order lines in the order of time and order, `acts` interactions, `listed` what is
    said of customers from a time on. A code is a place in `names`, or -1; `since_us` is when a
    customer became known without a row, and NEVER where no table says so.
    """

    ids: Any
    lines: Table
    acts: Table
    listed: Table
    since_us: Whole
    goods: Goods
    names: Mapping[str, tuple[str, ...]]
    timezone: str = "UTC"
    non_goods: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many customers there are."""
        return len(self.since_us)

    @cached_property
    def bought(self) -> Bought:
        """The lines that make orders."""
        return find_bought(self.lines)

    @property
    def attributes(self) -> dict[str, AttributeKind]:
        """The shop's own attributes of customers, each with its kind."""
        return {
            name.removeprefix(ATTRIBUTE): "text" if name in self.names else "number"
            for name in self.listed.columns
            if name.startswith(ATTRIBUTE)
        }

    def block(self, first: int, last: int) -> "History":
        """Return the history of customers from `first` up to `last`."""
        return replace(
            self,
            ids=self.ids[first:last],
            lines=self.lines.block(first, last),
            acts=self.acts.block(first, last),
            listed=self.listed.block(first, last),
            since_us=self.since_us[first:last],
        )

    def choose(self, customers: Mask) -> "History":
        """Return the history of those customers only; the history itself where it is all."""
        if customers.all():
            return self
        return replace(
            self,
            ids=self.ids.filter(customers),
            lines=self.lines.choose(customers),
            acts=self.acts.choose(customers),
            listed=self.listed.choose(customers),
            since_us=self.since_us[customers],
        )

    def assume(self, products: Mapping[str, Product]) -> "History":
        """Return the history with what is known of products, where its tables say nothing."""
        goods = self.goods
        if len(goods.categories) or not np.isnan(goods.cost).all():
            return self
        return replace(self, goods=describe_goods(self.names["product"], products))

    def blocks(self, customers: int) -> Iterator["History"]:
        """Return the history in parts of so many customers."""
        if len(self) <= customers:
            yield self
            return
        for first in range(0, max(len(self), 1), customers):
            yield self.block(first, min(first + customers, len(self)))

    def known(self, as_of_us: int) -> Mask:
        """Return whether each customer is known before the moment, by a row or by being listed."""
        first = np.minimum(_first(self.lines), _first(self.acts))
        return np.minimum(first, self.since_us) < as_of_us

    def before(self, as_of_us: int) -> "History":
        """Return the same customers with nothing that happened at or after the moment."""
        tables = self.lines, self.acts, self.listed
        lines, acts, listed = past = tuple(table.before(as_of_us) for table in tables)
        if all(one is other for one, other in zip(past, tables, strict=True)):
            return self  # with all that was found of it already
        return replace(self, lines=lines, acts=acts, listed=listed)

    def dated(self) -> "History":
        """Return the same customers, known by being listed only where it is said since when."""
        since = np.where(self.since_us == ALWAYS, NEVER, self.since_us)
        return replace(self, since_us=since)

    def sample(self, most: int) -> "History":
        """Return the history of about so many customers at most, chosen by a hash of their ids."""
        parts = -(-len(self) // most)
        if parts < 2:
            return self
        hashes = [zlib.crc32(i.encode()) for i in self.ids.to_pylist()]
        return self.choose(np.array(hashes) % parts == 0)

    def find_first_order(self) -> int | None:
        """Return when the first order was placed."""
        at_us = self.lines["at_us"][self.lines["amount"] > 0]
        return int(at_us.min()) if len(at_us) else None

    def list_products(self) -> dict[str, Product]:
        """Return what the tables say of each product that was sold."""
        return list_goods(self.goods, self.names["product"], self.lines["product"])

    def run(self, job: Callable[["History"], Any]) -> list[Any]:
        """Return what the job says of each block of customers, in their order."""
        if len(self) <= FEWEST:
            return [job(self)]
        rounds = -(-len(self) // (THREADS * BLOCK))
        even = -(-len(self) // (THREADS * rounds or 1))  # so that no thread waits for the last
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(job, self.blocks(max(even, FEWEST))))


# Acts of the shop by their kind, for tables that do not say who initiated them.
COMPANY_KINDS = ("campaign", "campaign_received", "coupon", "email_send", "email_sent")

NEVER = np.iinfo(np.int64).max
ALWAYS = np.iinfo(np.int64).min  # listed without a date: known at every moment


def _first(table: Table) -> Whole:
    starts, ends = table.bounds[:-1], table.bounds[1:]
    first = np.full(len(starts), NEVER)
    held = ends > starts
    first[held] = table["at_us"][starts[held]]
    return first
