"""The day by which so many have ordered, read off the hazard's clock."""

import numpy as np
import pytest

from contract.waits import Waits

EVEN = Waits(edges=(), days=(15.0, 30.0, 60.0), clock=((0.5, 1.0, 2.0),))


def test_half_of_those_with_an_even_chance_have_ordered_by_the_horizon():
    assert EVEN.days_until(0.5, np.array([0.5])) == pytest.approx([30])


def test_a_higher_chance_is_sooner():
    # 1 - (1 - .75)^(d / 30) = .5 where d is 15, as the clock runs evenly.
    assert EVEN.days_until(0.5, np.array([0.75])) == pytest.approx([15])


def test_several_shares_are_told_in_a_row_each():
    both = Waits(edges=(0.4,), days=EVEN.days, clock=((0.1, 1.0, 1.1), EVEN.clock[0]))
    shares, chances = np.array([[0.1], [0.5], [0.9]]), np.array([0.2, 0.5, 0.6, 0.3])
    each = [both.days_until(share, chances) for (share,) in shares.tolist()]
    assert np.array_equal(both.days_until(shares, chances), each)


def test_beyond_the_last_day_the_clock_runs_on():
    # 1 - (1 - .5)^(d / 30) = .9 where d is 30 log2(10).
    assert EVEN.days_until(0.9, np.array([0.5])) == pytest.approx([30 * np.log2(10)])


def test_each_group_has_a_clock_of_its_own():
    both = Waits(edges=(0.5,), days=(30.0, 60.0), clock=((1.0, 1.2), (1.0, 2.0)))
    # Below the edge the hazard slows down: log(.5) / log(.6) = 1.357, past the last day.
    slow, fast = both.days_until(0.5, np.array([0.4, 0.5]))
    assert slow == pytest.approx(60 + (np.log(0.5) / np.log(0.6) - 1.2) / (0.2 / 30))
    assert fast == pytest.approx(30)


def test_days_go_no_further_than_five_years():
    assert EVEN.days_until(0.9, np.array([0.0, 1.0])).tolist() == [
        1825,
        pytest.approx(3.33, abs=0.01),
    ]
