"""The truth a year ahead and by category matches what the customers go on to do."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

Tables = dict[str, pl.DataFrame]


def excess(came: NDArray[np.float64], foretold: NDArray[np.float64]) -> float:
    """What came less what was foretold, in standard errors of that sum."""
    apart = came - foretold
    return float(apart.sum() / np.sqrt((apart**2).sum()))


@pytest.fixture(scope="module")
def alive(outcomes: pl.DataFrame) -> pl.DataFrame:
    return outcomes.filter("alive", pl.col("order_rate") > 0)


@pytest.mark.parametrize(
    ("came", "foretold"),
    [("orders_365d", "expected_orders_365d"), ("spent_365d", "expected_spend_365d")],
)
def test_orders_and_spend_of_the_year_are_as_expected(
    alive: pl.DataFrame, came: str, foretold: str
) -> None:
    fifths = alive.with_columns(fifth=pl.col(foretold).rank("ordinal") * 5 // (pl.len() + 1))
    parts = [alive, *fifths.partition_by("fifth"), *alive.partition_by("gap_shape")]
    assert len(parts) == 9
    for part in parts:
        numbers = part.select(pl.col(came, foretold).cast(float)).to_numpy().T
        assert abs(excess(*numbers)) < 4
    mean, expected = alive.select(pl.col(came, foretold).mean()).row(0)
    assert mean == pytest.approx(expected, rel=0.04)


def test_the_expectation_ranks_customers_by_their_worth(alive: pl.DataFrame) -> None:
    ranks = alive.select("expected_spend_365d", "spent_365d").to_numpy().argsort(0).argsort(0)
    assert np.corrcoef(ranks.T)[0, 1] > 0.8


def test_the_lost_bring_only_their_late_returns(outcomes: pl.DataFrame) -> None:
    lost = outcomes.filter(~pl.col("alive"))
    for column in ("p_order_365d", "expected_orders_365d", "orders_365d"):
        assert lost[column].sum() == 0
    for column in ("expected_spend_365d", "spent_365d"):
        assert lost[column].max() <= 0
    gone = lost.filter(pl.col("left_at") < pl.datetime(2026, 10, 7))  # all is back after 25 days
    assert gone.height > 5_000
    assert gone["expected_spend_365d"].min() == gone["spent_365d"].min() == 0
    late = lost.select("spent_365d", "expected_spend_365d").to_numpy().T
    assert late[0].sum() < 0 and abs(excess(*late)) < 4


def test_chances_and_counts_grow_with_the_days(outcomes: pl.DataFrame) -> None:
    for name in ("p_order_{}d", "orders_{}d"):
        grown = outcomes.select(name.format(days) for days in (30, 90, 365)).to_numpy()
        assert (np.diff(grown, axis=1) >= 0).all()
    until = outcomes["days_until_order"]
    assert (until.is_null() == (outcomes["orders_365d"] == 0)).all()
    for days in (30, 90):
        assert ((until < days).fill_null(False) == (outcomes[f"orders_{days}d"] > 0)).all()
    assert 0 <= until.min() < 0.1 and 355 < until.max() < 365


def test_money_of_the_year_is_that_of_the_orders_less_returns(alive: pl.DataFrame) -> None:
    none = alive.filter(pl.col("orders_365d") == 0)
    assert none["spent_365d"].max() == 0
    keen = alive.filter(pl.col("return_share") > 0.15, pl.col("orders_365d") > 5)
    gross = keen["expected_order_value"] * keen["orders_365d"]
    kept = keen["spent_365d"].sum() / gross.sum()
    assert kept == pytest.approx(1 - np.average(keen["return_share"], weights=gross), abs=0.04)


@pytest.fixture(scope="module")
def pairs(large: Tables, alive: pl.DataFrame) -> pl.DataFrame:
    return large["truth/categories"].join(alive, on="customer_id")


def test_a_row_for_every_customer_and_category(large: Tables) -> None:
    pairs = large["truth/categories"]
    assert pairs.height == 12 * 15_000
    assert pairs.select("customer_id", "category").is_duplicated().sum() == 0
    assert set(pairs["category"]) == set(large["products"]["category"])
    tastes = pairs.group_by("customer_id").agg(pl.col("taste").sum())["taste"]
    np.testing.assert_allclose(tastes.to_numpy(), 1, rtol=1e-9)


def test_tastes_are_the_shares_of_lines(large: Tables) -> None:
    lines = large["transactions"].filter(pl.col("amount") > 0)
    lines = lines.join(large["products"], on="product_id").group_by("customer_id", "category").len()
    pairs = large["truth/categories"].join(lines, on=["customer_id", "category"], how="left")
    pairs = pairs.with_columns(pl.col("len").fill_null(0)).with_columns(
        total=pl.col("len").sum().over("customer_id")
    )
    busy = pairs.filter(pl.col("total") >= 100)
    share, taste = (busy["len"] / busy["total"]).to_numpy(), busy["taste"].to_numpy()
    assert np.abs(share - taste).mean() < 0.02
    assert np.corrcoef(share, taste)[0, 1] > 0.95


def test_category_chances_match_what_was_bought(pairs: pl.DataFrame) -> None:
    tenths = pairs.with_columns(tenth=(pl.col("p_bought_90d") * 10).floor())
    parts = [*tenths.partition_by("tenth"), *pairs.partition_by("gap_shape")]
    assert len(parts) > 11
    for part in [*parts, *pairs.partition_by("category")]:
        apart = part["bought_90d"] - part["p_bought_90d"]
        # An order more raises the chance of every category, so a customer's go together.
        by_customer = part.select("customer_id", apart=apart).group_by("customer_id").sum()
        assert abs(apart.sum()) < 4 * np.sqrt((by_customer["apart"] ** 2).sum())


def test_bought_categories_are_those_of_orders(large: Tables, outcomes: pl.DataFrame) -> None:
    pairs = large["truth/categories"]
    assert (pairs["bought_90d"] | ~pairs["bought_30d"]).all()
    any_bought = pairs.group_by("customer_id").agg(pl.col("bought_30d", "bought_90d").any())
    told = any_bought.join(outcomes, on="customer_id")
    for days in (30, 90):
        assert (told[f"bought_{days}d"] == (told[f"orders_{days}d"] > 0)).all()
