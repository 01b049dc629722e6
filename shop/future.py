"""What followed the end: the days of the horizon, and with a stream of its own the year."""

from dataclasses import dataclass

import numpy as np

from .arrays import Flags, Floats, Ints
from .baskets import Lines, Trade, choose
from .clock import Clocks, read_clock, turn_back
from .constants import PLANTED
from .orders import Orders, draw_renewals, tell_ages
from .people import People
from .phases import draw_phases
from .plan import HORIZON_DAYS, YEAR_DAYS


@dataclass(frozen=True)
class Future:
    """What each customer did after the end, counted from there over days given in each name.

    `spent_90d` is before returns, `spent_365d` after those that come back in that time;
    `days_until` is infinite without an order in a year; `bought_30d` and `bought_90d` have a
    column per category.
    """

    orders_30d: Ints
    orders_90d: Ints
    orders_365d: Ints
    spent_90d: Floats
    spent_365d: Floats
    days_until: Floats
    bought_30d: Flags
    bought_90d: Flags


def draw_later_orders(
    rng: np.random.Generator, people: People, clocks: Clocks, orders: Orders
) -> Orders:
    """The orders between the horizon and the year after the end, given all before them.

    An Erlang gap forgets all but its phase, so it can be taken up again from its age.
    """
    horizon = clocks.ends + HORIZON_DAYS
    aged = tell_ages(people, clocks, orders, horizon)
    passed = draw_phases(rng, people.gap_shape, aged)
    until = np.clip(people.left, horizon, clocks.ends + YEAR_DAYS)
    opens = read_clock(clocks, people.clock, np.full(len(aged), horizon))
    room = people.rate * (read_clock(clocks, people.clock, until) - opens)
    customer, moment = draw_renewals(rng, room, people.gap_shape, passed)
    shown = opens[customer] + moment / people.rate[customer]
    at = turn_back(clocks, people.clock[customer], shown)
    return Orders(customer, np.maximum(at, horizon))


def see_future(clocks: Clocks, size: int, near: Trade, later: Trade) -> Future:
    """What so many customers really did after the end, up to the horizon and beyond it."""
    who = np.concatenate([near.orders.customer, later.orders.customer])
    after = np.concatenate([near.orders.at, later.orders.at]) - clocks.ends
    until = np.full(size, np.inf)
    np.minimum.at(until, who[after >= 0], after[after >= 0])
    within_90d = choose_after(clocks, near.bought, HORIZON_DAYS)
    lines = (near.bought, near.back, later.bought, later.back)
    return Future(
        orders_30d=count_orders(who, after, 30, size),
        orders_90d=count_orders(who, after, HORIZON_DAYS, size),
        orders_365d=count_orders(who, after, YEAR_DAYS, size),
        spent_90d=add_up([within_90d], size),
        spent_365d=add_up([choose_after(clocks, part, YEAR_DAYS) for part in lines], size),
        days_until=until,
        bought_30d=mark_categories(choose_after(clocks, near.bought, 30), size),
        bought_90d=mark_categories(within_90d, size),
    )


def count_orders(who: Ints, after: Floats, days: int, size: int) -> Ints:
    """The orders of each of so many customers in the days after the end."""
    return np.bincount(who[(after >= 0) & (after < days)], minlength=size)


def choose_after(clocks: Clocks, lines: Lines, days: int) -> Lines:
    """The lines in the days after the end."""
    return choose(lines, (lines.at >= clocks.ends) & (lines.at < clocks.ends + days))


def add_up(parts: list[Lines], size: int) -> Floats:
    """The money of the lines by customer, to the cent."""
    spent = sum(np.bincount(lines.customer, lines.amount, size) for lines in parts)
    return np.round(spent, 2)


def mark_categories(lines: Lines, size: int) -> Flags:
    """Which categories each customer has a line in, a column per category."""
    marks = np.zeros((size, len(PLANTED.catalogue.categories)), dtype=bool)
    marks[lines.customer, lines.product // PLANTED.catalogue.per_category] = True
    return marks
