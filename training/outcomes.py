"""What came of customers: the outcome a target speaks of, and when the next order came."""

import numpy as np

from contract.models import Columns, Numbers
from features.sources import SOURCES, Shop
from training.targets import Target

OUTCOME = "outcome"
DAYS_UNTIL = "days_until"
WATCHED = 100_000  # days: to the end of what is known


def find_outcomes(
    target: Target, shop: Shop, as_of_us: int, columns: Columns
) -> dict[str, Numbers]:
    """Return, for each customer, the outcome (0 or 1), and the days until the next order.

    The definition is given what it names: events of its horizon, or features as of the moment. The
    days are NaN where no order is known.
    """
    days = target.over_days
    known = {
        name: shop.ahead(name, as_of_us, days) if name in SOURCES else columns[name]
        for name in target.reads
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        outcome = np.asarray(target.definition(**known), dtype=np.float64)
    until = shop.ahead("orders", as_of_us, WATCHED).first("days_ahead")
    return {OUTCOME: outcome, DAYS_UNTIL: until}
