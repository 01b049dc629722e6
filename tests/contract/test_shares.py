from itertools import permutations

import numpy as np
import pytest
import xgboost

from contract.cutting import cut_boughs
from contract.linear import Logistic
from contract.manifest import Manifest
from contract.plain import Cells, Repeating
from contract.shapley import find_usual, split, stand_in
from contract.shares import Given, share_form
from tests.serving.choices import make_choice

ROWS = 200


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(5)
    told = {
        "days_since_order": rng.gamma(2, 40, ROWS),
        "orders_ever": rng.poisson(4, ROWS).astype(float),
        "order_days": rng.poisson(4, ROWS).astype(float),
        "customer_age_days": rng.gamma(2, 200, ROWS),
        "active_probability": rng.random(ROWS),
    }
    told["days_since_order"][:20] = np.nan
    return told


def grow(depth, trees, **more):
    rng = np.random.default_rng(depth)
    rows = rng.normal(size=(1500, 12)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:, 3] = rng.integers(0, 3, len(rows))
    known = np.nan_to_num(rows)
    came = known[:, 0] + known[:, 1] * known[:, 3] + rng.normal(size=len(rows)) > 0.5
    words = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": 7}
    return xgboost.train(words | more, xgboost.DMatrix(rows, came), trees), rows[:300]


@pytest.mark.parametrize(
    ("depth", "more"),
    [(1, {}), (2, {}), (3, {}), (4, {"num_parallel_tree": 3, "subsample": 0.5}), (5, {}),
     (6, {}), (3, {"grow_policy": "lossguide", "max_leaves": 6}), (9, {"eta": 1.0})],
)  # fmt: skip
def test_trees_are_shared_out_as_xgboost_shares_them(depth, more):
    booster, rows = grow(depth, 15, **more)
    boughs = cut_boughs(booster)
    told = booster.predict(xgboost.DMatrix(rows, base_margin=np.zeros(len(rows))),
                           pred_contribs=True)  # fmt: skip
    assert boughs.share(rows) == pytest.approx(told[:, :-1], abs=1e-5)
    assert boughs.start == pytest.approx(told[0, -1], abs=1e-5)
    margin = booster.inplace_predict(rows, predict_type="margin", base_margin=np.zeros(len(rows)))
    assert boughs.start + boughs.share(rows).sum(axis=1) == pytest.approx(margin, abs=1e-5)
    alone = np.concatenate([boughs.share(rows[i : i + 1]) for i in range(20)])
    assert alone == pytest.approx(boughs.share(rows)[:20], abs=1e-12)


def test_a_tree_that_asks_nothing_adds_nothing():
    booster, rows = grow(3, 4, gamma=1e9)
    assert cut_boughs(booster).share(rows).tolist() == np.zeros(rows.shape).tolist()


def test_shares_are_the_mean_over_every_order_of_telling(columns):
    names = ("order_days", "customer_age_days", "active_probability")
    usual = {"order_days": 2.0, "customer_age_days": 300.0, "active_probability": 0.5}
    model = Repeating(r=0.5, alpha=10.0, days=90, sign=-1, mean=0.2)

    def tell(given):
        return model.margin(given, 0.0)

    found = split(tell, columns, stand_in(columns, names, usual))
    expected = {name: np.zeros(ROWS) for name in names}
    for order in permutations(names):
        given = dict(stand_in(columns, names, usual))
        for name in order:
            before = tell(given)
            given[name] = columns[name]
            expected[name] += (tell(given) - before) / 6
    for name in names:
        assert found[name] == pytest.approx(expected[name], abs=1e-12)


FORMS = {
    "logistic": Logistic(
        (("days_since_order",), ("days_since_order", "orders_ever"), ("orders_ever",)),
        (0.7, -0.3, 0.2), 0.1, 0.9,
    ),
    "probability": Repeating(r=0.5, alpha=10.0, days=90, sign=1, mean=-0.4),
    "rfm_rule": Cells(("days_since_order", "orders_ever"), ((40.0, 90.0), (2.0, 5.0)),
                      ((0.1, 0.2, 0.5), (-0.1, 0.3, 0.4), (-1.0, -0.5, 0.0))),
    "prior": Logistic((), (), 0.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_shares_of_each_form_add_up_from_each_rows_own_start(name, columns):
    model, base = FORMS[name], np.linspace(-2, 1, ROWS)
    usual = find_usual(columns, tuple(columns))
    shares = share_form(model, Given(columns, base, usual))
    assert shares.told == pytest.approx(model.margin(columns, base), abs=1e-12)
    assert set(shares.names) == set(model.inputs)
    at_usual = model.margin({n: np.array([u]) for n, u in usual.items()}, 0.0)
    slope = 0.9 if name == "logistic" else 1.0
    assert shares.start == pytest.approx(at_usual[0] + slope * base, abs=1e-12)


def test_a_coefficient_is_shared_out_from_the_mean_of_its_term(columns):
    model = Logistic((("orders_ever",),), (2.0,), 0.5, 1.0)
    usual = find_usual(columns, ("orders_ever",))
    shares = share_form(model, Given(columns, np.zeros(ROWS), usual))
    term = np.log1p(columns["orders_ever"])
    assert shares.added[:, 0] == pytest.approx(2 * (term - term.mean()), abs=1e-12)
    assert shares.added.mean() == pytest.approx(0, abs=1e-12)


def test_who_is_as_usual_has_no_shares(columns):
    usual = find_usual(columns, tuple(columns))
    row = {name: np.array([told]) for name, told in usual.items()}
    for model in FORMS.values():
        shares = share_form(model, Given(row, np.zeros(1), usual))
        assert np.abs(shares.added).sum() == pytest.approx(0, abs=1e-12)


def test_a_bundle_that_does_not_know_what_is_usual_is_shared_out_whole_all_the_same(columns):
    for model in FORMS.values():
        shares = share_form(model, Given(columns, np.zeros(ROWS), {}))
        assert shares.told == pytest.approx(model.margin(columns, 0.0), abs=1e-12)


def test_a_manifest_from_before_reasons_is_read():
    told = make_choice().manifest.model_dump(mode="json")
    del told["usual"]
    assert Manifest.model_validate(told).usual == {}
