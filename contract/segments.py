"""Groups of customers that are judged apart, since what is true on the whole may fail in one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from contract.answers import ACTIVE_DAYS
from contract.models import Columns, Numbers, find_percentiles, make_once

SEGMENTS = ("one_order", "few_orders", "many_orders", "lapsed")
SEGMENT_INPUTS = ("orders_ever", "days_since_order")
MANY = 5


def find_segments(columns: Columns) -> Numbers:
    """Return the place in SEGMENTS of each row: one order, 2 to 4, more, or none for a year."""
    return make_once(columns, SEGMENTS, lambda: _find_segments(columns))


def _find_segments(columns: Columns) -> Numbers:
    orders, silence = (columns[name] for name in SEGMENT_INPUTS)
    with np.errstate(invalid="ignore"):
        held = np.searchsorted([2, MANY], np.nan_to_num(orders), side="right")
        return np.asarray(np.where(silence > ACTIVE_DAYS, 3, held), dtype=np.int64)


def find_within(
    by_segment: Mapping[str, tuple[float, ...]], told: Numbers, columns: Columns
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many percent of each customer's segment lie below it; -1 of an unknown segment."""
    found = np.full(len(told), -1, dtype=np.int64)
    segments = find_segments(columns) if by_segment else found
    for place in set(segments.tolist()):
        percentiles = by_segment.get(SEGMENTS[place]) if by_segment else None
        if percentiles is not None:
            within = segments == place
            found[within] = find_percentiles(percentiles, told[within])
    return found
