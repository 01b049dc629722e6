from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.errors import BundleError
from contract.moments import as_micros
from features.told import Line, tell_history
from serving.chances import find_stages
from serving.scorer import Scorer

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def change(bundle, **told):
    return replace(bundle, manifest=bundle.manifest.model_copy(update=told))


def test_a_stage_is_told_by_the_days_since_the_last_order():
    silence = np.array([0.1, 365.0, 365.1, np.nan])
    assert list(find_stages(silence)) == ["active", "active", "lapsed", "prospect"]


def test_who_has_left_gets_a_stage_and_no_churn(scorer):
    lines = [Line(0, as_micros(AS_OF - timedelta(days=400)), "A", 9.0)]
    history = tell_history(["c", "d"], lines, [], [], [None, None], scorer.norms)
    lapsed, prospect = scorer.score(history, AS_OF).to_pylist()
    assert (lapsed["stage"], prospect["stage"]) == ("lapsed", "prospect")
    for row in (lapsed, prospect):
        assert {v for n, v in row.items() if n.startswith("churn_")} == {None}
    assert lapsed["next_purchase_probability"] == 0.95
    assert prospect["next_purchase_probability"] == 0.875
    assert prospect["next_purchase_rung"] == "prior"


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
    (row,) = scorer.score(history, AS_OF, ["next_purchase"]).to_pylist()
    assert row["next_purchase_probability"] is not None
    assert row["churn_probability"] is None
    (row,) = scorer.score(history, AS_OF, ["churn"]).to_pylist()
    assert row["next_purchase_probability"] is None


def stage(bundle, **percentiles):
    told = {name: tuple(np.linspace(*ends, 101).tolist()) for name, ends in percentiles.items()}
    return change(bundle, percentiles_in_stage=told)


def test_a_customer_is_placed_among_those_who_order_as_often(scorer):
    """Of three customers alike but for their orders, each is told a place in its own stage."""
    staged = Scorer(
        {
            "next_purchase": stage(
                scorer.bundles["next_purchase"], one_order=(0, 0.5), few_orders=(0.2, 0.8)
            )
        }
    )

    def line(customer, order, days=20):
        return Line(customer, as_micros(AS_OF - timedelta(days=days)), order, 9.0)

    lines = [line(0, "A"), line(1, "A"), line(1, "B"), *(line(2, f"{n}") for n in range(6)),
             line(3, "A", 400)]  # fmt: skip
    history = tell_history(["a", "b", "c", "d"], lines, [], [], [None] * 4, scorer.norms)
    one, few, many, lapsed = staged.score(history, AS_OF).to_pylist()
    within = "next_purchase_percentile_in_stage"
    assert one[within] == int(one["next_purchase_probability"] / 0.5 * 100)
    assert few[within] == int((few["next_purchase_probability"] - 0.2) / 0.6 * 100)
    assert 0 < one[within] < 100 and 0 < few[within] < 100
    assert many[within] is None, "no customer of six orders was scored at registration"
    assert lapsed[within] is None, "all who lapsed get the same"
    (plain, *_) = scorer.score(history, AS_OF).to_pylist()
    assert plain[within] is None, "an older bundle knows no stages"
    assert plain["next_purchase_percentile"] == one["next_purchase_percentile"]


def test_staleness_is_of_the_model_that_learned_longest_ago(scorer):
    churn = scorer.bundles["churn"]
    older = change(churn, as_of=AS_OF - timedelta(days=40, hours=5))
    mixed = Scorer({**scorer.bundles, "churn": older})
    history = tell_history(["c"], [], [], [], [None], scorer.norms)

    def stale(scorer, *targets, as_of=AS_OF):
        return scorer.score(history, as_of, targets).to_pylist()[0]["staleness_days"]

    assert stale(scorer) == 0
    assert stale(mixed) == 40
    assert stale(mixed, "next_purchase") == 0
    assert stale(scorer, as_of=AS_OF + timedelta(days=7)) == 7
    assert stale(scorer, as_of=AS_OF - timedelta(days=7)) == 0
