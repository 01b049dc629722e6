"""Two small bundles to serve: churn by boosted trees, next purchase by coefficients."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import xgboost

from contract.bundle import Bundle, save_bundle
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible, Manifest, Priors
from contract.models import Model
from contract.norms import Norms
from contract.trees import Boosted
from contract.waits import Waits
from features.dictionary import describe, fingerprint

TREE_INPUTS = ("days_since_order", "orders_365d", "spend_365d", "mean_gap", "visits_30d")
LINE_INPUTS = ("days_since_order", "orders_90d")
NORMS = Norms(as_of=datetime(2026, 6, 1, tzinfo=UTC))
WAITS = Waits(edges=(0.5,), days=(15.0, 30.0, 365.0), clock=((0.6, 1.0, 4.0), (0.7, 1.0, 6.0)))
PRIORS = Priors(lapsed=0.95, prospect=0.875)


def make_bundles(folder: Path) -> Path:
    """Write the bundles as `<target>/<version>` and return the folder."""
    save_bundle(_bundle("churn", 90, _grow_trees(), TREE_INPUTS), folder / "churn" / "3")
    line = Logistic((("orders_90d",), ("days_since_order",)), (0.7, -0.3), 0.1, 1.0)
    save_bundle(_bundle("next_purchase", 30, line, LINE_INPUTS), folder / "next_purchase" / "7")
    return folder


def _grow_trees() -> Boosted:
    draw = np.random.default_rng(7)
    rows = draw.gamma(2.0, 30.0, size=(400, len(TREE_INPUTS))).astype(np.float32)
    rows[draw.random(rows.shape) < 0.1] = np.nan
    outcomes = (np.nan_to_num(rows[:, 0]) > 60 + draw.normal(0, 20, 400)).astype(float)
    grown = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "seed": 7, "nthread": 1},
        xgboost.DMatrix(rows, outcomes),
        num_boost_round=20,
    )
    return Boosted(grown, TREE_INPUTS)


def _bundle(target: str, horizon: int, model: Model, inputs: tuple[str, ...]) -> Bundle:
    churn = target == "churn"
    others: Literal["prior", "stage"] = "stage" if churn else "prior"
    manifest = Manifest(
        target=target,
        meaning=f"What the test bundle says of {target}.",
        horizon_days=horizon,
        family="boosted" if isinstance(model, Boosted) else "logistic",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        inputs=inputs,
        eligible=Eligible(feature="days_since_order", at_most=365.0, others=others),
        base_rate=BaseRate(share=0.4, low=0.3, high=0.5),
        calibration=Calibration(slope=0.9, intercept=0.05),
        priors=PRIORS,
        percentiles=tuple(np.linspace(0.0, 1.0, 101).tolist()),
        waits=None if churn else WAITS,
        metrics={"auc": 0.75, "brier": 0.18},
        dictionary=fingerprint(inputs),
    )
    baseline = Logistic((("days_since_order",),), (0.5,), -1.0, 1.0)
    return Bundle(manifest, model, baseline, describe(inputs), NORMS)
