"""With a step up some customers spend more an order from a known moment on, and browse first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shop import Plan, make_shop

Tables = dict[str, pl.DataFrame]
END = pl.datetime(2026, 11, 1)


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory, read: Callable[[Path], Tables]) -> Tables:
    folder = tmp_path_factory.mktemp("stepped")
    make_shop(folder, Plan(customers=15_000, months=24, seed=11, step_up=True))
    return read(folder)


@pytest.fixture(scope="module")
def steppers(stepped: Tables) -> pl.DataFrame:
    truth = stepped["truth/customers"].filter(pl.col("steps_up_at").is_not_null())
    return truth.with_columns(at="steps_up_at")


def test_nobody_steps_up_in_the_default_shop(large: Tables) -> None:
    assert large["truth/customers"]["steps_up_at"].null_count() == 15_000


def test_fifteen_of_a_hundred_of_those_there_step_up(
    stepped: Tables, steppers: pl.DataFrame
) -> None:
    days = (steppers["at"] - steppers.select(END).item()).dt.total_seconds() / 86_400
    assert -120 <= days.min() < -115 and 85 < days.max() <= 90
    after = steppers.filter(pl.col("at") >= END).height
    assert after / steppers.height == pytest.approx(90 / 210, abs=0.05)
    # Alive at the end and there 120 days before: only who left before the moment is not counted.
    bought = stepped["transactions"].group_by("customer_id").agg(pl.col("ordered_at").min())
    there = stepped["truth/customers"].join(bought, on="customer_id").filter(
        "alive", pl.col("ordered_at") < END - pl.duration(days=120)
    )  # fmt: skip
    before = there.filter(pl.col("steps_up_at") < END).height / there.height
    chance = 0.15 * 120 / 210
    assert abs(before - chance) < 4 * np.sqrt(chance / there.height)
    assert (steppers["left_at"] > steppers["at"]).fill_null(True).all()


def test_all_else_is_as_in_the_shop_without(
    large: Tables, stepped: Tables, steppers: pl.DataFrame
) -> None:
    told = ["customer_id", "order_id", "ordered_at", "product_id", "channel"]
    assert stepped["transactions"].select(told).equals(large["transactions"].select(told))
    assert stepped["customers"].equals(large["customers"])
    both = stepped["transactions"].with_columns(usual=large["transactions"]["amount"])
    moved = both.filter(pl.col("amount") != pl.col("usual"))
    late = moved.join(steppers, on="customer_id").filter(pl.col("ordered_at") >= pl.col("at"))
    assert 0 < late.height == moved.height
    more = stepped["interactions"].height - large["interactions"].height
    assert (
        more
        == stepped["interactions"]
        .join(large["interactions"], on=large["interactions"].columns, how="anti", nulls_equal=True)
        .height
    )
    assert more > 1_000


def test_orders_after_the_step_are_worth_the_factor_more(
    large: Tables, stepped: Tables, steppers: pl.DataFrame
) -> None:
    both = stepped["transactions"].with_columns(usual=large["transactions"]["amount"])
    after = both.join(steppers, on="customer_id").filter(
        pl.col("ordered_at") >= pl.col("at"), pl.col("amount") > 0
    )
    assert after.height > 2_000
    assert after["amount"].sum() / after["usual"].sum() == pytest.approx(1.6, abs=0.04)
    money = after["quantity"] * after["unit_price"] - after["discount"]
    assert (money - after["amount"]).abs().max() < 1e-6
    usual = large["truth/customers"].join(steppers, on="customer_id", suffix="_now")
    now = (usual["at"] < usual.select(END).item()).to_numpy()
    ratio = (usual["expected_order_value_now"] / usual["expected_order_value"]).to_numpy()
    np.testing.assert_allclose(ratio, np.where(now, 1.6, 1.0), rtol=1e-9)


def test_spend_of_the_year_counts_the_step(stepped: Tables, steppers: pl.DataFrame) -> None:
    rows = steppers.join(stepped["truth/future"], on="customer_id")
    for part in (rows.filter(pl.col("at") < END), rows.filter(pl.col("at") >= END)):
        apart = (part["spent_365d"] - part["expected_spend_365d"]).to_numpy()
        assert abs(apart.sum()) < 4 * np.sqrt((apart**2).sum())


def test_long_visits_come_before_the_step(stepped: Tables, steppers: pl.DataFrame) -> None:
    visits = stepped["interactions"].filter(pl.col("kind") == "visit")
    seen = steppers.filter(pl.col("at") < END - pl.duration(days=1)).select("customer_id", "at")
    near = visits.join(seen, on="customer_id").filter(
        pl.col("occurred_at") <= pl.col("at"),
        pl.col("occurred_at") >= pl.col("at") - pl.duration(days=28),
        pl.col("value") >= 10,
    )
    share = near["customer_id"].n_unique() / seen.height
    # 3 visits on average, each of 10 pages or more with chance .85 (1 + Poisson 12).
    assert share == pytest.approx(1 - np.exp(-3 * 0.845), abs=0.04)
    others = visits.join(steppers, on="customer_id", how="anti")
    assert (others["value"] >= 10).mean() < 0.05
