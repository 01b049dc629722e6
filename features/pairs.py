"""Features of a pair of customer and category, which training and answers read alike.

Each is customers x categories, or one row or column of it: what the customer bought of the category
(`own`), what is usual of it in the shop (`shelf`), and what else they bought.
"""

from collections.abc import Callable, Mapping

import numpy as np

from contract.choice import Shelf
from contract.models import Numbers
from features.turns import Own

Definition = Callable[..., Numbers]

SMOOTH = 0.001  # of customers, so that a category few buy has no wild ratio
NEVER = np.nan

# What is read of the customer alone: how much they buy, how broadly, and since when.
CUSTOMERS = (
    "days_since_order",
    "orders_90d",
    "orders_365d",
    "orders_ever",
    "customer_age_days",
    "categories_365d",
    "categories_ever",
    "new_categories_90d",
    "new_categories_365d",
    "days_since_new_category",
    "category_concentration",
    "expected_orders_365d",
    "lateness",
)


def own_orders(own: Own) -> Numbers:
    """Orders in which the customer bought from the category."""
    return own.orders


def own_orders_90d(own: Own) -> Numbers:
    """Orders of the last 90 days in which the customer bought from the category."""
    return own.orders_90d


def own_decayed(own: Own) -> Numbers:
    """Orders from the category, each weighing .9 of one 30 days later."""
    return own.decayed


def own_rate(own: Own, orders_ever: Numbers) -> Numbers:
    """Share of all orders that were of the category too; 0 without an order."""
    return np.asarray(own.orders / np.maximum(orders_ever, 1))


def own_expected(own_rate: Numbers, expected_orders_365d: Numbers) -> Numbers:
    """Orders of the coming year expected to be of the category, by BG/NBD and the share so far."""
    return own_rate * expected_orders_365d


def own_share(own: Own) -> Numbers:
    """Share of the year's orders by category that were of this one; 0 without an order."""
    total = own.orders_365d.sum(axis=1, keepdims=True)
    return np.asarray(own.orders_365d / np.maximum(total, 1))


def days_since_own(own: Own) -> Numbers:
    """Days since the customer last bought from the category; null where they never did."""
    return np.where(np.isfinite(own.days), own.days, NEVER)


def own_lateness(own: Own) -> Numbers:
    """Silence in the category in units of its mean gap; null until the second order."""
    gap = own.span / np.maximum(own.orders - 1, 1)
    known = (own.orders > 1) & (gap > 0)
    return np.where(known, own.days / np.where(known, np.maximum(gap, 1), 1), NEVER)


def usual_share(shelf: Shelf) -> Numbers:
    """Share of active candidates who lately bought from the category within a horizon."""
    return shelf.tell("usual")[None]


def popular_share(shelf: Shelf) -> Numbers:
    """Share of active customers who bought from the category within a year."""
    return shelf.tell("popular")[None]


def popular_trend(shelf: Shelf) -> Numbers:
    """Share of active customers who bought within the last horizon, by that of the year."""
    return np.asarray((shelf.tell("recent") + SMOOTH) / (shelf.tell("popular") + SMOOTH))[None]


def popular_season(shelf: Shelf) -> Numbers:
    """How much more the category sold over the coming horizon a year ago; 1 is as all did."""
    return shelf.tell("season")[None]


def lift_mean(own: Own, shelf: Shelf) -> Numbers:
    """Mean of how much commoner each category of the customer's year makes this one; 1 is not."""
    others, number = _add_others(own, shelf.tell("lift"))
    return np.asarray((others + 1) / (number + 1))


def lift_max(own: Own, shelf: Shelf) -> Numbers:
    """The most that a category of the customer's year makes this one commoner; 1 is not."""
    lift = shelf.tell("lift")
    most = np.ones(own.orders.shape)
    for number in np.flatnonzero((own.orders_365d > 0).any(axis=0)):
        row = np.where(np.arange(len(lift)) == number, 1.0, lift[number])
        had = own.orders_365d[:, number] > 0
        most[had] = np.maximum(most[had], row)
    return most


def pull_sum(own: Own, shelf: Shelf) -> Numbers:
    """What the other categories of the customer's year foretell of this one, by regression."""
    return _add_others(own, shelf.tell("pull"))[0]


def _add_others(own: Own, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Return the sum of the weights of what else the customer bought, and how many that is.

    Category by category: a matrix product would depend on how many customers there are.
    """
    had = own.orders_365d > 0
    told, number = np.zeros(had.shape), np.zeros(had.shape)
    for place in np.flatnonzero(had.any(axis=0)):
        others = np.arange(len(weights)) != place
        told += np.where(others, weights[place], 0.0) * had[:, place, None]
        number += others * had[:, place, None]
    return told, number


# Every feature of a pair and its unit, each after those it is made of.
UNITS: Mapping[Definition, str] = {
    own_orders: "orders",
    own_orders_90d: "orders",
    own_decayed: "orders",
    own_rate: "share",
    own_expected: "orders",
    own_share: "share",
    days_since_own: "days",
    own_lateness: "ratio",
    usual_share: "share",
    popular_share: "share",
    popular_trend: "ratio",
    popular_season: "ratio",
    lift_mean: "ratio",
    lift_max: "ratio",
    pull_sum: "share",
}
PAIRS: Mapping[str, Definition] = {made.__name__: made for made in UNITS}
