from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from contract.moments import as_micros
from training.pacing import fit_waits
from training.snapshots import Snapshots

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def wait(chance, pace, horizon, count=20_000):
    """Days until the next order by a Weibull law that reaches `chance` at the horizon."""
    rng = np.random.default_rng(5)
    hazard = -np.log(1 - chance)
    return horizon * (rng.exponential(1.0, count) / hazard) ** (1 / pace)


def see(days, horizon=90):
    rows = pd.DataFrame({"as_of_us": as_micros(MOMENT), "days_until": days, "outcome": 0.0})
    return Snapshots(rows, horizon)


def test_the_days_foretold_are_those_of_the_law_behind_them():
    days = wait(0.6, 0.7, 90)
    waits = fit_waits(see(days), np.full(len(days), 0.6), MOMENT + timedelta(days=365))
    for share in (0.1, 0.5, 0.9):
        told = waits.days_until(share, np.array([0.6]))[0]
        assert np.mean(days <= told) == pytest.approx(share, abs=0.01)


def test_beyond_what_was_watched_the_days_run_on():
    days = wait(0.6, 1.0, 90)
    waits = fit_waits(see(days), np.full(len(days), 0.6), MOMENT + timedelta(days=90))
    # At an even pace nine tenths have ordered after 90 log(.1) / log(.4) days.
    told = waits.days_until(0.9, np.array([0.6]))[0]
    assert told == pytest.approx(90 * np.log(0.1) / np.log(0.4), rel=0.05)


def test_orders_after_the_last_day_seen_are_not_known():
    days = wait(0.6, 0.7, 90)
    until = MOMENT + timedelta(days=120)
    unseen = np.where(days < 120, days, np.nan)
    chance = np.full(len(days), 0.6)
    assert fit_waits(see(days), chance, until) == fit_waits(see(unseen), chance, until)


def test_customers_of_another_chance_have_a_clock_of_their_own():
    soon, late = wait(0.8, 1.0, 90), wait(0.1, 0.5, 90)
    chance = np.repeat([0.8, 0.1], [len(soon), len(late)])
    waits = fit_waits(see(np.concatenate([soon, late])), chance, MOMENT + timedelta(days=400))
    for days, p in ((soon, 0.8), (late, 0.1)):
        told = waits.days_until(0.1, np.array([p]))[0]
        assert np.mean(days <= told) == pytest.approx(0.1, abs=0.01)


def test_where_too_few_came_the_clock_is_even():
    waits = fit_waits(see(np.full(40, np.nan)), np.full(40, 0.5), MOMENT + timedelta(days=365))
    assert waits.days_until(0.5, np.array([0.5])) == pytest.approx([90])
