"""Campaigns reach those they should and their planted effect can be recovered."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from shop import Plan
from shop.clock import schedule_campaigns

Tables = dict[str, pl.DataFrame]


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
