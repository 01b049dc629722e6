"""Cut events at a moment and tell their time as an age, so that no date is left to leak through."""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from features.rows import AT, Codes, Rows
from features.sums import Array, Mask, Whole, add_up

NEVER_YET = np.iinfo(np.int64).min
DAY_US = 86_400_000_000

AGE = "days_ago"

CUSTOMER = "customer_id"
AS_OF = "as_of_us"
KEYS = (CUSTOMER, AS_OF)


class Source:
    """All events of one kind: customer after customer, each in the order of time.

    The events of customer i are the rows from `bounds[i]` up to `bounds[i + 1]`. A column of
    int64 holds millionths, one of fewer bits codes (places in `codes[column]`, or -1).
    """

    def __init__(
        self,
        bounds: Whole,
        at_us: Whole,
        columns: Mapping[str, Array],
        codes: Codes | None = None,
    ) -> None:
        self.bounds = bounds
        self.at_us = at_us
        self.columns = columns
        self.codes = codes or {}

    @cached_property
    def rows(self) -> Rows:
        """All rows, which many moments look at."""
        columns = {AT: self.at_us, **self.columns}
        return Rows((AGE, *self.columns), columns.__getitem__, self.bounds, self.codes)

    def see(self, as_of_us: int) -> Rows:
        """Return all rows, as they were told before the moment."""
        return self.rows

    def past(self, as_of_us: int) -> Rows:
        """Return the events strictly before the moment, told by `days_ago` (> 0)."""
        kept = None if self.latest_us < as_of_us else self.at_us < as_of_us
        return self._side(kept, AGE, lambda at: as_of_us - at)

    def ahead(self, as_of_us: int, days: int) -> Rows:
        """Return the events within `days` from the moment on, told by `days_ahead` (>= 0)."""
        inside = (self.at_us >= as_of_us) & (self.at_us < as_of_us + days * DAY_US)
        return self._side(inside, "days_ahead", lambda at: at - as_of_us)

    @cached_property
    def latest_us(self) -> int:
        """When the last of all events was; long ago where there is none."""
        return int(self.at_us.max()) if len(self.at_us) else NEVER_YET

    def _side(self, kept: Mask | None, age: str, span: Callable[[Whole], Whole]) -> Rows:
        if kept is None:
            bounds, where = self.bounds, None
        else:
            bounds, where = add_up(kept)(self.bounds), np.flatnonzero(kept)

        def pick(column: Array) -> Array:
            return column if where is None else column[where]

        def take(name: str) -> Array:
            return tell_days(span(pick(self.at_us))) if name == age else pick(self.columns[name])

        return Rows((age, *self.columns), take, bounds, self.codes)


def tell_days(span_us: Whole) -> Array:
    """Return microseconds as days."""
    # Microseconds of 285 years are exact as doubles, so this is the one nearest double.
    return np.asarray(span_us / DAY_US)
