"""Takes the signal out of a shop: all customers are alike, so nothing foretells an order."""

from dataclasses import replace

import numpy as np

from .baskets import Tastes
from .constants import PLANTED
from .orders import Orders
from .people import People


def level_people(people: People) -> People:
    """The same people as consumers who all order at one Poisson rate and never leave."""
    size = len(people.rate)
    none = np.zeros(size, dtype=np.int64)
    return replace(
        people,
        kind=none,
        habit=none,
        clock=none,
        lift=none,
        left=np.full(size, np.inf),
        hazard=np.zeros(size),
        rate=np.full(size, PLANTED.alike.rate),
        gap_shape=np.ones(size, dtype=np.int64),
    )


def level_tastes(tastes: Tastes) -> Tastes:
    """The tastes of people who all shop as the shop does on average, and return nothing."""
    planted, size = PLANTED.baskets, len(tastes.level)
    popularity = np.array(PLANTED.catalogue.popularity)
    edges = np.cumsum(popularity / popularity.sum())
    return Tastes(
        extra_lines=np.full(size, planted.extra_lines),
        categories=np.tile(edges, (size, 1)),
        level=np.full(size, planted.level_shape[0] / sum(planted.level_shape)),
        thrift=np.full(size, planted.thrift_shape[0] / sum(planted.thrift_shape)),
        returns=np.zeros(size),
        channel=np.zeros(size, dtype=np.int64),
    )


def hide_orders(orders: Orders) -> Orders:
    """No orders, so that no visit is made on account of one to come."""
    return Orders(orders.customer[:0], orders.at[:0])
