"""What is planted in the shop can be found in its tables, within four standard errors."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.stats import gamma

from shop import Plan
from shop.clock import build_clocks, read_clock, schedule_campaigns, shape_year, turn_back
from shop.orders import draw_orders, draw_renewals
from shop.people import draw_people
from shop.truth import predict_orders, survive

Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def orders(large: Tables) -> pl.DataFrame:
    bought = large["transactions"].filter(pl.col("amount") > 0)
    return (
        bought.unique("order_id")
        .sort("customer_id", "ordered_at")
        .select("customer_id", "ordered_at")
        .with_columns(number=pl.col("ordered_at").rank("ordinal").over("customer_id"))
    )


@pytest.fixture(scope="module")
def outcomes(large: Tables) -> pl.DataFrame:
    return large["truth/customers"].join(large["truth/future"], on="customer_id")


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
    p_30d, p_90d = predict_orders(people, clocks, draw_orders(rng, people, clocks))
    alive = (people.left > clocks.ends) & (people.rate > 0) & (people.gap_shape == 1)
    assert alive.sum() > 50
    for who in np.flatnonzero(alive):
        pace = np.diff(clocks.totals[people.clock[who]])[-90 * 24 :] * people.rate[who]
        total = pace + people.hazard[who] / 24  # either an order or leaving ends the wait
        waiting = np.exp(-np.concatenate([[0.0], np.cumsum(total)[:-1]]))
        exact = np.cumsum(waiting * pace / total * -np.expm1(-total))
        assert p_30d[who] == pytest.approx(exact[30 * 24 - 1], abs=1e-4)
        assert p_90d[who] == pytest.approx(exact[-1], abs=1e-4)


def test_survival_is_that_of_the_erlang_gap() -> None:
    waits = np.array([[0.0, 0.3, 1.0, 2.5, 9.0]] * 3)
    shape = np.array([1, 2, 4])
    expected = gamma.sf(waits, shape[:, None], scale=1 / shape[:, None])
    np.testing.assert_allclose(survive(shape, waits), expected, rtol=1e-12)


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


def test_hold_out_is_a_fifth_and_hears_of_no_campaign(large: Tables) -> None:
    truth = large["truth/customers"]
    error = (0.2 * 0.8 / truth.height) ** 0.5
    assert truth["held_out"].mean() == pytest.approx(0.2, abs=4 * error)
    sent = large["interactions"].filter(pl.col("kind") == "campaign").join(truth, on="customer_id")
    assert sent.filter("held_out").height == 0
    assert (sent["initiated_by"] == "company").all()
    assert set(sent["value"].unique()) == set(range(1, 14))
    known = large["customers"].join(truth, on="customer_id").filter(~pl.col("held_out"))
    starts = large["truth/campaigns"]["starts_at"]
    at_least = sum((known["since"] < start).sum() for start in starts)
    assert at_least <= sent.height <= at_least + known.height


def count_repeats(large: Tables, orders: pl.DataFrame) -> pl.DataFrame:
    """Repeat orders within and outside campaign windows, for each customer."""
    inside = pl.lit(False)
    for start, end in large["truth/campaigns"].select("starts_at", "ends_at").iter_rows():
        inside = inside | pl.col("ordered_at").is_between(start, end, closed="left")
    repeats = orders.filter(pl.col("number") > 1)
    counts = repeats.group_by("customer_id").agg(
        within=inside.sum().cast(pl.Float64), outside=(~inside).sum().cast(pl.Float64)
    )
    return counts.join(large["truth/customers"], on="customer_id")


def log_odds(counts: pl.DataFrame) -> NDArray[np.float64]:
    """The log of orders within over orders outside the windows, and its error by customer."""
    within, outside = counts["within"].to_numpy(), counts["outside"].to_numpy()
    pull = within / within.sum() - outside / outside.sum()
    return np.array([np.log(within.sum() / outside.sum()), np.sqrt((pull**2).sum())])


def test_the_campaign_effect_can_be_recovered(large: Tables, orders: pl.DataFrame) -> None:
    counts = count_repeats(large, orders)
    held, held_error = log_odds(counts.filter("held_out"))
    treated, treated_error = log_odds(counts.filter(~pl.col("held_out")))
    error = np.hypot(held_error, treated_error)
    planted = large["truth/campaigns"]["effect"][0]
    assert planted == pytest.approx(1.23)
    assert error < 0.03
    assert abs(treated - held - np.log(planted)) < 4 * error
    assert treated - held > 4 * error
    for effect in (0.8, 1.0, 1.2, 1.6):
        part = counts.filter(~pl.col("held_out"), pl.col("campaign_effect") == effect)
        found, part_error = log_odds(part)
        assert abs(found - held - np.log(effect)) < 4 * np.hypot(part_error, held_error)


def test_campaigns_are_over_before_the_end() -> None:
    for months in range(1, 30):
        plan = Plan(customers=1, months=months, seed=0)
        windows = schedule_campaigns(plan)
        assert len(windows) >= 1
        assert windows[0, 0] >= 0 and windows[-1, 1] < plan.days


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
