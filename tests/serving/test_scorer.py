from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.errors import BundleError
from contract.moments import as_micros
from features.told import Line, tell_history
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


def test_each_model_goes_by_its_own_norms(scorer):
    churn = scorer.bundles["churn"]
    later = churn.norms.model_copy(update={"as_of": AS_OF + timedelta(days=30)})
    mixed = Scorer({**scorer.bundles, "churn": replace(churn, norms=later)})
    assert [len(bundles) for _, bundles in scorer.shared] == [2]
    assert [len(bundles) for _, bundles in mixed.shared] == [1, 1]
    history = tell_history(["c"], [Line(0, as_micros(AS_OF) - 1, "A", 9.0)], [], [], [None], later)
    assert mixed.score(history, AS_OF).equals(scorer.score(history, AS_OF))


def test_only_the_targets_asked_for_are_answered(scorer):
    history = tell_history(["c"], [], [], [], [None], scorer.norms)
    (row,) = scorer.score(history, AS_OF, ["churn"]).to_pylist()
    assert row["churn_probability"] is not None
    assert row["next_purchase_probability"] is None
