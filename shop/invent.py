"""Invents one chunk of customers: what they did, what they went on to do, and the truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .alike import hide_orders, level_people, level_tastes
from .arrays import Floats
from .baskets import Tastes, Trade, draw_tastes, fill_orders, join_lines, send_back
from .catalogue import Goods
from .clock import Clocks, schedule_campaigns
from .future import draw_later_orders, see_future
from .interactions import Interactions, arrange, draw_interactions
from .orders import Orders, draw_orders
from .people import People, draw_people
from .plan import Plan
from .steps import draw_browsing, draw_steps, step_up, tell_factor
from .tables import (
    Chunk,
    table_customers,
    table_interactions,
    table_transactions,
    write_product_ids,
)
from .truth import (
    expect_orders,
    expect_returns,
    look_ahead,
    predict_categories,
    predict_orders,
    spread_out,
    value_ahead,
)
from .truth_tables import Truth, table_categories, table_future, table_truth
from .worth import value_orders

LATER_STREAM, STEPS_STREAM = 1, 2
"""Number the random streams of a chunk beside that of its history, so that this one stays."""


@dataclass(frozen=True)
class Setting:
    """What all chunks of a shop share."""

    plan: Plan
    clocks: Clocks
    goods: Goods


@dataclass(frozen=True)
class Cast:
    """The customers of a chunk, their tastes, and when each steps up, if ever."""

    people: People
    tastes: Tastes
    steps: Floats


def make_chunk(setting: Setting, chunk: Chunk) -> Iterator[tuple[str, pa.Table]]:
    """The name and rows of every table about one chunk of customers."""
    plan, clocks = setting.plan, setting.clocks
    rng, later_rng, steps_rng = open_streams(plan.seed, chunk.number)
    cast = draw_cast(rng, steps_rng, setting, len(chunk.ids))
    people, tastes = cast.people, cast.tastes
    orders = draw_orders(rng, people, clocks)
    near = draw_trade(rng, steps_rng, setting, cast, orders)
    seen = draw_seen(rng, steps_rng, setting, cast, orders)
    lines = join_lines(near.bought, near.back, clocks.ends)
    yield "transactions", table_transactions(chunk, lines, write_product_ids(setting.goods))
    yield "interactions", table_interactions(chunk, seen)
    del lines, seen
    later_orders = draw_later_orders(later_rng, people, clocks, orders)
    later = draw_trade(later_rng, steps_rng, setting, cast, later_orders)
    future = see_future(clocks, len(chunk.ids), near, later)
    truth = tell_truth(setting, cast, near)
    yield "truth/customers", table_truth(chunk, people, tastes, clocks, truth)
    yield "truth/future", table_future(chunk, future)
    yield "truth/categories", table_categories(chunk, tastes, truth, future)
    yield "customers", table_customers(chunk, people)


def open_streams(seed: int, number: int) -> list[np.random.Generator]:
    """The random streams of a chunk: its history, the later year, and the steps up."""
    streams: tuple[list[int], ...] = ([], [LATER_STREAM], [STEPS_STREAM])
    return [np.random.default_rng([seed, number, *stream]) for stream in streams]


def draw_cast(
    rng: np.random.Generator, steps_rng: np.random.Generator, setting: Setting, size: int
) -> Cast:
    """As many customers as asked for, all alike if the plan is for no signal."""
    people, tastes = draw_people(rng, size, setting.clocks), draw_tastes(rng, size)
    if not setting.plan.signal:
        people, tastes = level_people(people), level_tastes(tastes)
    steps = np.full(size, np.inf)
    if setting.plan.step_up:
        steps = draw_steps(steps_rng, people, setting.clocks)
    return Cast(people, tastes, steps)


def draw_trade(
    rng: np.random.Generator,
    steps_rng: np.random.Generator,
    setting: Setting,
    cast: Cast,
    orders: Orders,
) -> Trade:
    """What was bought in the orders and sent back from them."""
    bought = fill_orders(rng, cast.people, cast.tastes, orders, setting.goods)
    bought = step_up(steps_rng, bought, cast.people.kind, cast.tastes, cast.steps)
    return Trade(orders, bought, send_back(rng, bought, cast.tastes, len(orders.at)))


def draw_seen(
    rng: np.random.Generator,
    steps_rng: np.random.Generator,
    setting: Setting,
    cast: Cast,
    orders: Orders,
) -> Interactions:
    """What was seen of the customers besides their orders."""
    told = orders if setting.plan.signal else hide_orders(orders)
    campaigns = schedule_campaigns(setting.plan)
    parts = draw_interactions(rng, cast.people, setting.clocks, told, campaigns)
    browsing = draw_browsing(steps_rng, cast.steps)
    return arrange([*parts, browsing], cast.people, setting.clocks)


def tell_truth(setting: Setting, cast: Cast, near: Trade) -> Truth:
    """What the planted constants foretell of the customers at the end."""
    people, tastes, clocks = cast.people, cast.tastes, setting.clocks
    size, from_end = len(people.rate), cast.steps - clocks.ends
    outlook = look_ahead(people, clocks, near.orders)
    worth = value_orders(tastes, people.kind, tell_factor(from_end, 0.0), setting.goods)
    orders = expect_orders(outlook)
    spend = (orders * value_ahead(outlook, worth, tastes, from_end)).sum(axis=1)
    back = expect_returns(clocks, near.bought, tastes)
    return Truth(
        p_order=predict_orders(outlook, size),
        orders=spread_out(orders.sum(axis=1), outlook.who, size),
        spend=spread_out(spend, outlook.who, size) - back,
        worth=worth,
        steps=cast.steps,
        p_bought=predict_categories(outlook, tastes),
    )
