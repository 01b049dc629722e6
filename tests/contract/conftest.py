"""Two small bundles on disk: one of trees, one of coefficients."""

from datetime import UTC, datetime

import numpy as np
import pytest
import xgboost

from contract.bundle import Bundle, save_bundle
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible, Manifest, Priors
from contract.norms import Norms, Product, Repeating
from contract.trees import Boosted

INPUTS = ("days_since_order", "orders_365d")
LINE = Logistic((("days_since_order",), INPUTS), (0.7, -0.3), 0.1, 1.0)
NORMS = Norms(
    as_of=datetime(2026, 6, 1, tzinfo=UTC),
    timezone="Europe/Berlin",
    non_goods=("POST",),
    vocabulary={"country": ("DE", "FR")},
    products={"P-1": Product(category="bags", cost=3.5)},
    repeating=Repeating(r=0.2426, alpha=4.414, a=0.793, b=2.426),
)
BASELINE = Logistic((("days_since_order",),), (0.5,), -1.0, 1.0)


def grow_trees():
    draw = np.random.default_rng(7)
    rows = draw.gamma(2.0, 30.0, size=(200, 2)).astype(np.float32)
    rows[::9] = np.nan
    outcomes = (np.nan_to_num(rows[:, 0]) > 60).astype(float)
    settings = {"objective": "binary:logistic", "max_depth": 3, "seed": 7, "nthread": 1}
    return Boosted(xgboost.train(settings, xgboost.DMatrix(rows, outcomes), 10), INPUTS)


def make_bundle(model, **changes):
    manifest = Manifest(
        target="churn",
        meaning="No order within 90 days.",
        horizon_days=90,
        family="boosted" if isinstance(model, Boosted) else "logistic",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        inputs=INPUTS,
        eligible=Eligible(feature="days_since_order", at_most=365.0),
        base_rate=BaseRate(share=0.4, low=0.3, high=0.5),
        calibration=Calibration(slope=0.9, intercept=0.05),
        priors=Priors(lapsed=0.95, prospect=0.875),
        percentiles=tuple(np.linspace(0.0, 1.0, 101).tolist()),
        metrics={"auc": 0.75},
        dictionary="0" * 64,
    )
    return Bundle(manifest.model_copy(update=changes), model, BASELINE, [{"name": "a"}], NORMS)


@pytest.fixture
def bundle_of():
    return make_bundle


@pytest.fixture(params=["boosted", "logistic"])
def bundle(request):
    return make_bundle(grow_trees() if request.param == "boosted" else LINE)


@pytest.fixture
def folder(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "bundle")
    return tmp_path / "bundle"
