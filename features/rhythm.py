"""When a customer orders: gaps between orders, silences, and how usual the present one is."""

import narwhals.stable.v2 as nw

from features.events import Events
from features.verbs import at_least, count, mean, ratio, spread, total

MONTH = 30

# Two orders within minutes are one errand: silences are told in units of a day at least.
DAY = 1


def days_since_order(orders: Events) -> nw.Expr:
    """Days since the last order; null until the first."""
    return orders.days_ago.min()


def customer_age_days(orders: Events) -> nw.Expr:
    """Days since the first order; null until it."""
    return orders.days_ago.max()


def mean_gap(orders: Events) -> nw.Expr:
    """Mean days between one order and the next; null until the second."""
    return mean(orders.gap)


def median_gap(orders: Events) -> nw.Expr:
    """Median days between one order and the next; null until the second."""
    return orders.gap.median()


def gap_spread(orders: Events) -> nw.Expr:
    """Standard deviation of the days between orders; null until the third."""
    return spread(orders.gap)


def longest_gap(orders: Events) -> nw.Expr:
    """Longest days between one order and the next; null until the second."""
    return orders.gap.max()


def shortest_gap(orders: Events) -> nw.Expr:
    """Shortest days between one order and the next; null until the second."""
    return orders.gap.min()


def last_gap(orders: Events) -> nw.Expr:
    """Days between the last two orders; null until the second."""
    last = orders.is_last & ~orders.gap.is_null()
    return ratio(total(orders.gap, last), count(last))


def lateness(days_since_order: nw.Expr, mean_gap: nw.Expr) -> nw.Expr:
    """Silence in units of the usual gap: 1 is due now, 3 is late; null until the second."""
    return ratio(days_since_order, at_least(mean_gap, DAY))


def lateness_by_median(days_since_order: nw.Expr, median_gap: nw.Expr) -> nw.Expr:
    """Silence in units of the median gap, which no pause moves; null until the second."""
    return ratio(days_since_order, at_least(median_gap, DAY))


def lateness_by_spread(
    days_since_order: nw.Expr, mean_gap: nw.Expr, gap_spread: nw.Expr
) -> nw.Expr:
    """Silence beyond the usual gap, in standard deviations of the gaps; null until the third."""
    return ratio(days_since_order - mean_gap, at_least(gap_spread, DAY))


def lateness_by_longest(days_since_order: nw.Expr, longest_gap: nw.Expr) -> nw.Expr:
    """Silence in units of the longest gap: above 1 is a first; null until the second."""
    return ratio(days_since_order, at_least(longest_gap, DAY))


def irregularity(gap_spread: nw.Expr, mean_gap: nw.Expr) -> nw.Expr:
    """Spread of the gaps in units of their mean: 0 is a clock, 1 chance; null until the third."""
    return ratio(gap_spread, at_least(mean_gap, DAY))


def gap_trend(last_gap: nw.Expr, mean_gap: nw.Expr) -> nw.Expr:
    """Last gap in units of the mean gap: above 1 is slowing down; null until the second."""
    return ratio(last_gap, at_least(mean_gap, DAY))


def orders_per_month(orders_ever: nw.Expr, customer_age_days: nw.Expr) -> nw.Expr:
    """Orders per 30 days since the first order; null until it."""
    return ratio(orders_ever * MONTH, customer_age_days)


def active_months(orders: Events) -> nw.Expr:
    """How many of the last twelve stretches of 30 days had an order; null until the first."""
    stretches = (
        ((orders.days_ago > MONTH * n) & (orders.days_ago <= MONTH * (n + 1))) for n in range(12)
    )
    flags = [held.cast(nw.Int64).max().cast(nw.Float64) for held in stretches]
    return sum(flags[1:], flags[0])


def tenure_share(days_since_order: nw.Expr, customer_age_days: nw.Expr) -> nw.Expr:
    """Present silence as a share of the time since the first order; null until it."""
    return ratio(days_since_order, customer_age_days)
