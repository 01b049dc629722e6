import numpy as np
import pandas as pd
import pytest

from contract.linear import Logistic
from contract.models import log_odds, logistic
from training.calibration import fit_level, fit_slope
from training.snapshots import Snapshots

# A model that says log(1 + orders_ever) - 1 beyond the base rate.
MODEL = Logistic(terms=(("orders_ever",),), coefficients=(1.0,), intercept=-1.0, base_coefficient=1)


def make_snapshot(slope, intercept, count=40_000):
    rng = np.random.default_rng(3)
    orders = rng.exponential(2.0, count)
    beyond = np.log1p(orders) - 1
    outcome = rng.random(count) < logistic(intercept + slope * beyond)
    rows = pd.DataFrame(
        {"as_of_us": 0, "customer_id": "c", "orders_ever": orders, "outcome": outcome.astype(float)}
    )
    return Snapshots(rows, 30)


def test_a_model_that_says_twice_too_much_gets_half_the_slope():
    assert fit_slope(MODEL, make_snapshot(0.5, 0.3)) == pytest.approx(0.5, abs=0.06)
    assert fit_slope(MODEL, make_snapshot(1.0, -0.2)) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_the_level_makes_the_mean_probability_the_share_foretold(share):
    snapshot = make_snapshot(0.5, 0.3)
    level = fit_level(MODEL, 0.5, (snapshot, share))
    base = log_odds(share)
    beyond = MODEL.margin(snapshot.columns, base) - base
    assert logistic(base + level + 0.5 * beyond).mean() == pytest.approx(share, abs=1e-9)


def test_a_handful_of_outcomes_leaves_the_slope_alone():
    assert fit_slope(MODEL, make_snapshot(0.5, 0.3, count=60)) == 1.0
