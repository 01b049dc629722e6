"""The true chances of the shop match what its customers go on to do."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from shop import Plan
from shop.baskets import draw_tastes
from shop.clock import build_clocks, read_clock, turn_back
from shop.orders import draw_orders, draw_renewals
from shop.people import draw_people
from shop.truth import (
    expect_orders,
    look_ahead,
    predict_categories,
    predict_orders,
    spread_out,
)

Tables = dict[str, pl.DataFrame]


def excess(outcomes: pl.DataFrame, days: int) -> float:
    """Realised less promised buyers, in standard errors of a sum of Bernoulli draws."""
    p = outcomes[f"p_order_{days}d"].to_numpy()
    bought = outcomes[f"orders_{days}d"].to_numpy() > 0
    return float((bought - p).sum() / np.sqrt((p * (1 - p)).sum()))


@pytest.mark.parametrize("days", [30, 90, 365])
def test_true_chances_match_what_followed(outcomes: pl.DataFrame, days: int) -> None:
    alive = outcomes.filter(pl.col("alive"), pl.col("order_rate") > 0)
    assert alive.height > 6_000
    assert abs(excess(alive, days)) < 4
    for shape in (1, 2, 4):
        assert abs(excess(alive.filter(pl.col("gap_shape") == shape), days)) < 4
    tenth = (pl.col(f"p_order_{days}d") * 10).floor()
    parts = alive.with_columns(tenth=tenth).partition_by("tenth")
    assert len(parts) == 10
    for part in parts:
        assert abs(excess(part, days)) < 4


def test_the_chances_are_not_all_alike(outcomes: pl.DataFrame) -> None:
    alive = outcomes.filter(pl.col("alive"))
    chance = alive["p_order_90d"].to_numpy()
    bought = alive["orders_90d"].to_numpy() > 0
    flat = np.mean((bought - bought.mean()) ** 2)
    assert np.mean((bought - chance) ** 2) < 0.6 * flat


def test_lost_customers_and_those_who_never_order_have_no_chance(outcomes: pl.DataFrame) -> None:
    none = outcomes.filter(~pl.col("alive") | (pl.col("order_rate") == 0))
    assert none.height > 5_000
    for column in ("p_order_30d", "p_order_90d", "orders_30d", "orders_90d", "spent_90d"):
        assert none[column].sum() == 0
    assert (outcomes["left_at"].is_null() == outcomes["alive"]).all()
    assert (outcomes["orders_90d"] >= outcomes["orders_30d"]).all()
    assert ((outcomes["spent_90d"] > 0) == (outcomes["orders_90d"] > 0)).all()


def test_nobody_orders_after_leaving(large: Tables, orders: pl.DataFrame) -> None:
    lost = large["truth/customers"].filter(~pl.col("alive"))
    late = orders.join(lost, on="customer_id").filter(pl.col("ordered_at") > pl.col("left_at"))
    assert late.height == 0


def test_single_phase_truths_agree_with_the_exact_integral() -> None:
    plan = Plan(customers=400, months=12, seed=5)
    clocks, rng = build_clocks(plan), np.random.default_rng(5)
    people, tastes = draw_people(rng, 400, clocks), draw_tastes(rng, 400)
    outlook = look_ahead(people, clocks, draw_orders(rng, people, clocks))
    chance, bought = predict_orders(outlook, 400), predict_categories(outlook, tastes)
    number = spread_out(expect_orders(outlook).sum(axis=1), outlook.who, 400)
    alive = (people.left > clocks.ends) & (people.rate > 0) & (people.gap_shape == 1)
    assert alive.sum() > 50
    apart = []
    for who in np.flatnonzero(alive):
        pace = np.diff(clocks.totals[people.clock[who]])[-365 * 24 :] * people.rate[who]
        leaves = people.hazard[who] / 24
        for days in (30, 90, 365):
            exact = meet(pace[: days * 24], leaves)
            assert chance[days][who] == pytest.approx(exact, abs=1e-4)
        there = np.exp(-leaves * (np.arange(365 * 24) + 0.5))
        assert number[who] == pytest.approx((pace * there).sum(), rel=2e-4)
        taste = np.diff(tastes.categories[who], prepend=0.0)
        hit = 1 - (1 - taste) * np.exp(-tastes.extra_lines[who] * taste)
        exact = [meet(pace[: 90 * 24] * share, leaves) for share in hit]
        apart.append(np.abs(bought[who] - exact))
    assert np.max(apart) < 1e-3 and np.mean(apart) < 1e-4


def meet(pace: NDArray[np.float64], leaves: float) -> float:
    """The chance that an event of so much an hour comes before leaving, hour by hour."""
    total = pace + leaves  # either the event or leaving ends the wait
    waiting = np.exp(-np.concatenate([[0.0], np.cumsum(total)[:-1]]))
    return float((waiting * pace / total * -np.expm1(-total)).sum())


def test_renewals_have_the_mean_and_spread_of_erlang_gaps() -> None:
    room = np.full(3_000, 50.0)
    for shape in (1, 4):
        owner, _ = draw_renewals(
            np.random.default_rng(2), room, np.full(3_000, shape, dtype=np.int64)
        )
        counts = np.bincount(owner, minlength=3_000)
        # Cox (1962): in room x the mean count is x - (1 - 1/k)/2 and the variance near x/k.
        assert counts.mean() == pytest.approx(50 - (1 - 1 / shape) / 2, abs=4 * 50**0.5 / 54)
        assert counts.var() == pytest.approx(50 / shape, rel=0.12)


def test_a_clock_turned_back_shows_the_same_time() -> None:
    clocks = build_clocks(Plan(customers=1, months=6, seed=0))
    at = np.linspace(0.01, clocks.edges[-1] - 0.01, 80)
    row = np.arange(80) % len(clocks.totals)
    np.testing.assert_allclose(turn_back(clocks, row, read_clock(clocks, row, at)), at, atol=1e-9)
