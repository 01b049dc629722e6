"""Which categories each order was of: what says who has bought from what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from features.goods import Goods
from features.history import History
from features.sums import Array, Mask, Numbers, Whole
from features.timeline import DAY_US

Of = Literal["category", "product"]

RECENT, YEAR = 90, 365
PERIOD, DECAY = 30, 0.9  # days, and what an order weighs of one so many days later


def find_kind(history: History) -> Of:
    """Return what a category is in this shop: that of its products, or a product itself."""
    return "category" if history.goods.categories else "product"


def classify(history: History, of: Of) -> History:
    """Return the history with every product as a category of its own, where `of` says so."""
    if of == "category":
        return history
    names = history.names["product"]
    own = Goods(names, np.arange(len(names), dtype=np.int32), history.goods.cost)
    return replace(history, goods=own)


@dataclass(frozen=True)
class Turns:
    """A row per order and category that was bought in it, customer after customer, by time.

    `category` is a place among `names`; it is that of the order's first such line.
    """

    owner: Array
    category: Array
    at_us: Whole
    customers: int
    names: tuple[str, ...]

    @cached_property
    def key(self) -> Whole:
        """The pair of customer and category that each row is of, as one number."""
        return np.asarray(self.owner.astype(np.int64) * len(self.names) + self.category)

    def keep(self, rows: Mask) -> "Turns":
        """Return the rows that the mask holds."""
        owner, category, at_us = (c[rows] for c in (self.owner, self.category, self.at_us))
        return replace(self, owner=owner, category=category, at_us=at_us)

    def between(self, first_us: float, last_us: float) -> "Turns":
        """Return the rows from one time on and before another."""
        return self.keep((self.at_us >= first_us) & (self.at_us < last_us))

    def choose(self, names: Sequence[str]) -> "Turns":
        """Return the rows of these categories, told as places among them."""
        places = {name: i for i, name in enumerate(names)}
        table = np.array([places.get(name, -1) for name in self.names], dtype=np.int64)
        category = table[self.category] if len(table) else self.category
        chosen = replace(self, category=category, names=tuple(names))
        return chosen.keep(category >= 0)

    def count(self, weight: Array | None = None) -> Numbers:
        """Return customers x categories: how many orders, or what they weigh."""
        size = self.customers * len(self.names)
        counted = np.bincount(self.key, weight, size).astype(np.float64)
        return counted.reshape(self.customers, len(self.names))

    def last_us(self) -> Numbers:
        """Return customers x categories: when it was last ordered, -inf where it never was."""
        found = np.full(self.customers * len(self.names), -np.inf)
        found[self.key] = self.at_us  # of several the last is kept
        return found.reshape(self.customers, len(self.names))

    def first_us(self) -> Numbers:
        """Return customers x categories: when it was first ordered, inf where it never was."""
        found = np.full(self.customers * len(self.names), np.inf)
        found[self.key[::-1]] = self.at_us[::-1]
        return found.reshape(self.customers, len(self.names))


def find_turns(history: History) -> Turns:
    """Return the turns of a history, in the order of customer and time."""
    bought, goods = history.bought, history.goods
    product = bought["product"]
    category = np.append(goods.category, -1)[product].astype(np.int64)
    (rows,) = np.nonzero((product >= 0) & (category >= 0))
    key = bought.order[rows] * (len(goods.categories) + 1) + category[rows]
    rows = np.sort(rows[np.unique(key, return_index=True)[1]])  # lines come in the order of time
    return Turns(
        owner=bought.owner[rows],
        category=category[rows],
        at_us=bought["at_us"][rows],
        customers=len(history),
        names=goods.categories,
    )


@dataclass(frozen=True)
class Own:
    """What each customer bought of each category before a moment: customers x categories.

    `orders` are those ever, of the last 90 days and of the year; `decayed` weighs each the less the
    older it is; `days` is how long ago the last was (infinite without one), `span` the days between
    the first and the last.
    """

    orders: Numbers
    orders_90d: Numbers
    orders_365d: Numbers
    decayed: Numbers
    days: Numbers
    span: Numbers

    def take(self, customers: Array) -> "Own":
        """Return what is known of these customers."""
        return Own(*(getattr(self, name)[customers] for name in self.__dataclass_fields__))


def find_own(turns: Turns, as_of_us: int) -> Own:
    """Return what each customer had bought of each category of the turns before the moment."""
    past = turns.between(-np.inf, as_of_us)
    last_us = past.last_us()
    age = (as_of_us - past.at_us) / DAY_US
    with np.errstate(invalid="ignore"):
        span = np.nan_to_num((last_us - past.first_us()) / DAY_US, nan=0.0, neginf=0.0)
    return Own(
        orders=past.count(),
        orders_90d=past.count(age <= RECENT),
        orders_365d=past.count(age <= YEAR),
        decayed=past.count(DECAY ** np.floor(age / PERIOD)),
        days=(as_of_us - last_us) / DAY_US,
        span=span,
    )
