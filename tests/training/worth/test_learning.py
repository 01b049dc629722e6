"""Lifetime value end to end on an invented shop: judged, bundled, held to the gate, registered."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest

from contract.champions import fetch_champion
from contract.errors import HistoryError
from contract.moments import as_micros
from contract.registry import open_registry
from contract.tables import Tables, find_tables
from features.compute import compute
from features.gather import read_history
from features.timeline import CUSTOMER
from serving.scorer import Scorer
from shop import Plan, make_shop
from training.card import write_card
from training.horizons import find_horizon
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS
from training.telling import tell_report
from training.train import Books, train
from training.worth import gate

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = Asked(lambda step: None)
WORTH = TARGETS["lifetime_value"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop with customers enough for the full model half a year before."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder, Plan(customers=1100, months=18, seed=7))
    return folder


@pytest.fixture(scope="module")
def history(shop):
    return read_history(find_tables(str(shop)))


@pytest.fixture(scope="module")
def learned(history):
    return learn(history, WORTH, AS_OF, QUIET)


def test_parts_are_learned_over_a_span_and_answer_over_the_horizon(learned):
    report, manifest = learned.report, learned.bundle.manifest
    assert (report["horizon_days"], report["span_days"]) == (365, 120)
    assert (manifest.horizon_days, manifest.worth.span_days) == (365, 120)
    assert report["judged"]["moment"] == "2026-07-04"  # 120 days before as_of
    assert max(report["judged"]["refit_moments"]) == "2026-03-06"
    assert max(report["registered"]["refit_moments"]) == "2026-07-04"
    assert report["rung"] == manifest.rung == "full_model"


def test_every_family_and_baseline_has_every_figure_with_its_interval(learned):
    report = learned.report
    assert set(report["families"]) == {"parts", "probability"}
    assert set(report["baselines"]) == {"status_quo", "probability", "prior"}
    for metrics in [*report["families"].values(), *report["baselines"].values()]:
        assert {"normalised_gini", "top_decile_share", "total_bias", "rmse"} <= set(metrics)
        assert all(m["low"] <= m["high"] for m in metrics.values())
    json.dumps(report, allow_nan=False)


def test_it_ranks_better_than_spend_carried_on(learned):
    gain = learned.report["gini_gain"]["status_quo"]
    assert gain["low"] > 0
    ours = learned.report["families"][learned.report["best"]]["normalised_gini"]["value"]
    assert 0.8 < ours < 0.98


def test_the_range_holds_eight_in_ten_or_more(learned):
    assert learned.report["range"]["in_range"]["high"] > 0.8


def test_every_customer_gets_parts_that_make_the_whole_within_a_range(learned, history):
    rows = Scorer({"lifetime_value": learned.bundle}).score(history, AS_OF).to_pandas()
    assert not rows.filter(like="lifetime").isna().any().any()
    parts = rows["lifetime_value_order_probability"] * rows["lifetime_value_orders_if_any"]
    assert parts.to_numpy() == pytest.approx(rows["lifetime_value_expected_orders"].to_numpy())
    assert (rows["lifetime_value_low"] <= rows["predicted_lifetime_value"]).all()
    assert (rows["predicted_lifetime_value"] <= rows["lifetime_value_high"]).all()
    assert (rows["predicted_lifetime_value"] >= 0).all()
    active = rows[rows["stage"] == "active"]
    lapsed = rows[rows["stage"] == "lapsed"]
    assert active["predicted_lifetime_value"].mean() > lapsed["predicted_lifetime_value"].mean()


def test_the_gate_asks_for_signal_total_leaks_and_nothing_from_shuffled_worths(learned):
    checks = {c["name"]: c for c in learned.report["gate"]["checks"]}
    assert list(checks) == [
        "signal",
        "normalised Gini",
        "total",
        "leaks",
        "poisoned future",
        "shuffled outcomes",
    ]
    assert checks["signal"]["passed"] and checks["shuffled outcomes"]["passed"]


def test_what_happened_at_or_after_as_of_changes_no_bit_of_what_is_learned(shop, learned):
    lines = pl.read_parquet(shop / "transactions.parquet")
    at = pl.col("ordered_at")
    moved = lines.filter(at >= (AS_OF - timedelta(days=40)).replace(tzinfo=None))
    later = moved.with_columns(at + timedelta(days=40), amount=pl.lit(1e6))
    tables = find_tables(str(shop))
    sources = {**tables.sources, "transactions": pl.concat([lines, later])}
    again = learn(read_history(Tables(sources, tables.layout)), WORTH, AS_OF, QUIET)
    assert again.digest == learned.digest
    assert again.bundle.manifest == learned.bundle.manifest
    assert again.report == learned.report


def test_few_customers_are_told_by_the_probability_models(history):
    few = history.choose(np.arange(len(history)) < 250)
    learned = learn(few, WORTH, AS_OF, QUIET)
    assert learned.report["rung"] == learned.bundle.manifest.rung == "probability_model"
    assert learned.bundle.manifest.family == "probability"
    assert set(learned.report["gini_gain"]) == {"status_quo", "prior"}


def test_fewer_are_told_by_a_table_and_a_handful_by_the_mean(history):
    def rung(customers):
        some = history.choose(np.arange(len(history)) < customers)
        learned = learn(some, WORTH, AS_OF, QUIET)
        rows = Scorer({"lifetime_value": learned.bundle}).score(some, AS_OF).to_pandas()
        assert not rows.filter(like="lifetime").isna().any().any()
        return learned.report["rung"]

    assert rung(60) == "rfm_rule"
    assert rung(12) == "prior"


def test_a_shop_of_one_customer_gets_an_answer_and_no_grade(history):
    seen = history.choose(np.arange(len(history)) < 1)
    first = datetime.fromtimestamp(seen.find_first_order() / 1e6, UTC)
    learned = learn(seen, WORTH, first + timedelta(days=900), QUIET)
    assert (learned.report["rung"], learned.report["grade"]["letter"]) == ("prior", "C")
    (row,) = Scorer({"lifetime_value": learned.bundle}).score(seen, AS_OF).to_pylist()
    assert row["predicted_lifetime_value"] >= 0 and row["lifetime_value_rung"] == "prior"


def test_the_horizon_is_its_own_and_words_come_from_before_all_that_is_judged(history):
    seen = history.before(as_micros(AS_OF))
    found = find_horizon(seen, WORTH, AS_OF)
    assert (found.horizon_days, found.judged_days) == (365, 120)  # 18 months: no year is judged
    assert TARGETS["churn"].over(60).judged_days == 60


def test_a_history_too_short_for_thirty_days_is_refused(history):
    first = history.find_first_order()
    early = datetime.fromtimestamp(first / 1e6, UTC) + timedelta(days=100)
    with pytest.raises(HistoryError, match="are too few for a horizon of 30 days"):
        learn(history, WORTH, early, QUIET)
    with pytest.raises(HistoryError, match="are too few for a horizon of 30 days"):
        find_horizon(history.before(as_micros(early)), WORTH, early)


def test_a_shorter_horizon_is_learned_over_itself(history):
    learned = learn(history, WORTH.over(60), AS_OF, QUIET)
    worth = learned.bundle.manifest.worth
    assert (worth.span_days, worth.horizon_days) == (60, 60)
    assert learned.report["horizon"] == {}


def test_a_champion_is_told_over_the_judged_days(history, learned):
    """The bundle as it was judged says of the judged customers what the report judged."""
    champion = replace(learned.early, version="7")
    again = learn(history, WORTH, AS_OF, Asked(lambda step: None, champions=(champion,)))
    checks = {c["name"]: c for c in again.report["gate"]["checks"]}
    assert again.report["gate"]["champion"] == "7"
    assert "over champion 7 0.0000" in checks["champion"]["found"]
    assert checks["stability"]["found"] == "0% of customers change their third"
    assert checks["champion"]["passed"] and checks["stability"]["passed"]


def test_a_champion_of_another_horizon_is_no_rival(history, learned):
    manifest = learned.early.manifest.model_copy(update={"horizon_days": 90})
    other = replace(learned.early, manifest=manifest, version="7")
    again = learn(history, WORTH, AS_OF, Asked(lambda step: None, champions=(other,)))
    assert again.report["gate"]["champion"] == ""


def test_thirds_are_by_rank():
    assert gate.find_thirds(np.array([5.0, 1.0, 3.0, 2.0, 9.0, 7.0])).tolist() == [1, 0, 1, 0, 2, 2]


def test_a_gini_is_1_for_the_best_order_and_minus_1_for_the_worst():
    came = np.array([0.0, 1, 2, 3])
    assert gate.find_gini(came, came) == pytest.approx(1)
    assert gate.find_gini(came, -came) == pytest.approx(-1)
    assert gate.find_gini(np.zeros(4), came) == 0


def test_the_report_and_the_card_speak_of_money(learned):
    told = tell_report({**learned.report, "version": "3"})
    assert "lifetime_value: 120 days from 2026-07-04" in told
    assert [line.split()[0] for line in told.splitlines()[2:6]] == [
        "parts",
        "probability",
        "status_quo",
        "prior",
    ]
    card = write_card(learned.report, learned.bundle)
    assert "`predicted` is: what a customer who has ordered before spends" in card
    assert "| normalised_gini | top_decile_share |" in card
    assert "more normalised Gini than `status_quo`" in card


def test_it_is_trained_registered_promoted_and_serves(history, new_home, tmp_path):
    settings = new_home()
    registry = open_registry(settings)
    asked = [TARGETS["churn"].over(60), WORTH]
    report = train(history, asked, AS_OF, Books(settings, registry), lambda step: None)
    part = report["targets"]["lifetime_value"]
    metrics = registry.client.get_run(part["run_id"]).data.metrics
    assert metrics["normalised_gini"] == part["families"][part["best"]]["normalised_gini"]["value"]
    assert metrics["status_quo.rmse"] == part["baselines"]["status_quo"]["rmse"]["value"]
    folder = registry.client.download_artifacts(part["run_id"], "figures", str(tmp_path))
    assert folder and (tmp_path / "figures" / "deciles.png").read_bytes()[:4] == b"\x89PNG"
    registry.promote("lifetime_value", despite=True, reason="a test")
    served, early = fetch_champion(registry, "lifetime_value")
    assert (served.version, early.manifest.as_of) == ("1", datetime(2026, 7, 4, tzinfo=UTC))
    rows = Scorer({"lifetime_value": served}).score(history, AS_OF).to_pandas()
    assert rows[CUSTOMER].nunique() == len(history)
    assert rows["predicted_lifetime_value"].notna().all()
    loaded = mlflow.pyfunc.load_model("models:/patron-lifetime_value@champion")
    known = history.assume(served.norms.products)
    features = compute(known, {AS_OF: served.norms}, served.reads)
    predicted = loaded.predict(pd.DataFrame(features.columns))
    for name, column in (("predicted", "predicted_lifetime_value"),
                         ("historic", "lifetime_value_historic")):  # fmt: skip
        assert predicted[name].round(2).to_numpy() == pytest.approx(rows[column].to_numpy())


def test_worths_are_judged_by_kinds_of_customers(learned):
    segments = learned.report["segments"]
    assert sum(s["customers"] for s in segments.values()) <= learned.report["judged"]["customers"]
    for found in segments.values():
        assert found["best_baseline"] in ("status_quo", "probability", "prior")
        assert found["rule_wins"] == (found["gain"]["high"] < 0)
        assert found["grade"] in "ABC"
    inside = {name: s["customers"] * s["mean_observed"]["value"] for name, s in segments.items()}
    whole = learned.report["families"][learned.report["best"]]["mean_observed"]["value"]
    assert sum(inside.values()) == pytest.approx(
        whole * learned.report["judged"]["customers"], rel=0.02
    )
