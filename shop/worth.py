"""What an order of each customer is worth: its mean and variance, in closed form.

The products of an order are a first one F, drawn from the customer's own shares π, and a
Poisson number λ of further ones, which is for each product i an independent chance
b_i = 1 − exp(−λ π_i) of being among them; a product drawn twice counts once. A line is worth
price_i × W, where W is units times what the discount leaves of the price. So an order is
A + B with A over the further products and B the first one if it is new, and

    E[A + B] = w Σ p_i (b_i + π_i (1 − b_i))                              w = E[W]
    Var[A] = Σ p_i² (v b_i − w² b_i²)                                    v = E[W²]
    Var[B] = v Σ π_i (1 − b_i) p_i² − E[B]²
    Cov[A, B] = −w² Σ π_i (1 − b_i) b_i p_i²
"""

from dataclasses import dataclass
from functools import cache
from math import erf, sqrt

import numpy as np

from .arrays import Floats, Ints
from .baskets import Tastes
from .catalogue import Goods
from .constants import PLANTED

LEVELS = 1_000
SLICE = 500
"""Customers at a time: a row of all products for each of them stays within the cache."""


@dataclass(frozen=True)
class Worth:
    """The mean and the variance of what each customer spends on an order, before returns."""

    mean: Floats
    variance: Floats


def value_orders(tastes: Tastes, kind: Ints, factor: Floats, goods: Goods) -> Worth:
    """What an order of each customer is worth, when units are `factor` times the usual."""
    worth = Worth(np.empty(len(kind)), np.empty(len(kind)))
    once, squared = value_units(tastes.thrift, kind, factor)
    for first in range(0, len(kind), SLICE):
        part = slice(first, first + SLICE)
        shares = share_products(tastes, part)
        never = np.exp(-tastes.extra_lines[part, None] * shares)
        again, alone = 1 - never, shares * never
        price, w, v = goods.price, once[part], squared[part]
        first_mean = w * (alone @ price)
        worth.mean[part] = w * (again @ price) + first_mean
        of_both = v * ((again + alone) @ price**2) - first_mean**2
        shared = w**2 * ((again**2 + 2 * alone * again) @ price**2)
        worth.variance[part] = of_both - shared
    return worth


def value_units(thrift: Floats, kind: Ints, factor: Floats) -> tuple[Floats, Floats]:
    """The mean of units times the share of the price paid, and the mean of its square."""
    planted = PLANTED.baskets
    reduced = planted.discount_base + planted.discount_by_thrift * thrift
    plain = factor * (1 + np.array(PLANTED.kinds.extra_units)[kind])
    more = plain + factor * planted.discount_units * thrift
    paid = 1 - np.array(planted.depths)
    # Units are one and a Poisson number: with mean m, the mean of the square is m² + m - 1.
    once = (1 - reduced) * plain + reduced * more * paid.mean()
    squared = (1 - reduced) * (plain**2 + plain - 1)
    return once, squared + reduced * (more**2 + more - 1) * (paid**2).mean()


def share_products(tastes: Tastes, part: slice) -> Floats:
    """The chance of each product when one is drawn, a row per customer of the part."""
    place = np.clip(tastes.level[part], 0, 1) * LEVELS
    below = np.minimum(place.astype(np.int64), LEVELS - 1)
    rest = (place - below)[:, None]
    table = spread_places()
    places = (1 - rest) * table[below] + rest * table[below + 1]
    shares: Floats = share_categories(tastes)[part, :, None] * places[:, None, :]
    return shares.reshape(len(rest), -1)


def share_categories(tastes: Tastes) -> Floats:
    """The chance of each category when a line is drawn, a row per customer."""
    shares: Floats = np.diff(tastes.categories[:, :-1], axis=1, prepend=0.0, append=1.0)
    return shares


@cache
def spread_places() -> Floats:
    """The chance of each place in a category, cheapest first, by price level from 0 to 1."""
    places = PLANTED.catalogue.per_category
    levels = np.linspace(0, 1, LEVELS + 1)[:, None]
    # A rank is folded back at 0 and at 1, so a place is met in three stretches of the line.
    edges = np.arange(-places, 2 * places + 1) / places
    below = np.vectorize(erf)((edges - levels) / (PLANTED.baskets.level_spread * sqrt(2))) / 2
    met = np.diff(below, axis=1)
    plain = met[:, places : 2 * places]
    return np.asarray(plain + met[:, places - 1 :: -1] + met[:, : 2 * places - 1 : -1])
