"""What docs/quality.md promises of a real shop."""

from datetime import UTC, datetime

import pytest

from contract.tables import find_tables
from features.gather import read_history
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
