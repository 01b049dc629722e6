"""The truth behind the shop: what the planted constants of each customer foretell at the end."""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Ints
from .baskets import Lines, Tastes
from .clock import Clocks
from .constants import PLANTED
from .orders import Orders, tell_ages
from .people import People
from .phases import escape, expect_renewals, survive
from .plan import HORIZON_DAYS, YEAR_DAYS
from .steps import tell_factor
from .worth import Worth, share_categories

STEP_DAYS = 5
"""Days told as one between the horizon and the year; up to the horizon each day stands alone."""

EDGES = np.concatenate([np.arange(HORIZON_DAYS), np.arange(HORIZON_DAYS, YEAR_DAYS + 1, STEP_DAYS)])
"""The days after the end between which the truth adds up."""

CATEGORY_EDGES = np.concatenate([np.arange(10), np.arange(10, HORIZON_DAYS + 1, STEP_DAYS)])
"""The same for categories, of which there are twelve to a customer."""


@dataclass(frozen=True)
class Outlook:
    """What the customers who may still order have before them, a row for each.

    `who` is their position, `aged` their own time since the last order, `ahead` the own time
    up to each of `EDGES`, and `stays` the chance of not having left at the middle of each
    stretch between two edges, where the middle is `centre` days away.
    """

    who: Ints
    shape: Ints
    aged: Floats
    ahead: Floats
    centre: Floats
    stays: Floats


def look_ahead(people: People, clocks: Clocks, orders: Orders) -> Outlook:
    """The outlook at the end of those who have not left and do order."""
    who = np.flatnonzero((people.rate > 0) & (people.left > clocks.ends))
    row = people.clock[who]
    days = clocks.ends + EDGES
    totals = np.stack([np.interp(days, clocks.edges, total) for total in clocks.totals])
    centre = find_centres(clocks)[row]
    return Outlook(
        who=who,
        shape=people.gap_shape[who],
        aged=tell_ages(people, clocks, orders, clocks.ends)[who],
        ahead=people.rate[who, None] * (totals - totals[:, :1])[row],
        centre=centre,
        stays=np.exp(-people.hazard[who, None] * centre),
    )


def predict_orders(outlook: Outlook, size: int) -> dict[int, Floats]:
    """The true chance of an order within 30, 90 and 365 days of the end, for each customer.

    F(t) = 1 - S(a + x(t)) / S(a) is the chance that the next order falls within t days if
    the customer stays: a is the customer's own time since the last order, x(t) that of the
    t days to come, S the survival of the Erlang gap. Leaving comes with hazard m, so
    p = sum over days d of (F(d + 1) - F(d)) exp(-m c(d)), with c(d) the busy centre of day d.
    """
    shape, aged = outlook.shape, outlook.aged[:, None]
    still = survive(shape, aged + outlook.ahead) / survive(shape, aged)
    by_day = np.cumsum(-np.diff(still, axis=1) * outlook.stays, axis=1)
    ends = np.searchsorted(EDGES, (30, HORIZON_DAYS, YEAR_DAYS)) - 1
    return {int(EDGES[end + 1]): spread_out(by_day[:, end], outlook.who, size) for end in ends}


def expect_orders(outlook: Outlook) -> Floats:
    """The expected number of orders in each stretch between two edges, for those in sight."""
    number = expect_renewals(outlook.shape, outlook.aged, outlook.ahead)
    orders: Floats = np.diff(number, axis=1) * outlook.stays
    return orders


def value_ahead(outlook: Outlook, worth: Worth, tastes: Tastes, steps: Floats) -> Floats:
    """What an order in each stretch between two edges is worth by the end of the year.

    That is less what is expected back by then. `worth` is that at the end of the history;
    `steps` are days from there to a step up, which counts from its moment on.
    """
    who, late = outlook.who, YEAR_DAYS - outlook.centre
    kept = 1 - tastes.returns[who, None] * share_back(late)
    usual = worth.mean[who] / tell_factor(steps, 0.0)[who]
    return usual[:, None] * tell_factor(steps[who, None], outlook.centre) * kept


def expect_returns(clocks: Clocks, bought: Lines, tastes: Tastes) -> Floats:
    """The money expected back after the end for what was bought before it.

    Given what was bought and how much the customer sends back, not what came back already.
    """
    first = clocks.ends - PLANTED.returns.last_day
    rows = np.flatnonzero((bought.at > first) & (bought.at < clocks.ends))
    who = bought.customer[rows]
    ahead = 1 - share_back(clocks.ends - bought.at[rows])
    money = bought.amount[rows] * tastes.returns[who] * ahead
    return np.bincount(who, money, len(tastes.returns)).astype(np.float64)


def share_back(days: Floats) -> Floats:
    """The share of what comes back at all that is back within so many days."""
    planted = PLANTED.returns
    return np.clip((days - planted.first_day) / (planted.last_day - planted.first_day), 0.0, 1.0)


def predict_categories(outlook: Outlook, tastes: Tastes) -> Floats:
    """The true chance that each customer buys of each category within the horizon.

    With taste t and λ further draws on average, an order holds none of it with chance
    (1 − t) exp(−λ t); leaving counts by its mean over each stretch.
    """
    taste = share_categories(tastes)
    spared = (1 - taste) * np.exp(-tastes.extra_lines[:, None] * taste)
    edges = np.searchsorted(EDGES, CATEGORY_EDGES)
    ahead = outlook.ahead[:, edges]
    still = escape(outlook.shape, outlook.aged, ahead, spared[outlook.who])
    stays = np.add.reduceat(outlook.stays[:, :HORIZON_DAYS], CATEGORY_EDGES[:-1], axis=1)
    by_stretch = -np.diff(still, axis=2) * (stays / np.diff(CATEGORY_EDGES))[:, None, :]
    return spread_out(by_stretch.sum(axis=2), outlook.who, len(taste))


def spread_out(values: Floats, who: Ints, size: int) -> Floats:
    """The values at the positions they belong to, zero for all others."""
    spread = np.zeros((size, *values.shape[1:]))
    spread[who] = values
    return spread


def find_centres(clocks: Clocks) -> Floats:
    """The busy centre of each stretch between two edges, in days from the end, by clock."""
    start = int(clocks.ends) * 24
    hours = np.diff(clocks.totals, axis=1)[:, start : start + 24 * YEAR_DAYS]
    hours = hours.reshape(len(hours), YEAR_DAYS, 24)
    middles = (np.arange(24) + 0.5) / 24
    busy = hours.sum(axis=2)
    centres = (hours * middles).sum(axis=2) / busy + np.arange(YEAR_DAYS)
    weighed = (centres * busy)[:, HORIZON_DAYS:].reshape(len(hours), -1, STEP_DAYS).sum(axis=2)
    steps = busy[:, HORIZON_DAYS:].reshape(len(hours), -1, STEP_DAYS).sum(axis=2)
    return np.concatenate([centres[:, :HORIZON_DAYS], weighed / steps], axis=1)
