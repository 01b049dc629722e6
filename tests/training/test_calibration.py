import numpy as np
import pandas as pd
import pytest

from contract.bundle import log_odds, logistic
from contract.models import Logistic
from training.calibration import fit_level, fit_pace, fit_slope
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
    return Snapshots(rows)


def test_a_model_that_says_twice_too_much_gets_half_the_slope():
    assert fit_slope(MODEL, make_snapshot(0.5, 0.3)) == pytest.approx(0.5, abs=0.06)
    assert fit_slope(MODEL, make_snapshot(1.0, -0.2)) == pytest.approx(1.0, abs=0.06)


def test_the_level_makes_the_mean_probability_the_base_rate():
    snapshot = make_snapshot(0.5, 0.3)
    level = fit_level(MODEL, 0.5, snapshot)
    base = log_odds(snapshot.base_rate)
    beyond = MODEL.margin(snapshot.columns, base) - base
    assert logistic(base + level + 0.5 * beyond).mean() == pytest.approx(
        snapshot.outcome.mean(), abs=1e-9
    )


def test_a_handful_of_outcomes_leaves_the_slope_alone():
    assert fit_slope(MODEL, make_snapshot(0.5, 0.3, count=60)) == 1.0


def test_the_pace_of_a_weibull_law_is_found_again():
    rng = np.random.default_rng(5)
    probability, pace, horizon = 0.6, 0.7, 90
    hazard = -np.log(1 - probability)
    days = horizon * (rng.exponential(1.0, 20_000) / hazard) ** (1 / pace)
    days_until = np.where(days <= horizon, days, np.nan)
    found = fit_pace(np.full(20_000, probability), days_until, horizon)
    assert found == pytest.approx(0.7, abs=0.02)


def test_the_pace_is_even_where_too_few_came():
    assert fit_pace(np.full(40, 0.5), np.full(40, 3.0), 30) == 1.0
