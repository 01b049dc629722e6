"""What a customer's orders and returns say."""

from features.events import Events
from features.sums import Numbers
from features.verbs import in_unit, or_zero, ratio, windows

WEEK_TO_YEAR = (7, 14, 30, 60, 90, 180, 365)


@or_zero
@windows(*WEEK_TO_YEAR)
@in_unit("orders")
def orders(orders: Events, days: int) -> Numbers:
    """Orders in the window."""
    return orders.within(days).count()


@or_zero
@in_unit("orders")
def orders_ever(orders: Events) -> Numbers:
    """Orders since the first."""
    return orders.count()


@or_zero
@windows(*WEEK_TO_YEAR)
@in_unit("money")
def spend(orders: Events, days: int) -> Numbers:
    """Money spent on orders in the window, before returns."""
    return orders.within(days).total("amount")


@or_zero
@in_unit("money")
def spend_ever(orders: Events) -> Numbers:
    """Money spent on orders since the first, before returns."""
    return orders.total("amount")


@or_zero
@windows(*WEEK_TO_YEAR)
@in_unit("lines")
def lines(orders: Events, days: int) -> Numbers:
    """Order lines in the window."""
    return orders.within(days).total("lines")


@or_zero
@in_unit("lines")
def lines_ever(orders: Events) -> Numbers:
    """Order lines since the first."""
    return orders.total("lines")


@or_zero
@windows(*WEEK_TO_YEAR)
@in_unit("items")
def items(orders: Events, days: int) -> Numbers:
    """Pieces bought in the window."""
    return orders.within(days).total("items")


@or_zero
@in_unit("items")
def items_ever(orders: Events) -> Numbers:
    """Pieces bought since the first order."""
    return orders.total("items")


@in_unit("money")
def mean_order_value(orders: Events) -> Numbers:
    """Mean money per order; null until the first."""
    return orders.mean("amount")


@windows(90, 365)
@in_unit("money")
def recent_order_value(orders: Events, days: int) -> Numbers:
    """Mean money per order in the window; null without one."""
    return orders.within(days).mean("amount")


@in_unit("money")
def order_value_spread(orders: Events) -> Numbers:
    """Standard deviation of money per order; null until the second."""
    return orders.spread("amount")


@in_unit("ratio")
def order_value_variation(order_value_spread: Numbers, mean_order_value: Numbers) -> Numbers:
    """Spread of money per order in units of its mean; null until the second."""
    return ratio(order_value_spread, mean_order_value)


@in_unit("money")
def largest_order_value(orders: Events) -> Numbers:
    """Money of the largest order; null until the first."""
    return orders.greatest("amount")


@in_unit("money")
def smallest_order_value(orders: Events) -> Numbers:
    """Money of the smallest order; null until the first."""
    return orders.least("amount")


@in_unit("money")
def first_order_value(orders: Events) -> Numbers:
    """Money of the first order; null until it."""
    return orders.first("amount")


@in_unit("money")
def last_order_value(orders: Events) -> Numbers:
    """Money of the latest order; null until the first."""
    return orders.last("amount")


@in_unit("lines")
def last_order_lines(orders: Events) -> Numbers:
    """Lines of the latest order; null until the first."""
    return orders.last("lines")


@in_unit("ratio")
def order_value_trend(last_order_value: Numbers, mean_order_value: Numbers) -> Numbers:
    """Latest order's money in units of the mean order; null until the first."""
    return ratio(last_order_value, mean_order_value)


@in_unit("ratio")
def order_value_growth(recent_order_value_90d: Numbers, mean_order_value: Numbers) -> Numbers:
    """Mean order of the last 90 days in units of the mean order; null without one."""
    return ratio(recent_order_value_90d, mean_order_value)


@in_unit("lines")
def mean_lines(orders: Events) -> Numbers:
    """Mean lines per order; null until the first."""
    return orders.mean("lines")


@in_unit("items")
def mean_items(orders: Events) -> Numbers:
    """Mean pieces per order; null until the first."""
    return orders.mean("items")


@in_unit("money")
def mean_item_value(spend_ever: Numbers, items_ever: Numbers) -> Numbers:
    """Mean money per piece; null without pieces."""
    return ratio(spend_ever, items_ever)


@in_unit("share")
def orders_trend(orders_90d: Numbers, orders_365d: Numbers) -> Numbers:
    """Share of the year's orders that fell in its last 90 days; null without one."""
    return ratio(orders_90d, orders_365d)


@in_unit("share")
def spend_trend(spend_90d: Numbers, spend_365d: Numbers) -> Numbers:
    """Share of the year's spend that fell in its last 90 days; null without spend."""
    return ratio(spend_90d, spend_365d)


@in_unit("share")
def last_month_share(orders_30d: Numbers, orders_90d: Numbers) -> Numbers:
    """Share of the last 90 days' orders that fell in their last 30; null without one."""
    return ratio(orders_30d, orders_90d)


@or_zero
@windows(30, 90)
@in_unit("orders")
def orders_a_year_ago(orders: Events, days: int) -> Numbers:
    """Orders in the same stretch of days a year earlier: what followed 365 days ago."""
    return orders.within(365).before(365 - days).count()


@or_zero
@windows(90)
@in_unit("money")
def spend_a_year_ago(orders: Events, days: int) -> Numbers:
    """Money spent in the same stretch of days a year earlier: what followed 365 days ago."""
    return orders.within(365).before(365 - days).total("amount")
