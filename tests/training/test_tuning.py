"""Tuning for real: Optuna's studies in SQLite and in PostgreSQL, stopped and gone on with."""

from datetime import UTC, datetime, timedelta

import numpy as np
import optuna
import pandas as pd
import pytest

from contract.linear import Logistic
from contract.models import logistic
from contract.moments import as_micros
from contract.registry import open_registry
from contract.settings import Settings
from training.families import FAMILIES, Family
from training.folds import split_folds, split_stages
from training.learn import learn
from training.learned import Asked
from training.snapshots import Snapshots
from training.studies import open_storage
from training.targets import TARGETS
from training.tasks import plan_task
from training.tuning import Budget, tune

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
STAGES = split_stages(FIRST, FIRST + timedelta(days=400), 30)
LOGISTIC = FAMILIES["logistic"]


@pytest.fixture(scope="module")
def snapshots():
    rng = np.random.default_rng(2)
    parts = []
    for moment in (*STAGES.train, STAGES.calibrate):
        rows = {n: rng.exponential(3.0, 300) for n in ("orders_30d", "orders_90d", "orders_180d",
                "orders_365d", "orders_ever", "days_since_order", "customer_age_days",
                "spend_365d")}  # fmt: skip
        chance = logistic(np.log1p(rows["orders_ever"]) - 1.5)
        outcome = (rng.random(300) < chance).astype(float)
        parts.append(pd.DataFrame({**rows, "as_of_us": as_micros(moment), "outcome": outcome}))
    return Snapshots(pd.concat(parts, ignore_index=True), 30)


OPEN = []


def at_home(home):
    """Settings of a home; MLflow leaves the address it was told last in the environment."""
    return Settings(home=home, MLFLOW_TRACKING_URI="")


def spend(settings, trials, seconds=None):
    OPEN.append(open_storage(settings))
    return Budget(trials, seconds, OPEN[-1])


@pytest.fixture(autouse=True)
def close():
    yield
    while OPEN:
        OPEN.pop().engine.dispose()


def test_folds_lie_before_the_calibration_snapshot_and_are_purged():
    folds = split_folds(STAGES, 30)
    assert [v for _, v in folds] == list(STAGES.train[:3])
    for train, moment in folds:
        assert max(train) + timedelta(days=30) <= moment
        assert moment + timedelta(days=30) <= STAGES.calibrate


def test_good_settings_come_first_and_what_is_taken_wins_twice(snapshots, tmp_path):
    steps = []
    budget = spend(at_home(tmp_path), 8)
    tuned = tune(plan_task(LOGISTIC, snapshots, STAGES), budget, steps.append)
    assert steps == [f"logistic: trial {n} of 8" for n in range(1, 9)]
    assert [t.settings for t in tuned.trials[:2]] == [dict(s) for s in LOGISTIC.usual]
    assert all(len(t.losses) == 3 for t in tuned.trials if t.state == "COMPLETE")
    best = min((t for t in tuned.trials if t.state == "COMPLETE"), key=lambda t: np.mean(t.losses))
    assert tuned.settings == (best.settings if tuned.accepted else LOGISTIC.usual[0])
    assert "on the folds" in tuned.reason or "on the calibration snapshot" in tuned.reason


def test_a_study_that_was_stopped_goes_on_where_it_stood(snapshots, tmp_path):
    whole, parts = (at_home(tmp_path / n) for n in ("whole", "parts"))
    at_once = tune(plan_task(LOGISTIC, snapshots, STAGES), spend(whole, 14), lambda step: None)
    tune(plan_task(LOGISTIC, snapshots, STAGES), spend(parts, 5), lambda step: None)
    storage = spend(parts, 0).storage
    (name,) = optuna.get_all_study_names(storage)
    optuna.load_study(study_name=name, storage=storage).ask()  # killed in the middle of a trial
    steps = []
    later = tune(plan_task(LOGISTIC, snapshots, STAGES), Budget(14, None, storage), steps.append)
    assert steps[0] == "logistic: trial 6 of 14" and len(steps) == 9
    assert [t.state for t in later.trials].count("FAIL") == 1
    done = [t.settings for t in later.trials if t.state != "FAIL"]
    assert done[:5] == [t.settings for t in at_once.trials[:5]]
    assert len(done) == 14
    again = tune(plan_task(LOGISTIC, snapshots, STAGES), Budget(14, None, storage), steps.append)
    assert (again.settings, len(steps)) == (later.settings, 9)


def test_the_same_data_is_tuned_the_same(snapshots, tmp_path):
    told = [
        tune(
            plan_task(LOGISTIC, snapshots, STAGES), spend(at_home(tmp_path / n), 13), lambda s: None
        )
        for n in ("a", "b")
    ]
    assert told[0] == told[1]


def test_other_data_has_a_study_of_its_own(snapshots, tmp_path):
    settings = at_home(tmp_path)
    tune(plan_task(LOGISTIC, snapshots, STAGES), spend(settings, 2), lambda step: None)
    other = Snapshots(snapshots.rows.assign(outcome=1 - snapshots.rows["outcome"]), 30)
    tune(plan_task(LOGISTIC, other, STAGES), spend(settings, 2), lambda step: None)
    assert len(optuna.get_all_study_names(spend(settings, 0).storage)) == 2


def test_time_runs_out(snapshots, tmp_path):
    budget = spend(at_home(tmp_path), 1000, seconds=0.5)
    tuned = tune(plan_task(LOGISTIC, snapshots, STAGES), budget, lambda step: None)
    assert 1 <= len(tuned.trials) < 1000


def test_no_trials_no_tuning(snapshots):
    tuned = tune(plan_task(LOGISTIC, snapshots, STAGES), Budget(), lambda step: None)
    assert (tuned.settings, tuned.accepted, tuned.trials) == (LOGISTIC.usual[0], False, ())


def lean(snapshots, settings):
    """A model that goes by spend or by silence, as its only setting says."""
    told = (settings["spend"], 1 - settings["spend"])
    return Logistic((("spend_365d",), ("days_since_order",)), told, 0.0, 1.0)


@pytest.mark.parametrize("driver", ["spend_365d", "days_since_order"])
def test_what_wins_on_the_folds_alone_is_not_taken(driver, snapshots, tmp_path):
    """On the folds outcomes follow spend; on the calibration snapshot they follow the driver."""
    rows = snapshots.rows
    last = rows["as_of_us"] == as_micros(STAGES.calibrate)
    followed = rows["spend_365d"].where(~last, rows[driver])
    seen = Snapshots(rows.assign(outcome=(followed > 2.0).astype(float)), 30)
    search = lambda trial: {"spend": trial.suggest_float("spend", 0.0, 1.0)}  # noqa: E731
    family = Family("leaning", "", lean, ({"spend": 0.5},), search)
    tuned = tune(plan_task(family, seen, STAGES), spend(at_home(tmp_path), 12), lambda step: None)
    best = min(tuned.trials, key=lambda t: np.mean(t.losses)).settings["spend"]
    assert best > 0.8  # silence says nothing on the folds
    assert tuned.accepted is (driver == "spend_365d")
    assert tuned.settings["spend"] == (best if tuned.accepted else 0.5)


def test_in_postgresql_it_lies_beside_mlflow_in_a_schema_of_its_own(
    snapshots, new_home, scratch_database
):
    import sqlalchemy as sql

    settings = new_home(uri=scratch_database)
    open_registry(settings)  # MLflow makes its tables
    first = tune(plan_task(LOGISTIC, snapshots, STAGES), spend(settings, 3), lambda step: None)
    steps = []
    later = tune(plan_task(LOGISTIC, snapshots, STAGES), spend(settings, 4), steps.append)
    assert steps == ["logistic: trial 4 of 4"]
    assert later.trials[:3] == first.trials
    engine = sql.create_engine(scratch_database)
    assert "studies" in sql.inspect(engine).get_table_names(schema="optuna")
    engine.dispose()


@pytest.mark.parametrize("name", ["cross_sell", "lifetime_value"])
def test_pairs_and_worths_are_tuned_alike(name, shop_history, tmp_path):
    target = TARGETS[name].over(60)
    asked = Asked(lambda step: None, budget=spend(at_home(tmp_path), 3))
    learned = learn(shop_history, target, datetime(2026, 11, 1, tzinfo=UTC), asked)
    members = {"cross_sell": ["xgboost", "logistic"], "lifetime_value": ["parts"]}[name]
    assert [t.family for t in learned.tuned] == members
    assert [t["trials"] for t in learned.report["tuning"]] == [3] * len(members)
    for tuned in learned.tuned:
        assert len(tuned.trials[0].losses) >= 1
        assert tuned.loss == {"cross_sell": "log_loss", "lifetime_value": "deviance"}[name]
        if learned.report["best"] in (tuned.family, "blend"):
            told = {key: learned.params[f"{tuned.family}.{key}"] for key in tuned.settings}
            assert told == dict(tuned.settings)
