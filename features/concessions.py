"""What of its price a shop gave away or kept: returns, discounts, margin."""

from features.events import Events
from features.sums import Numbers
from features.verbs import in_unit, or_zero, ratio, windows


@or_zero
@windows(30, 90, 365)
@in_unit("lines")
def returns(returns: Events, days: int) -> Numbers:
    """Returned or cancelled lines in the window."""
    return returns.within(days).count()


@or_zero
@in_unit("lines")
def returns_ever(returns: Events) -> Numbers:
    """Returned or cancelled lines since the first."""
    return returns.count()


@or_zero
@windows(90, 365)
@in_unit("money")
def returned(returns: Events, days: int) -> Numbers:
    """Money given back in the window for returns and cancellations."""
    return returns.within(days).total("amount")


@or_zero
@in_unit("money")
def returned_ever(returns: Events) -> Numbers:
    """Money given back for returns and cancellations since the first."""
    return returns.total("amount")


@in_unit("days")
def days_since_return(returns: Events) -> Numbers:
    """Days since the last returned or cancelled line; null until the first."""
    return returns.last("days_ago")


@in_unit("share")
def return_share(returned_ever: Numbers, spend_ever: Numbers) -> Numbers:
    """Money given back as a share of money spent; null without spend."""
    return ratio(returned_ever, spend_ever)


@in_unit("share")
def return_share_365d(returned_365d: Numbers, spend_365d: Numbers) -> Numbers:
    """Money given back in the last year as a share of its spend; null without spend."""
    return ratio(returned_365d, spend_365d)


@or_zero
@windows(90, 365)
@in_unit("money")
def discount(orders: Events, days: int) -> Numbers:
    """Discounts received on orders in the window."""
    return orders.within(days).total("discount")


@or_zero
@in_unit("money")
def discount_ever(orders: Events) -> Numbers:
    """Discounts received on orders since the first."""
    return orders.total("discount")


@in_unit("share")
def discount_share(discount_ever: Numbers, spend_ever: Numbers) -> Numbers:
    """Discounts as a share of the price before discount; null without spend."""
    return ratio(discount_ever, discount_ever + spend_ever)


@in_unit("share")
def discount_share_90d(discount_90d: Numbers, spend_90d: Numbers) -> Numbers:
    """Discounts of the last 90 days as a share of the full price; null without spend."""
    return ratio(discount_90d, discount_90d + spend_90d)


@in_unit("share")
def discounted_orders_share(orders: Events) -> Numbers:
    """Share of orders with a discount, which tells how a price is felt; null until the first."""
    return ratio(orders.count(orders.discount > 0), orders.count())


@in_unit("share")
def discount_reliance(discount_share_90d: Numbers, discount_share: Numbers) -> Numbers:
    """Discount share of the last 90 days beyond the usual one; null without spend in them."""
    return discount_share_90d - discount_share


@or_zero
@windows(365)
@in_unit("money")
def margin(orders: Events, days: int) -> Numbers:
    """Money left after cost in the window, on lines whose cost is known."""
    return orders.within(days).total("margin")


@or_zero
@in_unit("money")
def margin_ever(orders: Events) -> Numbers:
    """Money left after cost since the first order, on lines whose cost is known."""
    return orders.total("margin")


@in_unit("share")
def margin_share(orders: Events) -> Numbers:
    """Money left after cost as a share of the amount; null without a known cost."""
    return ratio(orders.total("margin"), orders.total("costed"))
