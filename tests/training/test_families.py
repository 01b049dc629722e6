import numpy as np
import pandas as pd
import pytest

from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration
from contract.models import logistic
from contract.norms import Norms, Repeating
from features.dictionary import FEATURES
from training.families import BASELINES, FAMILIES, RULES
from training.families.linear import fit_terms
from training.families.scikit import HISTOGRAM, convert, fit_histogram
from training.ranks import place, rank_rows
from training.recipe import Fitted
from training.snapshots import Snapshots

KNOWN = {**FAMILIES, **RULES, **BASELINES}
MOMENT = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()
NORMS = {MOMENT: Norms(as_of=MOMENT, repeating=Repeating(r=0.5, alpha=10.0, a=0.8, b=2.4))}


def make_snapshots(rates=(0.2, 0.6), count=4000):
    """Two moments with base rates of their own; the outcome rises with log(1 + orders_ever)."""
    rng = np.random.default_rng(11)
    parts = []
    for moment, rate in enumerate(rates):
        rows = {name: rng.exponential(3.0, count) for name in FEATURES}
        rows["active_probability"] = rng.random(count)
        margin = np.log(rate / (1 - rate)) + np.log1p(rows["orders_ever"]) - 1.2
        outcome = (rng.random(count) < logistic(margin)).astype(float)
        parts.append(pd.DataFrame({**rows, "as_of_us": moment, "outcome": outcome}))
    return Snapshots(pd.concat(parts, ignore_index=True), 30, NORMS)


@pytest.fixture(scope="module")
def snapshots():
    return make_snapshots()


def test_each_snapshot_has_its_own_base_rate(snapshots):
    first, last = snapshots.base_rate[0], snapshots.base_rate[-1]
    assert first == snapshots.outcome[:4000].mean() and last == snapshots.outcome[4000:].mean()
    assert first < 0.3 and last > 0.5


@pytest.mark.parametrize("name", KNOWN)
def test_the_base_rate_moves_the_probability_with_it(name, snapshots):
    model = place(KNOWN[name].fit(snapshots, KNOWN[name].usual[0]), snapshots)
    low, high = (
        logistic(model.margin(snapshots.columns, np.log(r / (1 - r)))).mean() for r in (0.2, 0.6)
    )
    # BG/NBD is drawn from columns here that say nothing of the outcome, and spreads widely.
    near = 0.12 if name == "probability" else 0.06
    assert (low, high) == (pytest.approx(0.2, abs=near), pytest.approx(0.6, abs=near))


@pytest.mark.parametrize("name", KNOWN)
def test_a_family_says_the_same_twice_and_for_a_row_alone(name, snapshots):
    part = Snapshots(snapshots.rows.iloc[:600], 30, NORMS)
    models = [place(KNOWN[name].fit(part, KNOWN[name].usual[0]), part) for _ in range(2)]
    said = [m.margin(part.columns, -1.0) for m in models]
    assert said[0].tolist() == said[1].tolist()
    alone = models[0].margin({n: v[7:8] for n, v in part.columns.items()}, -1.0)
    assert alone.tolist() == said[0][7:8].tolist()


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.search])
def test_what_is_searched_holds_the_usual_settings(name):
    import optuna

    family = FAMILIES[name]
    study = optuna.create_study()
    for settings in family.usual:
        study.enqueue_trial(dict(settings))
    told = [family.search(study.ask()) for _ in family.usual]
    assert told == [dict(settings) for settings in family.usual]


def test_trees_of_scikit_learn_say_the_same_as_xgboost():
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 6)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:, 5] = rng.integers(0, 3, 3000)  # ties, and thresholds between them
    outcome = np.nan_to_num(rows[:, 0]) + rows[:, 5] + rng.normal(size=3000) > 1
    learner = HistGradientBoostingClassifier(max_iter=40, max_depth=5, early_stopping=False)
    learner.fit(rows, outcome)
    converted = convert(learner, 6)
    said = converted.inplace_predict(rows, predict_type="margin")
    assert said == pytest.approx(learner.decision_function(rows), abs=1e-5)
    alone = [
        converted.inplace_predict(rows[n : n + 1], predict_type="margin")[0] for n in range(50)
    ]
    assert alone == said[:50].tolist()


def test_weights_in_place_of_an_offset_learn_what_lies_beyond_the_base_rate(snapshots):
    model = place(fit_histogram(snapshots, HISTOGRAM[0]), snapshots)
    for part in snapshots.split():
        base = np.log(part.outcome.mean() / (1 - part.outcome.mean()))
        assert logistic(model.margin(part.columns, base)).mean() == pytest.approx(
            part.outcome.mean(), abs=0.03
        )


def test_ranks_are_the_same_wherever_everybody_buys_twice_as_much():
    rows = pd.DataFrame({"as_of_us": np.repeat([0, 1], 200), "spend": np.arange(400.0) % 200})
    rows.loc[200:, "spend"] *= 2
    rows["outcome"] = 0.0
    ranks = rank_rows(Snapshots(rows, 30), ("spend",))
    assert ranks[:200].tolist() == ranks[200:].tolist()
    assert ranks[[0, 100, 199], 0] == pytest.approx([0, 0.5, 1], abs=1 / 64)


def test_what_is_missing_has_no_rank_and_ties_share_theirs():
    rows = pd.DataFrame({"as_of_us": 0, "orders": [0.0] * 60 + [np.nan] * 20 + [5.0] * 20,
                         "never": np.nan, "outcome": 0.0})  # fmt: skip
    ranks = rank_rows(Snapshots(rows, 30), ("orders", "never"))
    # Of 80 known customers, three quarters tie at 0: half of them lie below, on the mean.
    assert ranks[0, 0] == pytest.approx(0.375, abs=1 / 64)
    assert ranks[-1, 0] == pytest.approx(0.875, abs=1 / 64)
    assert np.isnan(ranks[60:80, 0]).all() and np.isnan(ranks[:, 1]).all()


def test_a_cell_is_drawn_towards_the_base_rate():
    # 90 customers with one order, silent for long; 30 of them came true, of all 180 a half.
    rows = pd.DataFrame({"as_of_us": 0, "days_since_order": [300.0] * 90 + [5.0] * 90,
                         "orders_ever": 1.0, "outcome": [1.0] * 30 + [0.0] * 60 + [1.0] * 60
                         + [0.0] * 30})  # fmt: skip
    model = RULES["rfm_rule"].fit(Snapshots(rows, 30), {})
    told = logistic(model.margin(Snapshots(rows, 30).columns, 0.0))
    assert told[0] == pytest.approx((30 + 20 * 0.5) / (90 + 20))
    assert told[-1] == pytest.approx((60 + 20 * 0.5) / (90 + 20))


def test_a_probability_model_looks_the_way_the_outcome_does(snapshots):
    rows = snapshots.rows.iloc[4000:].copy()
    came = rows["active_probability"] > 0.6
    ordering = Snapshots(rows.assign(outcome=came.astype(float)), 30, NORMS)
    leaving = Snapshots(rows.assign(outcome=(~came).astype(float)), 30, NORMS)
    fit = FAMILIES["probability"].fit
    assert (fit(ordering, {}).sign, fit(leaving, {}).sign) == (1, -1)


def test_a_shop_without_a_probability_model_says_the_base_rate(snapshots):
    bare = Snapshots(snapshots.rows, 30, {MOMENT: Norms(as_of=MOMENT)})
    model = FAMILIES["probability"].fit(bare, {})
    assert logistic(model.margin(bare.columns, 0.0)) == pytest.approx(0.5)


def test_the_planted_coefficient_is_found():
    model = fit_terms(make_snapshots(count=20_000), (("orders_ever",),))
    assert model.coefficients[0] == pytest.approx(1.0, abs=0.06)


def test_the_base_rate_model_says_the_base_rate(snapshots):
    model = BASELINES["base_rate"].fit(snapshots, {})
    assert logistic(model.margin(snapshots.columns, 0.0)) == pytest.approx(0.5)
    assert model.inputs == ()


def test_folding_the_calibration_into_a_logistic_model_changes_no_probability(snapshots):
    told = Calibration(slope=1.3, intercept=-0.2)
    model = FAMILIES["logistic"].fit(snapshots, {"C": 1.0})
    assert isinstance(model, Logistic)
    fitted = Fitted(model, calibration=told, base_rate=BaseRate(share=0.3, low=0.2, high=0.4))
    margin = fitted.fold().margin(snapshots.columns, np.log(0.3 / 0.7))
    assert logistic(margin) == pytest.approx(fitted.probability(snapshots), abs=1e-12)
