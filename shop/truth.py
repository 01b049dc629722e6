"""The truth behind the shop: the chance that each customer orders again, and what followed."""

from dataclasses import dataclass
from math import factorial

import numpy as np

from .arrays import Floats, Ints
from .baskets import Lines
from .clock import Clocks, read_clock
from .constants import PLANTED
from .orders import Orders
from .people import People
from .plan import HORIZON_DAYS


@dataclass(frozen=True)
class Future:
    """What each customer did after the end: orders in 30 and 90 days, money spent in 90."""

    orders_30d: Ints
    orders_90d: Ints
    spent_90d: Floats


def predict_orders(people: People, clocks: Clocks, orders: Orders) -> tuple[Floats, Floats]:
    """The true chance of an order within 30 and 90 days of the end, for each customer.

    F(t) = 1 - S(a + x(t)) / S(a) is the chance that the next order falls within t days if
    the customer stays: a is the customer's own time since the last order, x(t) that of the
    t days to come, S the survival of the Erlang gap. Leaving comes with hazard m, so
    p = sum over days d of (F(d + 1) - F(d)) exp(-m c(d)), with c(d) the busy centre of day d.
    """
    chance = np.zeros((2, len(people.rate)))
    who = np.flatnonzero((people.rate > 0) & (people.left > clocks.ends))
    aged, ahead = measure_waits(people, clocks, orders, who)
    shape = people.gap_shape[who]
    still = survive(shape, aged[:, None] + ahead) / survive(shape, aged[:, None])
    centre = find_centres(clocks)[people.clock[who]]
    stays = np.exp(-people.hazard[who, None] * centre)
    by_day = np.cumsum(-np.diff(still, axis=1) * stays, axis=1)
    chance[:, who] = by_day[:, [29, HORIZON_DAYS - 1]].T
    return chance[0], chance[1]


def measure_waits(
    people: People, clocks: Clocks, orders: Orders, who: Ints
) -> tuple[Floats, Floats]:
    """Own time since the last order, and own time ahead at the edge of each coming day."""
    past = orders.at < clocks.ends
    last = np.zeros(len(people.rate))
    np.maximum.at(last, orders.customer[past], orders.at[past])
    row = people.clock[who]
    days = clocks.ends + np.arange(HORIZON_DAYS + 1)
    totals = np.stack([np.interp(days, clocks.edges, total) for total in clocks.totals])
    aged = people.rate[who] * (totals[row, 0] - read_clock(clocks, row, last[who]))
    ahead = people.rate[who, None] * (totals - totals[:, :1])[row]
    return aged, ahead


def survive(shape: Ints, waits: Floats) -> Floats:
    """The chance that an Erlang gap of mean one, of each shape, is longer than each wait."""
    phases = shape[:, None] * waits
    terms: Floats = np.zeros_like(phases)
    for number in range(max(PLANTED.buying.gap_shapes)):
        terms += np.where(number < shape[:, None], phases**number / factorial(number), 0.0)
    terms *= np.exp(-phases)
    return terms


def find_centres(clocks: Clocks) -> Floats:
    """The busy centre of each day after the end, in days from the end, for every clock."""
    hours = np.diff(clocks.totals, axis=1)[:, -24 * HORIZON_DAYS :]
    hours = hours.reshape(len(hours), HORIZON_DAYS, 24)
    middles = (np.arange(24) + 0.5) / 24
    centres: Floats = (hours * middles).sum(axis=2) / hours.sum(axis=2)
    return centres + np.arange(HORIZON_DAYS)


def see_future(people: People, clocks: Clocks, orders: Orders, bought: Lines) -> Future:
    """What the people really did in the days after the end of the history."""
    size = len(people.rate)
    after = orders.at - clocks.ends
    later = (bought.at >= clocks.ends) & (bought.at < clocks.ends + HORIZON_DAYS)
    spent = np.bincount(bought.customer[later], bought.amount[later], size)
    return Future(
        orders_30d=np.bincount(orders.customer[(after >= 0) & (after < 30)], minlength=size),
        orders_90d=np.bincount(
            orders.customer[(after >= 0) & (after < HORIZON_DAYS)], minlength=size
        ),
        spent_90d=np.round(spent, 2),
    )
