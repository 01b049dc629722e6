"""What came of customers: the outcome a target speaks of, and when the next order came."""

import numpy as np

from contract.models import Columns, Numbers
from features.sources import SOURCES, Shop
from training.folds import halve
from training.targets import Target

OUTCOME = "outcome"
HALF = "outcome_half"
DAYS_UNTIL = "days_until"
WATCHED = 100_000  # days: to the end of what is known


def find_outcomes(
    target: Target, shop: Shop, as_of_us: int, columns: Columns
) -> dict[str, Numbers]:
    """Return, for each customer, the outcome (0 or 1), that of half the window, and days to come.

    The definition is given what it names: events of its horizon, or features as of the moment. The
    days until the next order are NaN where none is known.
    """

    def tell(days: int) -> Numbers:
        known = {
            name: shop.ahead(name, as_of_us, days) if name in SOURCES else columns[name]
            for name in target.reads
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(target.definition(**known), dtype=np.float64)

    until = shop.ahead("orders", as_of_us, WATCHED).first("days_ahead")
    halved = halve(target.over_days)
    return {OUTCOME: tell(target.over_days), HALF: tell(halved), DAYS_UNTIL: until}
