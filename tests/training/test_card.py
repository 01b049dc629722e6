"""What the model card says, and what it must not leave out."""

import re

import pytest

from tests.training.versions import make_bundle
from training.card import read_grade, write_card


def figures(**values):
    return {n: {"value": v, "low": v - 0.02, "high": v + 0.02} for n, v in values.items()}


REPORT = {
    "target": "churn",
    "as_of": "2026-11-01",
    "best": "xgboost",
    "judged": {
        "moment": "2026-08-03",
        "customers": 12345,
        "refit_moments": ["2026-05-05", "2026-06-04"],
    },
    "registered": {"refit_moments": ["2026-05-05", "2026-06-04", "2026-08-03"]},
    "families": {
        "xgboost": figures(auc=0.81, log_loss=0.45, ece=0.03, brier=0.2),
        "logistic": figures(auc=0.79, log_loss=0.47, ece=0.03, brier=0.2),
    },
    "baselines": {"days_since_order": figures(auc=0.77, log_loss=0.5, ece=0.04, brier=0.2)},
    "log_loss_gain": figures(days_since_order=0.05),
    "dataset_sha256": "ab12",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def card(bundle):
    return write_card(REPORT, bundle)


def test_it_tells_what_is_foretold_and_of_whom(card):
    assert card.startswith("# churn: What the test bundle says of churn.\n")
    assert "The horizon is 90 days from the day" in card
    assert "whose `days_since_order` is known and at most 365." in card
    assert "0.950 of those who had ordered, 0.875 of those who never had." in card
    assert "Family: boosted, over 5 features." in card


def test_it_tells_the_data_by_period_customers_and_digest(card):
    told = " ".join(card.partition("## Data")[2].partition("##")[0].split())
    assert told == (
        "Learned from 3 moments between 2026-05-05 and 2026-08-03, as of 2026-11-01; judged on"
        " 12,345 customers at 2026-08-03, after learning from 2 moments before."
        " sha256 of all rows: `ab12`."
    )


def test_the_best_family_stands_beside_every_baseline_with_intervals(card):
    assert (
        "|  | auc | log_loss | ece |\n"
        "| --- | --- | --- | --- |\n"
        "| **xgboost** | 0.810 (0.790–0.830) | 0.450 (0.430–0.470) | 0.030 (0.010–0.050) |\n"
        "| days_since_order | 0.770 (0.750–0.790) | 0.500 (0.480–0.520) | 0.040 (0.020–0.060) |\n"
    ) in card
    assert "logistic" not in card
    assert "0.050 (0.030–0.070) less log loss than `days_since_order`." in card


def test_it_says_what_the_model_is_not_for(card):
    told = " ".join(card.partition("## What it is not for")[2].split())
    for words in (
        "a person's price, credit, insurance, work, or right to a service",
        "Days beyond its horizon of 90 days",
        "Customers for whom `eligible` is false",
    ):
        assert words in told


def test_a_grade_and_segments_are_told_where_the_report_has_them(card, bundle):
    assert "## Grade" not in card and "## By segment" not in card
    assert read_grade(REPORT) == ""
    segments = {
        "stage": {"new": {"customers": 40, **figures(auc=0.7)}, "old": figures(auc=0.9)},
        "all": {"customers": 100},
    }
    grade = {"letter": "B", "rule": "B: better than silence.", "reasons": ["+.02 over silence"]}
    graded = {**REPORT, "grade": grade, "segments": segments}
    told = write_card(graded, bundle)
    assert read_grade(graded) == "B"
    assert "## Grade B\nB: better than silence.\n\nFound:\n- +.02 over silence\n" in told
    assert (
        "## By segment\n"
        "| segment | customers | auc |\n"
        "| --- | --- | --- |\n"
        "| stage new | 40 | 0.700 (0.680–0.720) |\n"
        "| stage old |  | 0.900 (0.880–0.920) |\n"
        "| all | 100 |  |\n"
    ) in told


def test_a_card_of_other_figures_shows_those(bundle):
    ranking = figures(recall=0.3, ndcg=0.2)
    report = {**REPORT, "families": {"xgboost": ranking}, "baselines": {"popular": ranking}}
    assert re.search(r"^\| popular \| 0\.300 .+ \| 0\.200 .+ \|$", write_card(report, bundle), re.M)
