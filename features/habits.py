"""What is usual for a customer: months with orders, hours and days, silences and returns."""

from collections.abc import Iterable

import numpy as np

from features.events import Events
from features.sums import Numbers
from features.verbs import above_zero, at_most, in_unit, or_zero, ratio, spans

MONTH = 30
MONTHS = 12
STEPS = tuple((MONTHS - 1) / 2 - n for n in range(MONTHS))
SQUARES = sum(step * step for step in STEPS)


@in_unit("stretches of 30 days")
def active_months(orders: Events) -> Numbers:
    """How many of the last twelve stretches of 30 days had an order; null until the first."""
    held = sum((n > 0) * 1.0 for n in orders.stretches(MONTH, MONTHS))
    months: Numbers = held + 0 * above_zero(orders.count())
    return months


@in_unit("share")
def active_months_share(active_months: Numbers, customer_age_days: Numbers) -> Numbers:
    """Share of stretches of 30 days since the first order that had one; null until it."""
    lived = at_most(np.ceil(customer_age_days / MONTH), MONTHS)
    return ratio(active_months, lived)


@or_zero
@in_unit("orders / 30 days")
def orders_slope(orders: Events) -> Numbers:
    """Change of the orders per 30 days from one such stretch to the next, over the last twelve."""
    return _slope(orders.stretches(MONTH, MONTHS))


@or_zero
@in_unit("money / 30 days")
def spend_slope(orders: Events) -> Numbers:
    """Change of the spend per 30 days from one such stretch to the next, over the last twelve."""
    return _slope(orders.stretches(MONTH, MONTHS, "amount"))


@or_zero
@spans(30, 60, 90, 180)
@in_unit("silences")
def silences_returned_from(orders: Events, days: int) -> Numbers:
    """Past silences of more than so many days from which the customer came back."""
    return orders.count(orders.gap > days)


@in_unit("share")
def silence_return_share(
    orders: Events, days_since_order: Numbers, silences_returned_from_90d: Numbers
) -> Numbers:
    """Share of silences beyond 90 days, the present one too, that ended; null without one."""
    silences = silences_returned_from_90d + (days_since_order > 90)
    return ratio(silences_returned_from_90d, silences)


@in_unit("share")
def tenure_share(days_since_order: Numbers, customer_age_days: Numbers) -> Numbers:
    """Present silence as a share of the time since the first order; null until it."""
    return ratio(days_since_order, customer_age_days)


@in_unit("share")
def weekend_share(orders: Events) -> Numbers:
    """Share of orders on Saturday or Sunday, by the shop's clock; null until the first."""
    return ratio(orders.count(orders.weekday >= 5), orders.count())


@in_unit("share")
def office_hours_share(orders: Events) -> Numbers:
    """Share of orders on a weekday from 9 to 17, by the shop's clock; null until the first."""
    office = (orders.weekday < 5) & (orders.hour >= 9) & (orders.hour < 17)
    return ratio(orders.count(office), orders.count())


@in_unit("share")
def evening_share(orders: Events) -> Numbers:
    """Share of orders from 18 to 24, by the shop's clock; null until the first."""
    return ratio(orders.count(orders.hour >= 18), orders.count())


@in_unit("share")
def night_share(orders: Events) -> Numbers:
    """Share of orders from 0 to 6, by the shop's clock; null until the first."""
    return ratio(orders.count(orders.hour < 6), orders.count())


@in_unit("share")
def weekday_habit(orders: Events) -> Numbers:
    """Share of orders on the most usual day of the week; null until the first."""
    return ratio(orders.most("weekday"), orders.count())


def _slope(newest_first: Iterable[Numbers]) -> Numbers:
    """Return the slope of a straight line through twelve values a step apart, by least squares."""
    above = sum(step * value for step, value in zip(STEPS, newest_first, strict=True))
    return above / SQUARES  # type: ignore[return-value]
