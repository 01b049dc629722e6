"""When customers order: renewals on each customer's own clock until the customer leaves.

With single-phase gaps this is the Pareto/NBD model of Schmittlein, Morrison & Colombo
(1987); more phases give the regular gaps of Platzer & Reutterer (2016).
"""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Ints, owners, sum_within
from .clock import Clocks, read_clock, turn_back
from .people import People
from .plan import HORIZON_DAYS


@dataclass(frozen=True)
class Orders:
    """The customer (by position) and the time of each order, in order of both."""

    customer: Ints
    at: Floats


def draw_orders(rng: np.random.Generator, people: People, clocks: Clocks) -> Orders:
    """All orders of the people, up to the horizon after the end of the history."""
    opens = read_clock(clocks, people.clock, people.first)
    closes = read_clock(clocks, people.clock, np.minimum(people.left, clocks.ends + HORIZON_DAYS))
    room = people.rate * (closes - opens)
    customer, passed = draw_renewals(rng, room, people.gap_shape)
    shown = opens[customer] + passed / people.rate[customer]
    again = turn_back(clocks, people.clock[customer], shown)
    buyers = np.flatnonzero(people.rate > 0)
    customer = np.concatenate([buyers, customer])
    at = np.concatenate([people.first[buyers], again])
    sequence = np.lexsort((at, customer))
    return Orders(customer[sequence], at[sequence])


def tell_ages(people: People, clocks: Clocks, orders: Orders, until: float) -> Floats:
    """Each customer's own time from the last order before a moment until then."""
    past = orders.at < until
    last = np.zeros(len(people.rate))
    np.maximum.at(last, orders.customer[past], orders.at[past])
    shown = np.array([np.interp(until, clocks.edges, total) for total in clocks.totals])
    aged: Floats = people.rate * (shown[people.clock] - read_clock(clocks, people.clock, last))
    return aged


def draw_renewals(
    rng: np.random.Generator, room: Floats, shape: Ints, passed: Ints | None = None
) -> tuple[Ints, Floats]:
    """The owner and the moment of each renewal in (0, room), with Erlang gaps of mean one.

    Of the first gap of each owner, `passed` phases are over already; none if not given.
    """
    # Six spreads and ten more than expected: the chance of running short is below 1e-9.
    counts = np.where(room > 0, np.ceil(room + 6 * np.sqrt(room) + 10), 0).astype(np.int64)
    owner = owners(counts)
    phases = shape[owner].astype(np.float64)
    if passed is not None:
        firsts = (np.cumsum(counts) - counts)[counts > 0]
        phases[firsts] -= passed[counts > 0]
    gaps = rng.standard_gamma(phases) / shape[owner]
    moments = sum_within(gaps, counts)
    kept = moments < room[owner]
    return owner[kept], moments[kept]
