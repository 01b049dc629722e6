from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from contract.errors import HistoryError
from training.folds import (
    all_moments,
    count_days,
    find_report_moment,
    halve,
    refuse_short,
    split_folds,
    split_stages,
)

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
SERVE = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_training_label_closes_before_the_calibration_moment():
    stages = split_stages(FIRST, SERVE, horizon=60)
    assert stages.calibrate == datetime(2025, 11, 2, tzinfo=UTC)
    assert stages.train[0] == datetime(2025, 9, 3, tzinfo=UTC)
    assert all(m + timedelta(days=60) <= stages.calibrate for m in stages.train)


def test_every_label_closes_before_the_moment_that_is_served():
    stages = split_stages(FIRST, SERVE, horizon=60)
    assert all(m + timedelta(days=60) <= SERVE for m in stages.closed)
    assert stages.closed[0] == stages.calibrate


def test_moments_lie_thirty_days_apart_and_leave_one_horizon_of_history():
    closed = split_stages(FIRST, SERVE, horizon=60).closed
    assert {a - b for a, b in pairwise(closed)} == {timedelta(days=30)}
    assert min(closed) - FIRST >= timedelta(days=60)


def test_half_windows_reach_nearer_and_close_before_what_they_are_learned_for():
    stages = split_stages(FIRST, SERVE, horizon=90)
    half = timedelta(days=45)
    assert [f"{m:%m-%d}" for m in stages.closed[:2]] == ["10-03", "09-03"]
    assert [f"{m:%m-%d}" for m in stages.half_closed[:3]] == ["11-17", "11-02", "10-03"]
    assert [f"{m:%m-%d}" for m in stages.half_train[:3]] == ["08-19", "08-04", "07-05"]
    assert max(stages.half_closed) + half == SERVE
    assert max(stages.half_train) + half == stages.calibrate
    assert min(stages.half_closed) == min(stages.closed)


def test_folds_of_half_windows_learn_from_what_had_closed_by_then():
    stages = split_stages(FIRST, SERVE, horizon=60)
    for (whole, moment), (half, same) in zip(
        split_folds(stages, 60), split_folds(stages, 60, half=True), strict=True
    ):
        assert moment == same and set(whole) < set(half)
        assert max(whole) + timedelta(days=60) <= moment
        assert moment - timedelta(days=60) < max(half) <= moment - timedelta(days=30)


@pytest.mark.parametrize(("horizon", "days"), [(90, 45), (31, 15), (20, 15), (7, 7), (1, 1)])
def test_half_of_a_short_window_is_all_of_it(horizon, days):
    assert halve(horizon) == days


def test_no_more_than_two_years_of_moments_are_taken():
    stages = split_stages(FIRST - timedelta(days=3650), SERVE, horizon=30)
    assert len(stages.closed) == 24


def test_the_judged_moment_is_one_horizon_before_as_of_and_none_of_its_stages_reach_it():
    judged = find_report_moment(SERVE, horizon=60)
    stages = split_stages(FIRST, judged, horizon=60)
    assert judged == datetime(2025, 11, 2, tzinfo=UTC)
    assert max(stages.closed) + timedelta(days=60) == judged


def test_all_moments_names_each_once_in_order():
    report = split_stages(FIRST, find_report_moment(SERVE, 30), 30)
    serve = split_stages(FIRST, SERVE, 30)
    moments = all_moments([report, serve])
    assert list(moments) == sorted(set(moments))
    assert moments[-1] == SERVE and report.serve in moments


def test_too_short_a_history_is_refused_with_the_longest_horizon_that_would_do():
    with pytest.raises(HistoryError) as refused:
        refuse_short(SERVE - timedelta(days=200), SERVE, horizon=90)
    assert "200 days of orders before 2026-01-01 are too few for a horizon of 90" in str(
        refused.value
    )
    assert "take 360" in str(refused.value)
    assert "--horizon of at most 46" in str(refused.value)  # 3 x 46 + 60 = 198


@pytest.mark.parametrize("horizon", [1, 7, 29, 30, 31, 46, 90])
def test_what_is_not_refused_can_be_judged(horizon):
    first = SERVE - timedelta(days=count_days(horizon))
    refuse_short(first, SERVE, horizon)
    judged = split_stages(first, find_report_moment(SERVE, horizon), horizon)
    assert len(judged.train) >= 1
    with pytest.raises(HistoryError):
        refuse_short(first + timedelta(days=1), SERVE, horizon)
