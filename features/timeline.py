"""Cut events at a moment and tell their time as an age, so that no date is left to leak through."""

import narwhals.stable.v2 as nw

DAY_US = 86_400_000_000

CUSTOMER = "customer_id"
AS_OF = "as_of_us"
KEYS = (CUSTOMER, AS_OF)


def past(events: nw.LazyFrame, moments: nw.LazyFrame) -> nw.LazyFrame:
    """Return the events strictly before each moment, told by `days_ago` (> 0, in days)."""
    return (
        _beside(events, moments)
        .filter(nw.col("at_us") < nw.col(AS_OF))
        .with_columns(days_ago=days(nw.col(AS_OF) - nw.col("at_us")))
    )


def future(events: nw.LazyFrame, moments: nw.LazyFrame, horizon: int) -> nw.LazyFrame:
    """Return the events within `horizon` days from each moment, told by `days_ahead` (>= 0)."""
    ahead = nw.col("at_us") - nw.col(AS_OF)
    inside = (ahead >= 0) & (ahead < horizon * DAY_US)
    return _beside(events, moments).filter(inside).with_columns(days_ahead=days(ahead))


def days(microseconds: nw.Expr) -> nw.Expr:
    """Return a span (>= 0) in days, the same double on every engine, and whole where it is whole.

    Engines divide by a constant in different ways (some multiply by its reciprocal), so only the
    part of a day is a product, and the days are counted in whole numbers.
    """
    part = (microseconds % DAY_US).cast(nw.Float64) * (1 / DAY_US)
    return (microseconds // DAY_US).cast(nw.Float64) + part


def _beside(events: nw.LazyFrame, moments: nw.LazyFrame) -> nw.LazyFrame:
    return events.join(moments, how="cross")
