import numpy as np
import pandas as pd
import pytest

from contract.bundle import logistic
from contract.manifest import Calibration
from features.dictionary import FEATURES
from training.families import BASELINES, FAMILIES, fit_base_rate, fit_logistic, list_inputs
from training.recipe import Fitted
from training.snapshots import Snapshots


def make_snapshots(rates=(0.2, 0.6), count=4000):
    """Two moments with base rates of their own; the outcome rises with log(1 + orders_ever)."""
    rng = np.random.default_rng(11)
    parts = []
    for moment, rate in enumerate(rates):
        rows = {name: rng.exponential(3.0, count) for name in FEATURES}
        margin = np.log(rate / (1 - rate)) + np.log1p(rows["orders_ever"]) - 1.2
        outcome = (rng.random(count) < logistic(margin)).astype(float)
        parts.append(pd.DataFrame({**rows, "as_of_us": moment, "outcome": outcome}))
    return Snapshots(pd.concat(parts, ignore_index=True))


def test_each_snapshot_has_its_own_base_rate():
    snapshots = make_snapshots()
    first, last = snapshots.base_rate[0], snapshots.base_rate[-1]
    assert first == snapshots.outcome[:4000].mean() and last == snapshots.outcome[4000:].mean()
    assert first < 0.3 and last > 0.5


@pytest.mark.parametrize("family", [*FAMILIES, *BASELINES])
def test_the_base_rate_moves_the_probability_with_it(family):
    snapshots = make_snapshots()
    fit = {**FAMILIES, **BASELINES}[family]
    model = fit(snapshots)
    shares = [
        logistic(model.margin(snapshots.columns, np.log(r / (1 - r)))).mean() for r in (0.2, 0.6)
    ]
    assert shares[0] == pytest.approx(0.2, abs=0.04)
    assert shares[1] == pytest.approx(0.6, abs=0.06)


def test_the_planted_coefficient_is_found():
    model = fit_logistic(make_snapshots(count=20_000), terms=(("orders_ever",),))
    assert model.coefficients[0] == pytest.approx(1.0, abs=0.06)


def test_the_base_rate_model_says_the_base_rate():
    snapshots = make_snapshots()
    model = fit_base_rate(snapshots)
    assert logistic(model.margin(snapshots.columns, 0.0)) == pytest.approx(0.5)
    assert list_inputs(model) == ()


def test_folding_the_calibration_into_a_logistic_model_changes_no_probability():
    snapshots = make_snapshots()
    told = Calibration(slope=1.3, intercept=-0.2)
    fitted = Fitted(fit_logistic(snapshots), calibration=told, base_rate=0.3)
    margin = fitted.fold().margin(snapshots.columns, np.log(0.3 / 0.7))
    assert logistic(margin) == pytest.approx(fitted.probability(snapshots), abs=1e-12)
