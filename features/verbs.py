"""The words that features are made of.

Sums are taken over whole numbers (millionths), because whole numbers add up to the same total in
any order: one customer alone then equals the batch to the bit.
"""

from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw

MILLIONTH = 1e6
TWO_TO_32 = 2.0**32  # a power of two, by which engines multiply and divide without rounding

Definition = Callable[..., nw.Expr]


def count(condition: nw.Expr) -> nw.Expr:
    """Return how many rows meet the condition."""
    return condition.fill_null(False).cast(nw.Int64).sum().cast(nw.Float64)


def total(quantity: nw.Expr, where: nw.Expr | None = None) -> nw.Expr:
    """Return the exact sum, to a millionth; the sum of nothing is 0."""
    # Not round(): engines differ on halves.
    whole = (quantity * MILLIONTH + 0.5).floor().cast(nw.Int64).fill_null(0)
    if where is not None:
        whole = nw.when(where.fill_null(False)).then(whole).otherwise(nw.lit(0, dtype=nw.Int64))
    return whole.sum().cast(nw.Float64) / _per_group(MILLIONTH)


def _total_wide(quantity: nw.Expr) -> nw.Expr:
    """Return the exact sum of what may pass 2^63 millionths: its high and low digits apart."""
    whole = (quantity * MILLIONTH + 0.5).floor()
    high = (whole * (1 / TWO_TO_32)).floor()
    low = whole - high * TWO_TO_32
    sums = [half.cast(nw.Int64).fill_null(0).sum().cast(nw.Float64) for half in (high, low)]
    return (sums[0] * TWO_TO_32 + sums[1]) / _per_group(MILLIONTH)


def _per_group(constant: float) -> nw.Expr:
    # Polars divides by a constant through its reciprocal, which makes 59.9 into 59.89999999999999.
    return nw.len().cast(nw.Float64) * 0 + constant


def ratio(above: nw.Expr, below: nw.Expr) -> nw.Expr:
    """Return above / below, and null where below is 0: engines disagree on 0/0."""
    return nw.when(below != 0).then(above / below)


def mean(quantity: nw.Expr) -> nw.Expr:
    """Return the mean of what is not null."""
    return ratio(total(quantity), count(~quantity.is_null()))


def spread(quantity: nw.Expr) -> nw.Expr:
    """Return the sample standard deviation of what is not null, null below two of them."""
    n = count(~quantity.is_null())
    squares = _total_wide(quantity * quantity)
    variance = ratio(squares - ratio(total(quantity) * total(quantity), n), n - 1)
    return at_least(variance, 0).sqrt()


def at_least(quantity: nw.Expr, floor: float) -> nw.Expr:
    """Return the quantity, or `floor` where it is less; null stays null."""
    return nw.when(quantity < floor).then(quantity * 0 + floor).otherwise(quantity)


def windows(*lengths: int) -> Callable[[Definition], Definition]:
    """Make one feature of each length: its definition's `days`, its name's ending `_<n>d`."""

    def mark(definition: Definition) -> Definition:
        _marks(definition)["windows"] = lengths
        return definition

    return mark


def or_zero(definition: Definition) -> Definition:
    """Make nothing known mean 0, for counts and sums."""
    _marks(definition)["or_zero"] = True
    return definition


def _marks(definition: Definition) -> dict[str, Any]:
    return definition.__dict__.setdefault("marks", {})  # type: ignore[no-any-return]
