"""The events that features speak of, each told as it stood at each moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from features.engines import Frames
from features.timeline import AS_OF, CUSTOMER, KEYS, days, future, past
from features.verbs import total


@dataclass(frozen=True)
class Events:
    """Columns of one kind of event, as expressions, such as `orders.days_ago`."""

    columns: tuple[str, ...]

    def __getattr__(self, column: str) -> nw.Expr:
        """Return the column as an expression; one that events do not have is refused."""
        if column in self.columns:
            return nw.col(column)
        raise AttributeError(f"there is no {column}; there are {', '.join(self.columns)}")


# Acts of the shop by their kind, for tables that do not say who initiated them.
COMPANY_KINDS = ("campaign", "campaign_received", "coupon", "email_send", "email_sent")


def orders(frames: Frames, moments: nw.LazyFrame) -> nw.LazyFrame:
    """Return a row per past order: days_ago, amount, items, lines, discount, gap, is_last.

    An order begins with its first line; a line added to it later counts from its own time on.
    Whether an order is the last one before a moment is told by when the next one began.
    """
    parts = past(_order_parts(frames.transactions), moments)
    none_after = nw.col("next_us").is_null() | (nw.col("next_us") >= nw.col(AS_OF))
    return (
        parts.with_columns(is_last=(nw.col("begins") & none_after).cast(nw.Int64))
        .group_by(*KEYS, "order_id")
        .agg(
            nw.col("days_ago", "gap", "is_last").max(),
            amount=total(nw.col("amount")),
            items=total(nw.col("items")),
            lines=total(nw.col("lines")),
            discount=total(nw.col("discount")),
        )
        .with_columns(is_last=nw.col("is_last") == 1)
    )


def _order_parts(transactions: nw.LazyFrame) -> nw.LazyFrame:
    """Return a row per order and time of its lines, beside when its neighbours began."""
    order = (CUSTOMER, "order_id")
    parts = (
        transactions.filter(nw.col("amount") > 0)
        .group_by(*order, "at_us")
        .agg(
            amount=total(nw.col("amount")),
            items=total(nw.col("quantity")),
            lines=nw.len().cast(nw.Float64),
            discount=total(nw.col("discount")),
        )
        .with_columns(begins=nw.col("at_us") == nw.col("at_us").min().over(*order))
    )
    began = nw.col("at_us")
    line = ((CUSTOMER, "begins"), ["at_us", "order_id"])
    before = began.shift(1).over(*line[0], order_by=line[1])
    after = began.shift(-1).over(*line[0], order_by=line[1])
    begins = nw.col("begins")
    return parts.with_columns(
        gap=nw.when(begins).then(days(began - before)), next_us=nw.when(begins).then(after)
    )


def coming_orders(frames: Frames, moments: nw.LazyFrame, horizon: int) -> nw.LazyFrame:
    """Return a row per order begun within `horizon` days from each moment: days_ahead."""
    begun = _order_parts(frames.transactions).filter(nw.col("begins"))
    return future(begun, moments, horizon).select(*KEYS, "days_ahead")


def returns(frames: Frames, moments: nw.LazyFrame) -> nw.LazyFrame:
    """Return a row per past returned or cancelled line: days_ago, amount (> 0)."""
    lines = frames.transactions.filter(nw.col("amount") < 0)
    return past(lines, moments).with_columns(amount=-nw.col("amount"))


def interactions(frames: Frames, moments: nw.LazyFrame) -> nw.LazyFrame:
    """Return a row per past interaction: days_ago, kind, channel, value, initiated_by."""
    by_kind = nw.when(nw.col("kind").is_in(COMPANY_KINDS)).then(nw.lit("company"))
    who = nw.coalesce(nw.col("initiated_by"), by_kind, nw.lit("customer"))
    return past(frames.interactions.with_columns(initiated_by=who), moments)


def known(frames: Frames, moments: nw.LazyFrame) -> nw.LazyFrame:
    """Return a row per moment and customer known before it, by an event or by `since`."""
    seen = [
        table.select(CUSTOMER, first_us=nw.col("at_us"))
        for table in (frames.transactions, frames.interactions)
    ]
    listed = frames.customers.select(CUSTOMER, first_us=nw.col("since_us").fill_null(0))
    first = nw.concat([*seen, listed]).group_by(CUSTOMER).agg(nw.col("first_us").min())
    return first.join(moments, how="cross").filter(nw.col("first_us") < nw.col(AS_OF)).select(*KEYS)


SOURCES: Mapping[str, Callable[[Frames, nw.LazyFrame], nw.LazyFrame]] = {
    "orders": orders,
    "returns": returns,
    "interactions": interactions,
}

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "orders": ("days_ago", "amount", "items", "lines", "discount", "gap", "is_last"),
    "returns": ("days_ago", "amount"),
    "interactions": ("days_ago", "kind", "channel", "value", "initiated_by"),
}


def speak_of(source: str) -> Events:
    """Return the columns of a source as expressions, for a feature's function to use."""
    return Events(COLUMNS[source])
