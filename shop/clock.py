"""The shop clock runs fast when the shop is busy, which turns season into plain time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats, Ints
from .constants import PLANTED
from .plan import YEAR_DAYS, Plan

HOURS = 24


@dataclass(frozen=True)
class Clocks:
    """One running total of busy time per habit and lift, at every hour edge.

    Times are days since the history starts. Row `habit * lifts + lift` is the clock of
    customers with that habit and that campaign lift; lift 0 is a lift of one.
    """

    edges: Floats
    totals: Floats
    ends: float


def schedule_campaigns(plan: Plan) -> Floats:
    """The first and last moment of each campaign, in days; all are over before the end."""
    planted = PLANTED.campaigns
    last = plan.days - planted.length_days - planted.hour / HOURS
    first = np.arange(planted.first_day, last, planted.every_days) + planted.hour / HOURS
    return np.column_stack([first, first + planted.length_days])


def build_clocks(plan: Plan) -> Clocks:
    """The clocks of a plan, from its first day to a year after its end."""
    dates = list_dates(plan, 0, plan.days + YEAR_DAYS)
    habits = range(len(PLANTED.season.week))
    pace = np.stack([measure_pace(dates, habit, plan.season) for habit in habits])
    edges = np.arange(pace.shape[1] + 1) / HOURS
    lifted = np.zeros(pace.shape[1], dtype=bool)
    for first, last in schedule_campaigns(plan):
        lifted |= (edges[:-1] >= first - 1e-9) & (edges[:-1] < last - 1e-9)
    factors = np.where(lifted, np.array(PLANTED.campaigns.lifts)[:, None], 1.0)
    paces = (pace[:, None, :] * factors).reshape(-1, pace.shape[1])
    totals = np.zeros((len(paces), len(edges)))
    np.cumsum(paces / HOURS, axis=1, out=totals[:, 1:])
    return Clocks(edges, totals, float(plan.days))


def list_dates(plan: Plan, start_day: int, days: int) -> NDArray[np.datetime64]:
    """The dates of so many days, the first of them `start_day` days after the history starts."""
    return np.datetime64(plan.starts) + np.arange(start_day, start_day + days)


def measure_pace(dates: NDArray[np.datetime64], habit: int, season: bool) -> Floats:
    """How busy the shop is in every hour of the dates, against a mean of one, for one habit."""
    year_day = (dates - dates.astype("M8[Y]").astype("M8[D]")).astype(np.int64)
    week_day = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    week = np.array(PLANTED.season.week[habit])
    day = np.array(PLANTED.season.day[habit], dtype=np.float64)
    by_day = (week / week.mean())[week_day]
    if season:
        by_day = shape_year()[year_day] * by_day
    return np.outer(by_day, day / day.mean()).ravel()


def shape_year() -> Floats:
    """The factor of each day of a leap year, with a mean of one."""
    days = np.arange(366.0)
    factors: Floats = np.ones(366)
    for centre, spread, height in PLANTED.season.bumps:
        apart = np.abs(days - centre)
        apart = np.minimum(apart, 366 - apart)
        factors += height * np.exp(-0.5 * (apart / spread) ** 2)
    factors /= factors.mean()
    return factors


def tell_season(plan: Plan, start_day: int, days: int) -> float:
    """The mean pace of the shop over a window of days, where the mean of a year is one.

    The window begins `start_day` days after `plan.starts` and may lie beyond the end. Season
    and weekday count, campaigns do not. An order rate times this is orders a day: habits are
    weighed by the orders that the kinds of customer place.
    """
    if days < 1:
        raise ValueError(f"days is {days}; give at least 1.")
    kinds = PLANTED.kinds
    orders = np.array(kinds.shares) * kinds.rate_factors
    office = float(orders @ kinds.office_hours / orders.sum()) if plan.signal else 0.0
    dates = list_dates(plan, start_day, days)
    evening, daytime = (measure_pace(dates, habit, plan.season).mean() for habit in (0, 1))
    return float((1 - office) * evening + office * daytime)


def read_clock(clocks: Clocks, row: Ints, at: Floats) -> Floats:
    """What the clock of each row shows at each time."""
    shown = np.empty(len(at))
    for number, totals in enumerate(clocks.totals):
        mine = np.flatnonzero(row == number)
        shown[mine] = np.interp(at[mine], clocks.edges, totals)
    return shown


def turn_back(clocks: Clocks, row: Ints, shown: Floats) -> Floats:
    """The time at which the clock of each row shows each total."""
    at = np.empty(len(shown))
    for number, totals in enumerate(clocks.totals):
        mine = np.flatnonzero(row == number)
        at[mine] = np.interp(shown[mine], totals, clocks.edges)
    return at
