"""Every family that may answer is shared out whole: what it starts from and each feature's part."""

from dataclasses import replace

import numpy as np
import pytest

from contract.forms import Blend
from contract.models import log_odds
from contract.moments import as_micros
from contract.segments import SEGMENTS, find_segments
from contract.shapley import find_usual
from contract.shares import Given, list_compared, share_chance, share_form, share_model
from contract.worth import Trust, begin, tell_parts
from contract.worth_shares import share_worth
from features.choosing import frame_pairs
from features.compute import compute
from tests.training.conftest import AS_OF, QUIET
from tests.training.test_families import KNOWN, make_snapshots
from training.learn import learn
from training.ranks import place
from training.snapshots import Snapshots
from training.targets import TARGETS

EXACT = 1e-6
FEW = ("days_since_order", "orders_ever", "order_days", "customer_age_days", "active_probability")


@pytest.fixture(scope="module")
def snapshots() -> Snapshots:
    return make_snapshots(count=900)


@pytest.fixture(scope="module")
def fitted(snapshots):
    return {
        name: place(family.fit(snapshots, family.usual[0]), snapshots)
        for name, family in KNOWN.items()
    }


def share(model, snapshots):
    usual = find_usual(snapshots.columns, list_compared(model))
    base = np.full(len(snapshots.outcome), -1.0)
    return share_form(model, Given(snapshots.columns, base, usual))


@pytest.mark.parametrize("name", [*KNOWN, "blend"])
def test_shares_add_up_to_what_is_told_of_every_row(name, snapshots, fitted):
    blended = Blend((fitted["xgboost"], fitted["hist_gradient_boosting"], fitted["logistic"]),
                    (0.5, 0.3, 0.2))  # fmt: skip
    model = blended if name == "blend" else fitted[name]
    shares = share(model, snapshots)
    assert shares.told == pytest.approx(model.margin(snapshots.columns, -1.0), abs=EXACT)
    # What trees round off lies in the start, and is far below what anybody reads.
    assert np.ptp(shares.start) < 1e-5


def test_shares_of_trees_are_those_of_xgboost(snapshots, fitted):
    import xgboost

    for name in ("xgboost", "hist_gradient_boosting"):
        model = fitted[name]
        told = model.booster.predict(
            xgboost.DMatrix(model.rows(snapshots.columns), missing=np.nan), pred_contribs=True
        )
        assert share(model, snapshots).added == pytest.approx(told[:, :-1], abs=1e-5)


def test_a_learned_bundle_is_shared_out_whole(learned_churn, shop_history):
    bundle = learned_churn.bundle
    columns = compute(shop_history, {learned_churn.as_of: bundle.norms}, bundle.reads).columns
    eligible = bundle.manifest.eligible.holds(columns)
    assert bundle.manifest.family == "blend" and eligible.sum() > 300 and (~eligible).any()
    assert set(bundle.manifest.usual) >= {"days_since_order", "orders_365d", "active_probability"}
    shares = share_chance(bundle, columns)
    told = log_odds(bundle.probability(columns))
    assert shares.told[eligible] == pytest.approx(told[eligible], abs=EXACT)


@pytest.mark.parametrize("rule", ["rfm_rule", "probability", "days_since_order", "prior"])
def test_where_a_rule_answers_the_rule_is_shared_out(rule, learned_churn, snapshots, fitted):
    facts = {"rules": ("one_order", "lapsed"), "usual": find_usual(snapshots.columns, FEW)}
    bundle = replace(
        learned_churn.bundle,
        manifest=learned_churn.bundle.manifest.model_copy(update=facts),
        rules={"one_order": fitted[rule], "lapsed": fitted["days_since_order"]},
    )
    columns = snapshots.columns
    shares = share_chance(bundle, columns)
    eligible = bundle.manifest.eligible.holds(columns)
    assert eligible.all()
    assert shares.told == pytest.approx(log_odds(bundle.probability(columns)), abs=EXACT)
    ruled = find_segments(columns) == SEGMENTS.index("one_order")
    assert 20 < ruled.sum() < len(ruled)
    moved = {n for n, c in zip(shares.names, shares.added[ruled].T, strict=True) if c.any()}
    assert moved <= set(fitted[rule].inputs)


def test_of_whom_the_target_does_not_speak_the_silence_is_the_whole_reason(
    learned_churn, shop_history
):
    bundle = learned_churn.bundle
    columns = compute(shop_history, {learned_churn.as_of: bundle.norms}, bundle.reads).columns
    shares, manifest = share_chance(bundle, columns), bundle.manifest
    others = ~manifest.eligible.holds(columns)
    prospect = np.isnan(columns["days_since_order"][others])
    prior = np.where(prospect, manifest.priors.prospect, manifest.priors.lapsed)
    assert shares.told[others] == pytest.approx(log_odds(prior), abs=1e-12)
    moved = {n for n, c in zip(shares.names, shares.added[others].T, strict=True) if c.any()}
    assert moved == {"days_since_order"}


@pytest.fixture(scope="module")
def learned_worth(shop_history):
    return learn(shop_history, TARGETS["lifetime_value"], AS_OF, QUIET).bundle


def grow_parts(bundle, fitted):
    """Return the bundle with trees and cells in its parts, of which it trusts some seven tenths."""
    trust = Trust(chance=0.7, orders=0.6, value=0.8)
    worth = bundle.manifest.worth.model_copy(update={"trust": trust})
    return replace(
        bundle,
        manifest=bundle.manifest.model_copy(update={"worth": worth}),
        model=fitted["xgboost"],
        parts={"orders": fitted["hist_gradient_boosting"], "value": fitted["rfm_rule"]},
    )


@pytest.mark.parametrize("grown", [False, True], ids=["as learned", "with trees"])
def test_the_parts_of_a_worth_are_shared_out_whole(grown, learned_worth, shop_history, fitted):
    bundle = grow_parts(learned_worth, fitted) if grown else learned_worth
    worth = bundle.manifest.worth
    columns = compute(shop_history, {AS_OF: bundle.norms}).columns
    eligible = bundle.manifest.eligible.holds(columns)
    assert worth.start == "probability" and eligible.sum() > 300
    begun = begin(worth.start, bundle.norms, columns, worth.span_days)
    models = {"chance": bundle.model, **bundle.parts}
    with np.errstate(divide="ignore", invalid="ignore"):
        told = tell_parts(models, columns, (begun, worth.trust))
    shares = share_worth(bundle, columns)
    chance = log_odds(told.chance) + worth.over_span.chance
    assert shares["chance"].told[eligible] == pytest.approx(chance[eligible], abs=EXACT)
    value = np.log(told.value) + worth.over_span.value
    assert shares["value"].told[eligible] == pytest.approx(value[eligible], abs=EXACT)
    several = eligible & (told.orders > 1)  # who orders does so once at least: that is no sum
    assert several.sum() > 100
    orders = np.log(told.orders)
    assert shares["orders"].told[several] == pytest.approx(orders[several], abs=EXACT)
    assert all(np.ptp(own.start[eligible]) < 1e-5 for own in shares.values())
    assert set(bundle.manifest.usual) >= {"order_days", "expected_order_value"}


def test_the_first_category_of_each_customer_is_shared_out_whole(shop_history):
    learned = learn(shop_history, TARGETS["cross_sell"].over(60), AS_OF, QUIET)
    bundle = learned.bundle
    seen = shop_history.assume(bundle.norms.products).before(as_micros(AS_OF))
    seen = seen.choose(seen.known(as_micros(AS_OF)))
    customers = compute(seen, {AS_OF: bundle.norms}, bundle.reads).columns
    pairs, held = frame_pairs(bundle, seen, as_micros(AS_OF), customers)
    assert held.sum() > 1000 and set(list_compared(bundle.model)) <= set(bundle.manifest.usual)
    told = log_odds(bundle.probability(pairs))
    assert share_model(bundle, pairs).told == pytest.approx(told, abs=EXACT)
