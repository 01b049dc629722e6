"""What customers put in their orders, and what they send back."""

from dataclasses import dataclass, fields

import numpy as np

from .arrays import Flags, Floats, Ints, owners, pick
from .catalogue import Goods
from .constants import PLANTED
from .orders import Orders
from .people import People


@dataclass(frozen=True)
class Tastes:
    """How each customer shops: basket, category edges, price level, thrift, returns, channel."""

    extra_lines: Floats
    categories: Floats
    level: Floats
    thrift: Floats
    returns: Floats
    channel: Ints


@dataclass(frozen=True)
class Lines:
    """Order lines: the number of the order within the chunk, who, when, what and how much."""

    order: Ints
    customer: Ints
    at: Floats
    channel: Ints
    product: Ints
    quantity: Floats
    unit_price: Floats
    discount: Floats
    amount: Floats


@dataclass(frozen=True)
class Trade:
    """The orders of a stretch of time, the lines bought in them, and those of these sent back."""

    orders: Orders
    bought: Lines
    back: Lines


def draw_tastes(rng: np.random.Generator, size: int) -> Tastes:
    """The tastes of as many customers as asked for."""
    planted, back = PLANTED.baskets, PLANTED.returns
    popularity = np.array(PLANTED.catalogue.popularity)
    weights = planted.taste_concentration * popularity / popularity.sum()
    keen = rng.random(size) < back.keen_share
    extra = rng.gamma(planted.extra_lines_shape, 1 / planted.extra_lines_shape, size)
    return Tastes(
        extra_lines=planted.extra_lines * extra,
        categories=np.cumsum(rng.dirichlet(weights, size), axis=1),
        level=rng.beta(*planted.level_shape, size),
        thrift=rng.beta(*planted.thrift_shape, size),
        returns=np.where(keen, rng.beta(*back.keen_shape, size), rng.beta(*back.shape, size)),
        channel=pick(rng, planted.channel_shares, size),
    )


def draw_channels(rng: np.random.Generator, orders: Orders, tastes: Tastes) -> Ints:
    """The channel of each order: mostly the customer's own."""
    planted = PLANTED.baskets
    size = len(orders.customer)
    strays = rng.random(size) >= planted.channel_loyalty
    other = pick(rng, planted.channel_shares, size)
    return np.where(strays, other, tastes.channel[orders.customer])


def draw_products(rng: np.random.Generator, customer: Ints, tastes: Tastes) -> Ints:
    """The product on each line: a category to the customer's taste, a price at its level."""
    draw = rng.random(len(customer))
    category = np.zeros(len(customer), dtype=np.int64)
    for edge in tastes.categories.T[:-1]:
        category += draw >= edge[customer]
    spread = PLANTED.baskets.level_spread * rng.standard_normal(len(customer))
    # Fold back at both ends, so that the cheapest and dearest product are not swamped.
    rank = 1.0 - np.abs(1.0 - np.abs(tastes.level[customer] + spread))
    per_category = PLANTED.catalogue.per_category
    place = np.clip((rank * per_category).astype(np.int64), 0, per_category - 1)
    return category * per_category + place


def fill_orders(
    rng: np.random.Generator, people: People, tastes: Tastes, orders: Orders, goods: Goods
) -> Lines:
    """The lines of all orders, each product at most once in an order."""
    counts = 1 + rng.poisson(tastes.extra_lines[orders.customer])
    order = owners(counts)
    products = len(goods.price)
    line = order * products + draw_products(rng, orders.customer[order], tastes)
    line.sort(kind="stable")  # nearly in order already, which a stable sort makes use of
    order, product = np.divmod(line[np.diff(line, prepend=-1) > 0], products)
    customer = orders.customer[order]
    quantity, share = draw_quantities(rng, people.kind[customer], tastes.thrift[customer])
    gross = quantity * goods.price[product]
    discount = np.round(gross * share, 2)
    return Lines(
        order=order,
        customer=customer,
        at=orders.at[order],
        channel=draw_channels(rng, orders, tastes)[order],
        product=product,
        quantity=quantity,
        unit_price=goods.price[product],
        discount=discount,
        amount=np.round(gross - discount, 2),
    )


def draw_quantities(rng: np.random.Generator, kind: Ints, thrift: Floats) -> tuple[Floats, Floats]:
    """The units on each line and the share of the price taken off it."""
    planted = PLANTED.baskets
    size = len(kind)
    reduced = rng.random(size) < planted.discount_base + planted.discount_by_thrift * thrift
    depth = np.array(planted.depths)[rng.integers(len(planted.depths), size=size)]
    extra = np.array(PLANTED.kinds.extra_units)[kind]
    extra = extra + np.where(reduced, planted.discount_units * thrift, 0.0)
    units = 1 + rng.poisson(extra)
    return units.astype(np.float64), np.where(reduced, depth, 0.0)


def send_back(rng: np.random.Generator, lines: Lines, tastes: Tastes, orders: int) -> Lines:
    """The lines that come back some days later, as orders numbered from `orders` upwards."""
    planted = PLANTED.returns
    # One waiting time per order, so that what comes back from an order comes back together.
    wait = rng.uniform(planted.first_day, planted.last_day, orders)
    back = choose(lines, rng.random(len(lines.order)) < tastes.returns[lines.customer])
    return Lines(
        order=back.order + orders,
        customer=back.customer,
        at=back.at + wait[back.order],
        channel=back.channel,
        product=back.product,
        quantity=-back.quantity,
        unit_price=back.amount / back.quantity,  # what was paid, so no discount is left
        discount=np.zeros(len(back.order)),
        amount=-back.amount,
    )


def choose(lines: Lines, rows: Ints | Flags) -> Lines:
    """The lines at the given rows (positions or flags)."""
    return Lines(**{part.name: getattr(lines, part.name)[rows] for part in fields(Lines)})


def join_lines(bought: Lines, back: Lines, before: float) -> Lines:
    """Bought and returned lines up to a time, in order of customer, time and order."""
    both = {
        part.name: np.concatenate([getattr(bought, part.name), getattr(back, part.name)])
        for part in fields(Lines)
    }
    kept = np.flatnonzero(both["at"] < before)
    rows = kept[np.lexsort((both["order"][kept], both["at"][kept], both["customer"][kept]))]
    return choose(Lines(**both), rows)
