"""Groups of customers that are judged apart, since what is true on the whole may fail in one."""

import numpy as np

from contract.answers import ACTIVE_DAYS
from contract.models import Columns, Numbers

SEGMENTS = ("one_order", "few_orders", "many_orders", "lapsed")
SEGMENT_INPUTS = ("orders_ever", "days_since_order")
MANY = 5


def find_segments(columns: Columns) -> Numbers:
    """Return the place in SEGMENTS of each row: one order, 2 to 4, more, or none for a year."""
    orders, silence = (columns[name] for name in SEGMENT_INPUTS)
    with np.errstate(invalid="ignore"):
        held = np.searchsorted([2, MANY], np.nan_to_num(orders), side="right")
        return np.asarray(np.where(silence > ACTIVE_DAYS, 3, held), dtype=np.int64)
