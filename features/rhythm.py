"""When a customer orders: gaps between orders, silences, and how usual the present one is."""

import numpy as np

from features.events import Events
from features.sums import Numbers
from features.verbs import above_zero, at_least, at_most, in_unit, or_zero, ratio

MONTH = 30

# Two orders within minutes are one errand: silences are told in units of a day at least.
DAY = 1


@in_unit("days")
def days_since_order(orders: Events) -> Numbers:
    """Days since the last order; null until the first."""
    return orders.last("days_ago")


@in_unit("days")
def customer_age_days(orders: Events) -> Numbers:
    """Days since the first order; null until it."""
    return orders.first("days_ago")


@or_zero
@in_unit("days")
def order_days(orders: Events) -> Numbers:
    """Days with an order since the first."""
    return orders.total("new_day")


@in_unit("days")
def mean_gap(orders: Events) -> Numbers:
    """Mean days between one order and the next; null until the second."""
    return orders.mean("gap")


@in_unit("days")
def median_gap(orders: Events) -> Numbers:
    """Median days between one order and the next; null until the second."""
    return orders.median("gap")


@in_unit("days")
def gap_spread(orders: Events) -> Numbers:
    """Standard deviation of the days between orders; null until the third."""
    return orders.spread("gap")


@in_unit("days")
def longest_gap(orders: Events) -> Numbers:
    """Longest days between one order and the next; null until the second."""
    return orders.greatest("gap")


@in_unit("days")
def shortest_gap(orders: Events) -> Numbers:
    """Shortest days between one order and the next; null until the second."""
    return orders.least("gap")


@in_unit("days")
def last_gap(orders: Events) -> Numbers:
    """Days between the last two orders; null until the second."""
    return orders.last("gap")


@in_unit("days")
def second_last_gap(orders: Events) -> Numbers:
    """Days between the two orders before the last; null until the third."""
    return orders.last("gap", back=1)


@in_unit("days")
def third_last_gap(orders: Events) -> Numbers:
    """Days between the two orders before the last two; null until the fourth."""
    return orders.last("gap", back=2)


@in_unit("days")
def last_three_gaps(
    last_gap: Numbers, second_last_gap: Numbers, third_last_gap: Numbers
) -> Numbers:
    """Mean of the last three gaps; null until the fourth."""
    return (last_gap + second_last_gap + third_last_gap) / 3


@in_unit("ratio")
def lateness(days_since_order: Numbers, mean_gap: Numbers) -> Numbers:
    """Silence in units of the usual gap: 1 is due now, 3 is late; null until the second."""
    return ratio(days_since_order, at_least(mean_gap, DAY))


@in_unit("ratio")
def lateness_by_median(days_since_order: Numbers, median_gap: Numbers) -> Numbers:
    """Silence in units of the median gap, which no pause moves; null until the second."""
    return ratio(days_since_order, at_least(median_gap, DAY))


@in_unit("ratio")
def lateness_by_spread(
    days_since_order: Numbers, mean_gap: Numbers, gap_spread: Numbers
) -> Numbers:
    """Silence beyond the usual gap, in standard deviations of the gaps; null until the third."""
    return ratio(days_since_order - mean_gap, at_least(gap_spread, DAY))


@in_unit("ratio")
def lateness_by_longest(days_since_order: Numbers, longest_gap: Numbers) -> Numbers:
    """Silence in units of the longest gap: above 1 is a first; null until the second."""
    return ratio(days_since_order, at_least(longest_gap, DAY))


@in_unit("ratio")
def lateness_by_recent(days_since_order: Numbers, last_three_gaps: Numbers) -> Numbers:
    """Silence in units of the mean of the last three gaps; null until the fourth."""
    return ratio(days_since_order, at_least(last_three_gaps, DAY))


@in_unit("ratio")
def irregularity(gap_spread: Numbers, mean_gap: Numbers) -> Numbers:
    """Spread of the gaps in units of their mean: 0 is a clock, 1 chance; null until the third."""
    return ratio(gap_spread, at_least(mean_gap, DAY))


@in_unit("shape")
def regularity(orders: Events) -> Numbers:
    """Shape of a Gamma law of the gaps, 1 is chance, more is a clock; null until the third.

    From s = log of the mean - mean of the logs: (3 - s + sqrt((s - 3)^2 + 24 s)) / 12 s, the
    close approximation of maximum likelihood by Minka (2002), Estimating a Gamma distribution.
    A gap below a day counts as one, and s as .01 at least, which a shape of 50 has.
    """
    gaps = orders.count() - 1
    n = above_zero(gaps - 1) + 1
    s = at_least(np.log(orders.total("day_gap") / n) - orders.total("log_gap") / n, 0.01)
    return (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)


@in_unit("0 to 1")
def clumpiness(orders: Events, days_since_order: Numbers, customer_age_days: Numbers) -> Numbers:
    """How clumped the orders lie, 0 is evenly, 1 in one bunch; null until the second.

    1 + sum(x log x) / log n over the n pieces x, as shares, into which orders cut the time from
    the first order on, the present silence one of them: Zhang, Bradlow & Small (2015), Predicting
    customer value using clumpiness, Marketing Science 34(2), eq. 1.
    """
    n = orders.count()
    silence = days_since_order * np.log(days_since_order)
    surprise = (orders.total("gap_log_gap") + silence) / customer_age_days
    shared = surprise - np.log(customer_age_days)
    clumped = 1 + ratio(shared, np.log(above_zero(n - 1) + 1))
    return at_most(at_least(clumped, 0), 1)


@in_unit("ratio")
def gap_trend(last_gap: Numbers, mean_gap: Numbers) -> Numbers:
    """Last gap in units of the mean gap: above 1 is slowing down; null until the second."""
    return ratio(last_gap, at_least(mean_gap, DAY))


@in_unit("orders / 30 days")
def orders_per_month(orders_ever: Numbers, customer_age_days: Numbers) -> Numbers:
    """Orders per 30 days since the first order; null until it."""
    return ratio(orders_ever * MONTH, customer_age_days)


@in_unit("money / 30 days")
def spend_per_month(spend_ever: Numbers, customer_age_days: Numbers) -> Numbers:
    """Money spent per 30 days since the first order; null until it."""
    return ratio(spend_ever * MONTH, customer_age_days)
