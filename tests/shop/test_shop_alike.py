"""A shop without signal: nothing seen of a customer tells whether an order follows."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from shop import Plan, make_shop, tell_season

Tables = dict[str, pl.DataFrame]

PLAN = Plan(customers=12_000, months=24, seed=5, signal=False)
END = pl.datetime(2026, 11, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alike")
    make_shop(folder, PLAN)
    return folder


@pytest.fixture(scope="module")
def alike(folder: Path, read: Callable[[Path], Tables]) -> Tables:
    return read(folder)


@pytest.fixture(scope="module")
def seen(alike: Tables) -> pl.DataFrame:
    """A row per customer who has ordered: what a score could read, and what followed."""
    orders = (
        alike["transactions"]
        .group_by("customer_id")
        .agg(
            orders=pl.col("order_id").n_unique(),
            days_since_order=(END - pl.col("ordered_at").max()).dt.total_seconds() / 86_400,
            spend=pl.col("amount").sum(),
            products=pl.col("product_id").n_unique(),
        )
    )
    kind, near = pl.col("kind"), pl.col("occurred_at") >= END - pl.duration(days=90)
    acts = (
        alike["interactions"]
        .group_by("customer_id")
        .agg(
            visits=(kind == "visit").sum(),
            visits_90d=((kind == "visit") & near).sum(),
            visits_3d=(
                (kind == "visit") & (pl.col("occurred_at") >= END - pl.duration(days=3))
            ).sum(),
            complaints=(kind == "complaint").sum(),
            complaints_90d=((kind == "complaint") & near).sum(),
            mail_opened_90d=((kind == "email_open") & near).sum(),
            tickets=(kind == "support_ticket").sum(),
            campaigns=(kind == "campaign").sum(),
        )
    )
    age = (END - pl.col("since")).dt.total_seconds() / 86_400
    known = alike["customers"].select("customer_id", customer_age_days=age)
    rows = orders.join(known, on="customer_id").join(acts, on="customer_id", how="left")
    return rows.fill_null(0).join(alike["truth/future"], on="customer_id")


SEEN = [
    "orders", "days_since_order", "spend", "products", "customer_age_days", "visits", "visits_90d",
    "visits_3d", "complaints", "complaints_90d", "mail_opened_90d", "tickets", "campaigns",
]  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_nothing_seen_ranks_who_orders_in_90_days(seen: pl.DataFrame, name: str) -> None:
    ordered, told = seen["orders_90d"].to_numpy() > 0, seen[name].to_numpy()
    yes, no = ordered.sum(), (~ordered).sum()
    assert yes > 6_000 and no > 4_000
    assert len(np.unique(told)) > 1
    # Hanley & McNeil (1982): the error of an AUC of a half; ties only make it smaller.
    error = np.sqrt((yes + no + 1) / (12 * yes * no))
    assert abs(roc_auc_score(ordered, told) - 0.5) < 3 * error


def test_the_same_measure_finds_the_signal_of_the_default_shop(large: Tables) -> None:
    last = large["transactions"].group_by("customer_id").agg(last=pl.col("ordered_at").max())
    rows = last.join(large["truth/future"], on="customer_id")
    silence = rows.select((END - pl.col("last")).dt.total_seconds()).to_series().to_numpy()
    assert roc_auc_score(rows["orders_90d"].to_numpy() > 0, -silence) > 0.85


def test_everyone_has_the_chance_of_one_poisson_rate(alike: Tables) -> None:
    truth, future = alike["truth/customers"], alike["truth/future"]
    assert truth["alive"].all() and (truth["order_rate"] == 0.008).all()
    assert (truth["campaign_effect"] == 1).all()
    assert alike["truth/campaigns"]["effect"].to_list() == [1.0] * 13
    for days in (30, 90, 365):
        mean = 0.008 * days * tell_season(PLAN, PLAN.days, days)
        chance = 1 - np.exp(-mean)
        np.testing.assert_allclose(truth[f"p_order_{days}d"].to_numpy(), chance, rtol=1e-9)
        ordered = np.mean(future[f"orders_{days}d"].to_numpy() > 0)
        assert abs(ordered - chance) < 4 * np.sqrt(chance * (1 - chance) / 12_000)
        counted = future[f"orders_{days}d"].to_numpy()
        assert counted.var() == pytest.approx(mean, rel=0.06)  # Poisson: the mean is the variance
    np.testing.assert_allclose(truth["expected_orders_365d"].to_numpy(), mean, rtol=1e-9)


def test_tastes_prices_and_returns_are_the_same_for_all(alike: Tables) -> None:
    truth, lines = alike["truth/customers"], alike["transactions"]
    for column in ("expected_order_value", "order_value_variance", "expected_spend_365d"):
        assert truth[column].max() == pytest.approx(truth[column].min(), rel=1e-9)
    assert lines.filter(pl.col("amount") < 0).height == 0
    assert alike["customers"]["kind"].unique().to_list() == ["consumer"]
    tastes = (
        alike["truth/categories"]
        .group_by("category")
        .agg(pl.col("taste").min().alias("least"), pl.col("taste").max().alias("most"))
    )
    np.testing.assert_allclose(tastes["least"].to_numpy(), tastes["most"].to_numpy(), rtol=1e-9)
    shoes = tastes.filter(category="shoes")["least"].item()
    assert shoes == pytest.approx(0.14)


def test_the_plan_beside_the_data_says_so(folder: Path) -> None:
    planted = json.loads((folder / "truth/plan.json").read_text())
    assert planted["switches"] == {"signal": False, "season": True, "step_up": False}
    assert planted["alike"]["rate"] == 0.008


def test_a_step_up_in_a_shop_without_signal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A step up is a signal"):
        make_shop(tmp_path / "shop", Plan(10, 1, 1, signal=False, step_up=True))
