"""Features of several that say more together than apart."""

import numpy as np

from features.sums import Numbers
from features.verbs import at_least, in_unit, or_none, or_zero, ratio


@in_unit("ratio x log orders")
def lateness_of_regulars(lateness: Numbers, orders_ever: Numbers) -> Numbers:
    """Lateness times the log of 1 + the orders that tell the gap; null until the second."""
    return lateness * np.log1p(orders_ever)


@in_unit("ratio x shape")
def lateness_of_clocks(lateness: Numbers, regularity: Numbers) -> Numbers:
    """Lateness weighed by how regular the gaps are; null until the third order."""
    return lateness * regularity


@or_zero
@in_unit("complaints x ratio")
def complaints_while_late(complaints_90d: Numbers, lateness: Numbers) -> Numbers:
    """Complaints of the last 90 days, weighed by how late the customer is beyond the usual gap."""
    return complaints_90d * or_none(at_least(lateness - 1, 0))


@or_zero
@in_unit("visits x ratio")
def visits_while_late(visits_30d: Numbers, lateness: Numbers) -> Numbers:
    """Visits of the last 30 days, weighed by how late the customer is beyond the usual gap."""
    return visits_30d * or_none(at_least(lateness - 1, 0))


@in_unit("ratio")
def spend_against_habit(spend_90d: Numbers, spend_per_month: Numbers) -> Numbers:
    """Spend of the last 90 days in units of the usual 90 days; null until the first order."""
    return ratio(spend_90d, spend_per_month * 3)


@in_unit("money")
def spend_at_risk(expected_spend_365d: Numbers, active_probability: Numbers) -> Numbers:
    """Money a year not expected only because they may have left; null until the first order."""
    return ratio(expected_spend_365d, active_probability) * (1 - active_probability)
