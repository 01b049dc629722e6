"""What is foretold of the next window's base rate, by hand and on shops with a known season."""

import numpy as np
import pytest

from contract.models import log_odds, logistic
from training.seasons import Closed, foretell, foretell_base_rate, measure_error

WEEKS = np.arange(30, 1100, 7.0)


def season(day):
    """Log-odds of a window that starts on that day: a bump of 1 around day 300 of each year."""
    return -0.5 + np.exp(-0.5 * (((day % 364) - 300) / 25) ** 2)


def close(until, level=season, horizon=30):
    starts = WEEKS[WEEKS + horizon <= until]
    return Closed(starts, level(starts), horizon)


def test_a_young_shop_goes_by_its_last_closed_window():
    closed = close(200)
    level, certainty = foretell(closed, 200.0)
    assert (level, certainty) == (closed.level[-1], 0.0)


def test_in_its_third_year_a_shop_knows_its_season():
    for day in range(760, 1050, 20):
        told, certainty = foretell(close(day), float(day))
        assert told == pytest.approx(season(float(day)), abs=0.06)
        assert certainty > 0.9


def test_the_move_of_a_year_ago_counts_by_the_square_of_the_years_open():
    # A year ago, from the window of day 149 to that of day 186, the level moved by 1.
    closed = close(550, level=lambda day: np.where(day > 170, 1.0, 0.0))
    last = closed.starts[-1] - 364
    told, certainty = foretell(closed, 550.0)
    assert certainty == pytest.approx((last / 364) ** 2)
    assert told == pytest.approx(closed.level[-1] + certainty * 1.0)


def test_the_interval_is_wide_where_the_season_is_not_known_and_narrow_where_it_is():
    young, old = (foretell_base_rate(close(day), float(day)) for day in (200, 1000))
    assert young.low < young.share < young.high
    width = [float(log_odds(r.high) - log_odds(r.low)) for r in (young, old)]
    assert width[0] > 1.0 > 0.5 > width[1]


def test_windows_that_had_not_closed_by_then_are_not_read():
    closed = close(700)
    changed = Closed(closed.starts, np.where(closed.starts > 600, 9.0, closed.level), 30)
    assert foretell(closed.before(600), 600.0) == foretell(changed.before(600), 600.0)


def test_past_errors_widen_the_interval():
    rng = np.random.default_rng(4)
    restless = close(700, level=lambda day: rng.normal(0, 1, len(day)))
    steady = close(700, level=np.zeros_like)
    assert measure_error(restless, 0.5) > 2 * measure_error(steady, 0.5)


def test_the_share_is_that_of_the_level():
    closed = close(200)
    assert foretell_base_rate(closed, 200.0).share == pytest.approx(
        float(logistic(closed.level[-1:])[0])
    )
