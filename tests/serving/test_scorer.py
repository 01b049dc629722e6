from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from contract.errors import BundleError
from serving.scorer import Scorer, days_until, find_stages

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def change(bundle, **told):
    return replace(bundle, manifest=bundle.manifest.model_copy(update=told))


def test_a_stage_is_told_by_the_days_since_the_last_order():
    silence = np.array([0.1, 365.0, 365.1, np.nan])
    assert list(find_stages(silence)) == ["active", "active", "lapsed", "prospect"]


def test_half_of_those_with_an_even_chance_have_ordered_by_the_horizon(scorer):
    bundle = change(scorer.bundles["next_purchase"], horizon_days=30, pace=0.8)
    assert days_until(0.5, np.array([0.5]), bundle)[0] == pytest.approx(30)
    # 1 - (1 - .75)^(d/30) = .5 where d is 15, at an even pace.
    even = change(bundle, pace=1.0)
    assert days_until(0.5, np.array([0.75]), even)[0] == pytest.approx(15)


def test_dates_go_no_further_than_five_years(scorer):
    bundle = scorer.bundles["next_purchase"]
    assert days_until(0.9, np.array([0.0, 1.0]), bundle)[0] == 1825
    assert days_until(0.9, np.array([0.0, 1.0]), bundle)[1] < 30


def test_a_model_trained_on_features_that_mean_something_else_is_refused(scorer):
    churn = scorer.bundles["churn"]
    with pytest.raises(BundleError, match="model of churn was trained on other features"):
        Scorer({"churn": change(churn, dictionary="0" * 64)})
    with pytest.raises(BundleError, match="model of churn was trained on other features"):
        Scorer({"churn": change(churn, inputs=("orders_17d",))})
