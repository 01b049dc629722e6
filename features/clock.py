"""The shop's own clock: what hour and day of the week it was there."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from contract.moments import EPOCH
from features.sums import Array, Whole
from features.timeline import DAY_US

HOUR_US = DAY_US // 24
YEARS = (1970, 2100)  # outside of them the first and the last offset hold
MONDAY = 3  # 1970-01-01 was a Thursday, three days after a Monday


def local_us(at_us: Whole, timezone: str) -> Whole:
    """Return moments as a clock of that zone tells them, in microseconds since its 1970."""
    if timezone == "UTC":
        return at_us
    changes, offsets = _list_changes(timezone)
    return at_us + offsets[np.searchsorted(changes, at_us, side="right")]


def hour(local: Whole) -> Array:
    """Return the hour of the day, 0 to 23."""
    return (local % DAY_US // HOUR_US).astype(np.int8)


def weekday(local: Whole) -> Array:
    """Return the day of the week, Monday 0 to Sunday 6."""
    return ((local // DAY_US + MONDAY) % 7).astype(np.int8)


@cache
def _list_changes(timezone: str) -> tuple[Whole, Whole]:
    """Return when a zone's offset changes, and the offset before the first and after each."""
    zone = ZoneInfo(timezone)
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in YEARS)
    days = [first + timedelta(days=10 * n) for n in range((last - first).days // 10)]
    offsets = [_offset(zone, day) for day in days]
    changes, told = [], [offsets[0]]
    for before, after, old, new in zip(days, days[1:], offsets, offsets[1:], strict=False):
        if old != new:
            changes.append(_find_change(zone, before, after))
            told.append(new)
    return np.array(changes, dtype=np.int64), np.array(told, dtype=np.int64)


def _find_change(zone: ZoneInfo, before: datetime, after: datetime) -> int:
    """Return the first second within ten days at which the offset is the later one."""
    early, late = (round((m - EPOCH).total_seconds()) for m in (before, after))
    new = _offset(zone, after)
    while late - early > 1:
        middle = (early + late) // 2
        if _offset(zone, EPOCH + timedelta(seconds=middle)) == new:
            late = middle
        else:
            early = middle
    return late * 1_000_000


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    shift = moment.astimezone(zone).utcoffset() or timedelta()
    return round(shift.total_seconds()) * 1_000_000
