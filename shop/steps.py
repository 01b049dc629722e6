"""Customers who step up: from a moment on they take more units, and browse more before it."""

from dataclasses import replace

import numpy as np

from .arrays import Floats, Ints, owners
from .baskets import Lines, Tastes
from .clock import Clocks
from .constants import PLANTED
from .interactions import VISIT, WEB, Interactions, note
from .people import People


def draw_steps(rng: np.random.Generator, people: People, clocks: Clocks) -> Floats:
    """When each customer steps up, in days since the start; infinite for those who do not.

    Only who has ordered by then and has not left can step up.
    """
    planted, size = PLANTED.step_up, len(people.rate)
    span = planted.days_before_end + planted.days_after_end
    at = clocks.ends - planted.days_before_end + rng.random(size) * span
    chosen = rng.random(size) < planted.share
    chosen &= (people.rate > 0) & (people.first < at) & (people.left > at)
    return np.where(chosen, at, np.inf)


def step_up(
    rng: np.random.Generator, lines: Lines, kind: Ints, tastes: Tastes, steps: Floats
) -> Lines:
    """The lines with more units on those after their customer's step, the same reduction kept.

    Units were one and a Poisson number; a further Poisson number makes their mean `factor`
    times as large and leaves them one and a Poisson number.
    """
    rows = np.flatnonzero(lines.at >= steps[lines.customer])
    if not rows.size:
        return lines
    who, before = lines.customer[rows], lines.quantity[rows]
    reduced = np.where(lines.discount[rows] > 0, PLANTED.baskets.discount_units, 0.0)
    usual = 1 + np.array(PLANTED.kinds.extra_units)[kind[who]] + reduced * tastes.thrift[who]
    quantity, discount, amount = lines.quantity.copy(), lines.discount.copy(), lines.amount.copy()
    quantity[rows] += rng.poisson((PLANTED.step_up.factor - 1) * usual)
    discount[rows] = np.round(lines.discount[rows] * quantity[rows] / before, 2)
    amount[rows] = np.round(quantity[rows] * lines.unit_price[rows] - discount[rows], 2)
    return replace(lines, quantity=quantity, discount=discount, amount=amount)


def draw_browsing(rng: np.random.Generator, steps: Floats) -> Interactions:
    """Long visits in the weeks before a step up."""
    planted = PLANTED.step_up
    owner = owners(np.where(np.isfinite(steps), rng.poisson(planted.visits, len(steps)), 0))
    at = steps[owner] - rng.random(len(owner)) * planted.notice_days
    pages = 1 + rng.poisson(planted.pages, len(owner))
    return note(owner, at, VISIT, WEB, pages.astype(np.float64))


def tell_factor(steps: Floats, at: Floats | float) -> Floats:
    """How many times the usual units each customer takes at a time."""
    return np.where(steps <= at, PLANTED.step_up.factor, 1.0)
