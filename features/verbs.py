"""The words, beside those of events, that features are made of."""

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from features.sums import Numbers

Definition = Callable[..., Numbers]


# Each word takes numbers of many customers as an array, and of one alone as it is.


def ratio(above: Numbers, below: Numbers) -> Numbers:
    """Return above / below, and NaN where below is 0."""
    if is_one(above) and is_one(below):
        return above / below if below else above * nan
    return above / np.where(below == 0, nan, below)


def at_least(quantity: Numbers, floor: float) -> Numbers:
    """Return the quantity, or `floor` where it is less; NaN stays NaN."""
    if is_one(quantity):
        return 0 * quantity + floor if quantity < floor else quantity
    return np.maximum(quantity, floor)


def at_most(quantity: Numbers, ceiling: float) -> Numbers:
    """Return the quantity, or `ceiling` where it is more; NaN stays NaN."""
    if is_one(quantity):
        return 0 * quantity + ceiling if quantity > ceiling else quantity
    return np.minimum(quantity, ceiling)


def choose(held: Any, one: Any, other: Any) -> Any:
    """Return `one` where it is held, else `other`."""
    if isinstance(held, bool | np.bool_):
        return one if held else other
    return np.where(held, one, other)


def above_zero(quantity: Numbers) -> Numbers:
    """Return the quantity where it is above 0, else NaN."""
    if is_one(quantity):
        return quantity if quantity > 0 else quantity * nan
    return np.where(quantity > 0, quantity, nan)


def or_none(quantity: Numbers) -> Numbers:
    """Return the quantity with 0 for what is not known."""
    if is_one(quantity):
        return quantity if quantity == quantity else np.float64(0)  # type: ignore[return-value]
    return np.where(np.isnan(quantity), 0.0, quantity)


def is_one(quantity: object) -> bool:
    """Return whether it is told of one customer alone, and not of many as an array."""
    return isinstance(quantity, float)


def windows(*lengths: int) -> Callable[[Definition], Definition]:
    """Make one feature of each length: its definition's `days`, its name's ending `_<n>d`."""
    return _mark("windows", lengths)


def spans(*lengths: int) -> Callable[[Definition], Definition]:
    """Make one feature of each length, which is no window on the past: `days`, `_<n>d`."""
    return _mark("spans", lengths)


def horizons(*lengths: int) -> Callable[[Definition], Definition]:
    """Make one feature of each length of time ahead: its definition's `days`, `_<n>d`."""
    return _mark("horizons", lengths)


def ranks(*places: int) -> Callable[[Definition], Definition]:
    """Make one feature of each place in a vocabulary: the definition's `rank`, the name's end."""
    return _mark("ranks", places)


def by_name(definition: Definition) -> Definition:
    """Make one feature of each attribute that a shop names: the definition's `name`, its end."""
    return _mark("by_name", True)(definition)


def or_zero(definition: Definition) -> Definition:
    """Say that nothing known means 0, for counts and sums."""
    return _mark("or_zero", True)(definition)


def in_unit(unit: str) -> Callable[[Definition], Definition]:
    """Say in what unit the feature is told."""
    return _mark("unit", unit)


def _mark(name: str, value: Any) -> Callable[[Definition], Definition]:
    def mark(definition: Definition) -> Definition:
        definition.__dict__.setdefault("marks", {})[name] = value
        return definition

    return mark
