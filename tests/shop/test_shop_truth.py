"""The true chances of the shop match what its customers go on to do."""

import numpy as np
import polars as pl
import pytest

from shop import Plan
from shop.clock import build_clocks, read_clock, turn_back
from shop.orders import draw_orders, draw_renewals
from shop.people import draw_people
from shop.truth import look_ahead, predict_orders

Tables = dict[str, pl.DataFrame]


def excess(outcomes: pl.DataFrame, days: int) -> float:
    """Realised less promised buyers, in standard errors of a sum of Bernoulli draws."""
    p = outcomes[f"p_order_{days}d"].to_numpy()
    bought = outcomes[f"orders_{days}d"].to_numpy() > 0
    return float((bought - p).sum() / np.sqrt((p * (1 - p)).sum()))


@pytest.mark.parametrize("days", [30, 90])
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


def test_single_phase_chances_agree_with_the_exact_integral() -> None:
    plan = Plan(customers=400, months=12, seed=5)
    clocks, rng = build_clocks(plan), np.random.default_rng(5)
    people = draw_people(rng, 400, clocks)
    outlook = look_ahead(people, clocks, draw_orders(rng, people, clocks))
    chance = predict_orders(outlook, 400)
    alive = (people.left > clocks.ends) & (people.rate > 0) & (people.gap_shape == 1)
    assert alive.sum() > 50
    for who in np.flatnonzero(alive):
        pace = np.diff(clocks.totals[people.clock[who]])[-365 * 24 :] * people.rate[who]
        total = pace + people.hazard[who] / 24  # either an order or leaving ends the wait
        waiting = np.exp(-np.concatenate([[0.0], np.cumsum(total)[:-1]]))
        exact = np.cumsum(waiting * pace / total * -np.expm1(-total))
        for days in (30, 90, 365):
            assert chance[days][who] == pytest.approx(exact[days * 24 - 1], abs=1e-4)


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
