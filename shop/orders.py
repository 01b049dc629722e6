"""When customers order: renewals on each customer's own clock until the customer leaves.

With single-phase gaps this is the Pareto/NBD model of Schmittlein, Morrison & Colombo
(1987); more phases give the regular gaps of Platzer & Reutterer (2016).
"""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Ints, owners, sum_within
from .clock import Clocks, read_clock, turn_back
from .people import People


@dataclass(frozen=True)
class Orders:
    """The customer (by position) and the time of each order, in order of both."""

    customer: Ints
    at: Floats


def draw_orders(rng: np.random.Generator, people: People, clocks: Clocks) -> Orders:
    """All orders of the people, up to the horizon after the end of the history."""
    opens = read_clock(clocks, people.clock, people.first)
    closes = read_clock(clocks, people.clock, np.minimum(people.left, clocks.edges[-1]))
    room = people.rate * (closes - opens)
    customer, passed = draw_renewals(rng, room, people.gap_shape)
    shown = opens[customer] + passed / people.rate[customer]
    again = turn_back(clocks, people.clock[customer], shown)
    buyers = np.flatnonzero(people.rate > 0)
    customer = np.concatenate([buyers, customer])
    at = np.concatenate([people.first[buyers], again])
    sequence = np.lexsort((at, customer))
    return Orders(customer[sequence], at[sequence])


def draw_renewals(rng: np.random.Generator, room: Floats, shape: Ints) -> tuple[Ints, Floats]:
    """The owner and the moment of each renewal in (0, room), with Erlang gaps of mean one."""
    # Six spreads and ten more than expected: the chance of running short is below 1e-9.
    counts = np.where(room > 0, np.ceil(room + 6 * np.sqrt(room) + 10), 0).astype(np.int64)
    owner = owners(counts)
    gaps = rng.standard_gamma(shape[owner].astype(np.float64)) / shape[owner]
    moments = sum_within(gaps, counts)
    kept = moments < room[owner]
    return owner[kept], moments[kept]
