"""The planted habits of customers can be found in the tables of the shop."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from shop.clock import shape_year

Tables = dict[str, pl.DataFrame]


def before_leaving(large: Tables, kind: str, least_days: int) -> NDArray[np.float64]:
    """Days before leaving of each event of the lost who were known for so many days."""
    lost = large["truth/customers"].join(large["customers"], on="customer_id")
    lost = lost.filter((pl.col("left_at") - pl.col("since")).dt.total_days() >= least_days)
    events = large["interactions"].filter(pl.col("kind") == kind).join(lost, on="customer_id")
    days = (events["left_at"] - events["occurred_at"]).dt.total_seconds() / 86_400
    return np.append(days.to_numpy(), -float(lost.height))  # the last is minus the customers


def test_complaints_precede_leaving(large: Tables) -> None:
    *days, minus = before_leaving(large, "complaint", 56)
    lost = -minus
    assert lost > 3_000
    last = np.sum((np.array(days) >= 0) & (np.array(days) < 28))
    earlier = np.sum((np.array(days) >= 28) & (np.array(days) < 56))
    expected = lost * (0.35 + 28 * 0.0006)
    assert abs(last - expected) < 4 * np.sqrt(lost * (0.35 * 0.65 + 28 * 0.0006))
    assert abs(earlier - lost * 28 * 0.0006) < 4 * np.sqrt(lost * 28 * 0.0006)


def test_visits_dwindle_before_leaving(large: Tables) -> None:
    days = before_leaving(large, "visit", 90)[:-1]
    counts = [np.sum((days >= low) & (days < low + 15)) for low in (0, 15, 30, 45, 60)]
    assert counts[0] < counts[1] < counts[2]
    assert counts[0] < 0.65 * counts[3]
    assert counts[4] == pytest.approx(counts[3], rel=0.15)


def test_visits_come_before_orders(large: Tables, orders: pl.DataFrame) -> None:
    visits = large["interactions"].filter(pl.col("kind") == "visit").sort("occurred_at")
    repeats = orders.filter(pl.col("number") > 1).sort("ordered_at")
    near = repeats.join_asof(
        visits,
        left_on="ordered_at",
        right_on="occurred_at",
        by="customer_id",
        tolerance="3d",
        check_sortedness=False,
    )
    share = near["occurred_at"].is_not_null().to_numpy().mean()
    assert share > 1 - np.exp(-0.6)  # 0.6 visits are planted per order, others come by chance


def test_orders_follow_the_year_and_the_week(orders: pl.DataFrame) -> None:
    months = orders.group_by(pl.col("ordered_at").dt.strftime("%Y-%m")).len()
    counts = dict(months.iter_rows())
    assert len(counts) == 24
    assert counts["2025-12"] > 1.4 * counts["2025-10"]
    assert counts["2025-12"] > 1.4 * counts["2026-02"]
    week = orders["ordered_at"].dt.weekday().value_counts().sort("ordered_at")["count"]
    assert week[5] > 1.05 * week[1]  # Saturday above Tuesday
    assert shape_year().mean() == pytest.approx(1)
    assert shape_year()[345] > 1.8 * shape_year()[300]


def test_base_rate_is_neither_rare_nor_certain(outcomes: pl.DataFrame, large: Tables) -> None:
    year = pl.datetime(2025, 11, 1)
    recent = large["transactions"].filter(pl.col("amount") > 0, pl.col("ordered_at") >= year)
    active = outcomes.join(recent, on="customer_id", how="semi")
    assert 0.45 < np.mean(active["orders_90d"].to_numpy() > 0) < 0.62


def test_thrifty_customers_buy_more_units_when_the_price_is_cut(large: Tables) -> None:
    people = large["customers"].filter(pl.col("kind") == "consumer")
    lines = large["transactions"].join(people, on="customer_id").filter(pl.col("amount") > 0)
    cut, full = lines.filter(pl.col("discount") > 0), lines.filter(pl.col("discount") == 0)
    assert full["quantity"].to_numpy().mean() == pytest.approx(1.12, abs=0.01)
    assert cut["quantity"].to_numpy().mean() > 1.3


def test_return_habits_differ(large: Tables) -> None:
    lines = large["transactions"].filter(pl.col("ordered_at") < pl.datetime(2026, 10, 1))
    habits = lines.group_by("customer_id").agg(
        bought=(pl.col("amount") > 0).sum(), back=(pl.col("amount") < 0).sum()
    )
    busy = habits.filter(pl.col("bought") >= 50)
    shares = (busy["back"] / busy["bought"]).to_numpy()
    assert np.quantile(shares, 0.5) < 0.05
    assert np.quantile(shares, 0.97) > 0.15
