"""What came of customers: the outcome a target speaks of, and when the next order came."""

from typing import Any

import numpy as np

from contract.choice import Offer
from contract.models import Columns, Numbers
from features.events import Events
from features.sources import SOURCES, Shop
from features.sums import Mask
from training.folds import halve
from training.targets import Target

OUTCOME = "outcome"
HALF = "outcome_half"
DAYS_UNTIL = "days_until"
WATCHED = 100_000  # days: to the end of what is known


def find_outcomes(
    target: Target, shop: Shop, as_of_us: int, columns: Columns
) -> dict[str, Numbers]:
    """Return, for each customer, the outcome (0 or 1), and the days until the next order.

    The days are NaN where no order is known.
    """
    until = shop.ahead("orders", as_of_us, WATCHED).first("days_ahead")
    outcome = tell_outcome((target, target.over_days), shop, as_of_us, columns)
    return {OUTCOME: outcome, DAYS_UNTIL: until}


def find_both(target: Target, shop: Shop, as_of_us: int, columns: Columns) -> dict[str, Numbers]:
    """Return the outcomes, and those of the first half of the window beside them."""
    half = tell_outcome((target, halve(target.over_days)), shop, as_of_us, columns)
    return {**find_outcomes(target, shop, as_of_us, columns), HALF: half}


def tell_outcome(asked: tuple[Target, int], shop: Shop, as_of_us: int, columns: Columns) -> Numbers:
    """Return whether the target came true for each customer within so many days, 0 or 1.

    The definition is given what it names: events of those days, or features as of the moment.
    """
    target, days = asked
    known: dict[str, Any] = {
        name: shop.ahead(name, as_of_us, days) if name in SOURCES else columns[name]
        for name in target.reads
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        outcome = target.definition(**known)
    if target.offer:  # then the definition speaks of lines
        lines = known["lines"]
        outcome = lines.count(outcome & find_fresh(lines, target.offer)) > 0
    return np.asarray(outcome, dtype=np.float64)


def find_fresh(lines: Events, offer: Offer) -> Mask:
    """Return whether each line ahead is of a category that might have been shown at the moment."""
    names = lines.names("category")
    offered = np.array([not offer.only or name in offer.only for name in (*names, "")])
    # Unless the gap is more, the line before it in its category lies in the look-back, or ahead.
    since = lines.gap - lines.days_ahead
    return np.asarray(offered[lines.category] & (offer.repeats | (since > offer.look_back_days)))
