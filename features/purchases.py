"""What a customer's orders and returns say."""

import narwhals.stable.v2 as nw

from features.events import Events
from features.verbs import (
    count,
    mean,
    or_zero,
    ratio,
    spread,
    total,
    windows,
)


@or_zero
@windows(7, 30, 60, 90, 180, 365)
def orders(orders: Events, days: int) -> nw.Expr:
    """Orders in the window."""
    return count(orders.days_ago <= days)


@or_zero
def orders_ever(orders: Events) -> nw.Expr:
    """Orders since the first."""
    return count(orders.days_ago > 0)


@or_zero
@windows(30, 90, 180, 365)
def spend(orders: Events, days: int) -> nw.Expr:
    """Money spent on orders in the window, before returns."""
    return total(orders.amount, orders.days_ago <= days)


@or_zero
def spend_ever(orders: Events) -> nw.Expr:
    """Money spent on orders since the first, before returns."""
    return total(orders.amount)


@or_zero
@windows(90, 365)
def lines(orders: Events, days: int) -> nw.Expr:
    """Order lines in the window."""
    return total(orders.lines, orders.days_ago <= days)


@or_zero
@windows(90, 365)
def items(orders: Events, days: int) -> nw.Expr:
    """Pieces bought in the window."""
    return total(orders.items, orders.days_ago <= days)


def mean_order_value(orders: Events) -> nw.Expr:
    """Mean money per order; null until the first."""
    return mean(orders.amount)


def order_value_spread(orders: Events) -> nw.Expr:
    """Standard deviation of money per order; null until the second."""
    return spread(orders.amount)


def largest_order_value(orders: Events) -> nw.Expr:
    """Money of the largest order; null until the first."""
    return orders.amount.max()


def last_order_value(orders: Events) -> nw.Expr:
    """Money of the latest order; null until the first."""
    return ratio(total(orders.amount, orders.is_last), count(orders.is_last))


def last_order_lines(orders: Events) -> nw.Expr:
    """Lines of the latest order; null until the first."""
    return ratio(total(orders.lines, orders.is_last), count(orders.is_last))


def order_value_trend(last_order_value: nw.Expr, mean_order_value: nw.Expr) -> nw.Expr:
    """Latest order's money in units of the mean order; null until the first."""
    return ratio(last_order_value, mean_order_value)


def mean_lines(orders: Events) -> nw.Expr:
    """Mean lines per order; null until the first."""
    return mean(orders.lines)


def orders_trend(orders_90d: nw.Expr, orders_365d: nw.Expr) -> nw.Expr:
    """Share of the year's orders that fell in its last 90 days; null without one."""
    return ratio(orders_90d, orders_365d)


def spend_trend(spend_90d: nw.Expr, spend_365d: nw.Expr) -> nw.Expr:
    """Share of the year's spend that fell in its last 90 days; null without spend."""
    return ratio(spend_90d, spend_365d)


@windows(30, 90)
@or_zero
def orders_a_year_ago(orders: Events, days: int) -> nw.Expr:
    """Orders in the same stretch of days a year earlier: what followed 365 days ago."""
    return count((orders.days_ago <= 365) & (orders.days_ago > 365 - days))


@or_zero
@windows(90, 365)
def returns(returns: Events, days: int) -> nw.Expr:
    """Returned or cancelled lines in the window."""
    return count(returns.days_ago <= days)


@or_zero
def returned_ever(returns: Events) -> nw.Expr:
    """Money given back for returns and cancellations since the first."""
    return total(returns.amount)


def return_share(returned_ever: nw.Expr, spend_ever: nw.Expr) -> nw.Expr:
    """Money given back as a share of money spent; null without spend."""
    return ratio(returned_ever, spend_ever)


@or_zero
def discount_ever(orders: Events) -> nw.Expr:
    """Discounts received on orders since the first."""
    return total(orders.discount)


def discount_share(discount_ever: nw.Expr, spend_ever: nw.Expr) -> nw.Expr:
    """Discounts as a share of the price before discount; null without spend."""
    return ratio(discount_ever, discount_ever + spend_ever)
