"""The season of the shop is the same each year, and a window's pace can be told."""

from collections.abc import Callable
from datetime import date, timedelta
from math import exp
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shop import Plan, make_shop, tell_season

Tables = dict[str, pl.DataFrame]
THREE_YEARS = Plan(customers=6_000, months=36, seed=2)
WINTER, SUMMER = (11, 15), (7, 1)


def days_to(plan: Plan, year: int, month_day: tuple[int, int]) -> int:
    return (date(year, *month_day) - plan.starts).days


def add_by_hand(first: date, days: int) -> float:
    """The mean pace of evening shoppers, one plain day after another."""
    bumps = [(346, 13, 1.2), (15, 14, -0.25), (172, 12, 0.25), (220, 16, -0.15)]
    week = [0.90, 0.85, 0.90, 0.95, 1.05, 1.25, 1.10]

    def height(day: int) -> float:
        apart = [(abs(day - centre), spread, high) for centre, spread, high in bumps]
        return 1 + sum(h * exp(-0.5 * (min(a, 366 - a) / s) ** 2) for a, s, h in apart)

    mean = sum(height(day) for day in range(366)) / 366
    dates = [first + timedelta(days=step) for step in range(days)]
    paces = [height(day.timetuple().tm_yday - 1) / mean * week[day.weekday()] for day in dates]
    return sum(paces) / days


def test_the_pace_of_a_window_is_the_mean_of_its_days() -> None:
    plan = Plan(customers=1, months=24, seed=0, signal=False)  # all are evening shoppers
    for first in (date(2025, 12, 1), date(2026, 2, 10), date(2024, 12, 30)):
        told = tell_season(plan, (first - plan.starts).days, 30)
        assert told == pytest.approx(add_by_hand(first, 30), rel=1e-9)


def test_a_year_has_a_mean_pace_of_one() -> None:
    assert tell_season(THREE_YEARS, 0, 366) == pytest.approx(1, abs=0.005)
    flat = Plan(customers=1, months=24, seed=0, season=False)
    assert tell_season(flat, 100, 70) == pytest.approx(1, rel=1e-12)  # ten whole weeks
    with pytest.raises(ValueError, match="days is 0; give at least 1"):
        tell_season(flat, 0, 0)


def test_the_season_is_the_same_each_year() -> None:
    for month_day in (WINTER, SUMMER):
        # 70 days are ten weeks; a leap day moves the season by one day against the date.
        years = [tell_season(THREE_YEARS, days_to(THREE_YEARS, y, month_day), 70) for y in
                 (2023, 2024, 2025)]  # fmt: skip
        assert max(years) - min(years) < 0.02
    winter, summer = (
        tell_season(THREE_YEARS, days_to(THREE_YEARS, 2025, when), 70) for when in (WINTER, SUMMER)
    )
    assert winter == pytest.approx(1.34, abs=0.01)
    assert summer == pytest.approx(0.87, abs=0.01)


def count_orders(tables: Tables, first: date, days: int) -> tuple[int, float]:
    """Orders of a window by customers there throughout whom no campaign moves; their rates."""
    begin, end = pl.lit(first), pl.lit(first + timedelta(days=days))
    orders = tables["transactions"].filter(pl.col("amount") > 0).unique("order_id")
    opened = orders.group_by("customer_id").agg(first=pl.col("ordered_at").min())
    there = tables["truth/customers"].join(opened, on="customer_id").filter(
        pl.col("held_out") | (pl.col("campaign_effect") == 1), pl.col("gap_shape") == 1,
        pl.col("first") < begin, pl.col("alive") | (pl.col("left_at") >= end),
    )  # fmt: skip
    counted = orders.filter(pl.col("ordered_at") >= begin, pl.col("ordered_at") < end)
    return counted.join(there, on="customer_id").height, there["order_rate"].sum()


@pytest.fixture(scope="module")
def three_years(tmp_path_factory: pytest.TempPathFactory, read: Callable[[Path], Tables]) -> Tables:
    folder = tmp_path_factory.mktemp("three")
    make_shop(folder, THREE_YEARS)
    return read(folder)


@pytest.mark.parametrize("year", [2024, 2025])
@pytest.mark.parametrize("month_day", [WINTER, SUMMER])
def test_orders_come_at_the_told_pace(
    three_years: Tables, year: int, month_day: tuple[int, int]
) -> None:
    counted, rates = count_orders(three_years, date(year, *month_day), 70)
    expected = rates * 70 * tell_season(THREE_YEARS, days_to(THREE_YEARS, year, month_day), 70)
    assert expected > 500
    assert abs(counted - expected) < 4 * np.sqrt(expected)  # with one phase a Poisson number


def test_without_season_the_year_is_flat(tmp_path: Path, read: Callable[[Path], Tables]) -> None:
    make_shop(tmp_path, Plan(customers=6_000, months=24, seed=2, season=False))
    tables = read(tmp_path)
    for month_day in (WINTER, SUMMER):
        counted, rates = count_orders(tables, date(2025, *month_day), 70)
        assert abs(counted - rates * 70) < 4 * np.sqrt(rates * 70)
    counted, rates = count_orders(tables, date(2025, *WINTER), 70)
    assert rates * 70 * 1.34 - counted > 4 * np.sqrt(rates * 70 * 1.34)
