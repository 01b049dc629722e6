"""What docs/quality.md promises of a real shop, and what is known of an invented one."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import shop
from contract.tables import find_tables
from features.gather import read_history
from serving.scorer import Scorer
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS

QUIET = Asked(lambda step: None)
CASES = [("2011-08-30", 90, 0.80), ("2011-08-31", 30, 0.82)]


@pytest.fixture(scope="module", params=CASES, ids=["90 days from 2011-06-01", "30 from 2011-08-01"])
def real(request, shared_data):
    as_of, horizon, least_auc = request.param
    tables = find_tables(str(shared_data / "online_retail_ii"), "online_retail_ii")
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    learned = learn(read_history(tables), TARGETS["churn"].over(horizon), moment, QUIET)
    return learned.report, least_auc


def test_the_real_shop_is_judged_on_the_customers_active_in_the_year_before(real):
    report, _ = real
    assert report["judged"]["customers"] in (4324, 4326)


def test_probabilities_on_the_real_shop_rank_and_are_true(real):
    report, least_auc = real
    best = report["families"][report["best"]]
    assert best["auc"]["value"] > least_auc
    assert best["ece"]["value"] < 0.05
    assert best["mean_ratio"]["value"] == pytest.approx(1.0, abs=0.05)


def test_every_baseline_is_beaten_on_the_real_shop_with_an_interval_above_0(real):
    report, _ = real
    assert set(report["log_loss_gain"]) == {"base_rate", "days_since_order", "order_count"}
    assert all(gain["low"] > 0.01 for gain in report["log_loss_gain"].values())


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Churn learned on an invented shop and foretold for the 90 days after its end."""
    folder = tmp_path_factory.mktemp("planted")
    shop.make_shop(folder, shop.Plan(customers=3000, months=30, seed=3))
    history, as_of = read_history(find_tables(str(folder))), datetime(2026, 11, 1, tzinfo=UTC)
    learned = learn(history, TARGETS["churn"].over(90), as_of, QUIET)
    answers = pl.from_arrow(Scorer({"churn": learned.bundle}).score(history, as_of))
    truth = pl.read_parquet(folder / "truth" / "customers.parquet")
    future = pl.read_parquet(folder / "truth" / "future.parquet")
    joined = answers.join(truth, on="customer_id").join(future, on="customer_id")
    return joined.filter(pl.col("stage") == "active")


def test_the_model_finds_the_planted_probability_better_than_silence_does(scored):
    def error(column):
        return float(((1 - pl.Series(scored[column])) - scored["p_order_90d"]).pow(2).mean())

    assert error("churn_probability") < 0.85 * error("churn_baseline")


def test_customers_who_left_are_ranked_above_those_who_stay(scored):
    left = scored.filter(~pl.col("alive"))["churn_probability"].to_numpy()
    alive = scored.filter(pl.col("alive"))["churn_probability"].to_numpy()
    wins = (left[:, None] > alive[None, :]).mean()
    assert min(len(left), len(alive)) > 300
    assert wins > 0.85


def test_a_high_band_churns_more_often_than_a_medium_and_that_than_a_low(scored):
    came = scored.with_columns(churned=pl.col("orders_90d") == 0)
    shares = dict(came.group_by("churn_band").agg(pl.col("churned").mean()).rows())
    assert shares["high"] > 0.9
    assert shares["high"] > shares["medium"] + 0.1 > shares["low"] + 0.3
    assert np.isfinite(list(shares.values())).all()
