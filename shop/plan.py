"""A plan says how large a shop to invent and which calendar months it covers."""

import calendar
from dataclasses import dataclass
from datetime import date

HORIZON_DAYS = 90
"""Days after the end of the history that its own random stream goes on for, for the truth."""

YEAR_DAYS = 365
"""Days after the end that the truth tells of; those past the horizon have their own stream."""

CUSTOMER_MONTHS_PER_CHUNK = 120_000
MOST_PER_CHUNK = 5_000
MOST_MONTHS = 1_200
"""A hundred years: the hourly clocks of a longer history would fill the memory."""


@dataclass(frozen=True)
class Plan:
    """The size, the seed and the end (exclusive) of an invented shop's history.

    Without `signal` all customers are alike and nothing foretells an order; without `season`
    the year is flat; with `step_up` some customers come to spend more an order.
    """

    customers: int
    months: int
    seed: int
    ends: date = date(2026, 11, 1)
    signal: bool = True
    season: bool = True
    step_up: bool = False

    @property
    def starts(self) -> date:
        """The first day of the history, `months` calendar months before `ends`."""
        month = self.ends.year * 12 + self.ends.month - 1 - self.months
        year, month = divmod(month, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(self.ends.day, last))

    @property
    def days(self) -> int:
        """The number of days the history covers."""
        return (self.ends - self.starts).days

    @property
    def chunk(self) -> int:
        """The number of customers invented at a time: fewer when their history is longer."""
        return max(1, min(MOST_PER_CHUNK, CUSTOMER_MONTHS_PER_CHUNK // self.months))


def check_plan(plan: Plan) -> None:
    """Nothing comes back; a plan no shop can be made from raises ValueError."""
    check_number("customers", plan.customers, 1, "at least 1")
    check_number("months", plan.months, 1, "at least 1")
    check_number("seed", plan.seed, 0, "0 or more")
    if plan.months > MOST_MONTHS:
        raise ValueError(f"months is {plan.months}; give at most {MOST_MONTHS}.")
    if plan.step_up and not plan.signal:
        raise ValueError("A step up is a signal; leave out either --step-up or --no-signal.")


def check_number(name: str, found: int, least: int, wanted: str) -> None:
    """Nothing comes back; a number that is too small or not whole raises ValueError."""
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        raise ValueError(f"{name} is {found!r}; give a whole number, {wanted}.")
