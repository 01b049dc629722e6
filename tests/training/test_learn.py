from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contract.errors import HistoryError
from contract.tables import Tables, find_tables
from features.gather import read_history
from training.families import BASELINES, FAMILIES
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS
from training.telling import tell_report

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = Asked(lambda step: None)


def test_the_report_judges_on_a_moment_no_stage_reached(learned_churn):
    judged = learned_churn.report["judged"]
    assert judged["moment"] == "2026-09-02"  # 60 days before as_of
    assert judged["calibrate_moment"] == "2026-07-04"
    assert max(judged["train_moments"]) == "2026-05-05"
    assert max(judged["refit_moments"]) == judged["calibrate_moment"]


def test_what_is_registered_is_refitted_on_the_judged_moment_too(learned_churn):
    registered = learned_churn.report["registered"]
    assert max(registered["refit_moments"]) == "2026-09-02"
    assert registered["moment"] == "2026-11-01"
    assert learned_churn.bundle.manifest.as_of == AS_OF


def test_every_family_and_baseline_has_every_figure_with_its_interval(learned_churn):
    report = learned_churn.report
    assert set(report["families"]) == {*FAMILIES, "blend"}
    assert set(FAMILIES) == {"xgboost", "hist_gradient_boosting", "logistic", "probability"}
    assert set(report["baselines"]) == set(BASELINES)
    figures = {"auc", "pr_auc", "log_loss", "brier", "ece", "lift_top_decile", "mean_ratio"}
    for metrics in [*report["families"].values(), *report["baselines"].values()]:
        assert figures <= set(metrics)
        assert all(m["low"] <= m["high"] for m in metrics.values())


def test_the_report_grades_the_best_family_and_says_why(learned_churn):
    grade = learned_churn.report["grade"]
    assert grade["letter"] in "ABC"
    gains = [r for r in grade["reasons"] if "in log loss over" in r and r.startswith("A")]
    assert len(gains) == len(BASELINES)
    assert len(grade["reasons"]) == len(BASELINES) + 3 + (grade["letter"] != "A") * (
        len(BASELINES) + 1
    )


def test_who_answers_is_told_in_the_bundle_and_the_report(learned_churn):
    manifest, report = learned_churn.bundle.manifest, learned_churn.report
    assert manifest.family == report["best"] == report["registered"]["family"]
    assert manifest.rung == report["rung"] == "full_model"
    assert manifest.rules == tuple(report["rules"])


def test_the_model_ranks_better_than_silence_on_an_invented_shop(learned_churn):
    report = learned_churn.report
    ours = report["families"][report["best"]]["log_loss"]["value"]
    silence, base = (
        report["baselines"][n]["log_loss"]["value"] for n in ("days_since_order", "base_rate")
    )
    assert ours < silence < base


def test_what_happened_at_or_after_as_of_changes_no_bit_of_what_is_learned(
    middle_shop, learned_churn
):
    lines = pl.read_parquet(middle_shop / "transactions.parquet")
    at = pl.col("ordered_at")
    moved = lines.filter(at >= (AS_OF - timedelta(days=40)).replace(tzinfo=None))
    later = moved.with_columns(at + timedelta(days=40), amount=pl.lit(1e6))
    tables = find_tables(str(middle_shop))
    sources = {**tables.sources, "transactions": pl.concat([lines, later])}
    poisoned = read_history(Tables(sources, tables.layout))
    again = learn(poisoned, TARGETS["churn"].over(60), AS_OF, QUIET)
    assert again.digest == learned_churn.digest
    assert again.bundle.manifest == learned_churn.bundle.manifest


def test_the_same_data_gives_the_same_model_twice(shop_history, learned_churn):
    again = learn(shop_history, TARGETS["churn"].over(60), AS_OF, QUIET)
    assert again.report == learned_churn.report


def test_the_bundle_says_its_grade_and_between_which_values_features_lay(learned_churn):
    manifest = learned_churn.bundle.manifest
    assert manifest.grade == learned_churn.report["grade"]["letter"]
    ranges = manifest.ranges
    silence = learned_churn.columns["days_since_order"]
    place = ranges.names.index("days_since_order")
    assert (ranges.least[place], ranges.most[place]) == (silence.min(), silence.max())
    assert set(ranges.names) <= set(manifest.inputs)
    assert not ranges.exceed(learned_churn.columns).any()


def test_each_segment_of_customers_has_percentiles_of_its_own(learned_churn):
    told = learned_churn.bundle.manifest.percentiles_in_stage
    assert set(told) == {"one_order", "few_orders", "many_orders"}, "churn speaks of no lapsed"
    for percentiles in told.values():
        assert len(percentiles) == 101 and (np.diff(percentiles) >= 0).all()
    everyone = learned_churn.bundle.manifest.percentiles
    assert min(p[0] for p in told.values()) == everyone[0]
    assert max(p[-1] for p in told.values()) == everyone[-1]


def test_the_percentiles_are_those_of_the_customers_scored_at_as_of(learned_churn):
    percentiles = np.array(learned_churn.bundle.manifest.percentiles)
    assert len(percentiles) == 101 and (np.diff(percentiles) >= 0).all()
    assert list(learned_churn.bundle.percentile(percentiles[[0, 50, 100]])) == [0, 50, 100]


def test_a_horizon_longer_than_the_history_holds_is_refused(shop_history):
    with pytest.raises(HistoryError, match="days of orders before 2026-11-01 are too few"):
        learn(shop_history, TARGETS["churn"].over(400), AS_OF, QUIET)


def test_as_of_before_the_first_order_is_refused(shop_history):
    with pytest.raises(HistoryError, match="no order before as_of"):
        learn(shop_history, TARGETS["churn"].over(60), datetime(2020, 1, 1, tzinfo=UTC), QUIET)


def test_the_report_for_people_shows_every_line(learned_churn):
    told = tell_report({**learned_churn.report, "version": "3"})
    assert [line.split()[0] for line in told.splitlines()[2:10]] == ["blend", *FAMILIES, *BASELINES]
    assert "patron-churn version 3, challenger" in told
