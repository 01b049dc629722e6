"""The closed forms behind the truth agree with matrix exponentials and with what is drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import gamma, poisson

from shop.orders import draw_renewals
from shop.phases import draw_phases, escape, expect_renewals, survive, weigh_phases

AHEAD = np.array([0.0, 0.2, 1.0, 3.7, 20.0])
CASES = [(k, aged) for k in (1, 2, 4) for aged in (0.0, 0.4, 1.3, 6.0)]


def ring(k: int, spared: float) -> NDArray[np.float64]:
    """The rates at which one phase follows another; an order not spared ends the walk."""
    rates = -k * np.eye(k)
    for phase in range(k):
        rates[phase, (phase + 1) % k] += k * (spared if phase == k - 1 else 1)
    return rates


def begin(k: int, aged: float) -> NDArray[np.float64]:
    """The phases over of a gap so old: a Poisson number known to be below k."""
    weights = poisson.pmf(np.arange(k), k * aged)
    return weights / weights.sum()


def test_survival_is_that_of_the_erlang_gap() -> None:
    waits = np.array([[0.0, 0.3, 1.0, 2.5, 9.0]] * 3)
    shape = np.array([1, 2, 4])
    expected = gamma.sf(waits, shape[:, None], scale=1 / shape[:, None])
    np.testing.assert_allclose(survive(shape, waits), expected, rtol=1e-12)


@pytest.mark.parametrize(("k", "aged"), CASES)
def test_expected_orders_are_the_integral_of_their_pace(k: int, aged: float) -> None:
    found = expect_renewals(np.array([k]), np.array([aged]), AHEAD[None])[0]
    start, rates = begin(k, aged), ring(k, 1.0)
    for x, number in zip(AHEAD, found, strict=True):
        pace = quad(lambda t: k * (start @ expm(rates * t))[-1], 0, x, limit=200)[0]
        assert number == pytest.approx(pace, abs=1e-7)


def test_expected_orders_of_two_phases_by_hand() -> None:
    found = expect_renewals(np.array([2]), np.zeros(1), np.array([[0.5, 40.0]]))[0]
    # Two phases at rate 2 from the start: x - (1 - exp(-4x)) / 4.
    assert found == pytest.approx([0.5 - (1 - np.exp(-2)) / 4, 39.75])


@pytest.mark.parametrize(("k", "aged"), CASES)
def test_the_chance_of_no_hit_is_that_of_a_walk_with_an_exit(k: int, aged: float) -> None:
    spared = np.array([[0.0, 0.35, 0.9, 1.0]])
    found = escape(np.array([k]), np.array([aged]), AHEAD[None], spared)[0]
    for z, row in zip(spared[0], found, strict=True):
        exact = [begin(k, aged) @ expm(ring(k, z) * x) @ np.ones(k) for x in AHEAD]
        np.testing.assert_allclose(row, exact, atol=1e-6 if z == 0 else 1e-12)


def test_phases_and_orders_drawn_from_an_age_are_those_foretold() -> None:
    size, rng = 40_000, np.random.default_rng(4)
    for k in (1, 2, 4):
        shape, aged = np.full(size, k), np.full(size, 0.8)
        passed = draw_phases(rng, shape, aged)
        share = np.bincount(passed, minlength=4) / size
        np.testing.assert_allclose(share, weigh_phases(shape[:1], aged[:1])[0], atol=0.01)
        owner, moment = draw_renewals(rng, np.full(size, 3.0), shape, passed)
        first = np.full(size, np.inf)
        np.minimum.at(first, owner, moment)
        for x in (0.1, 0.5, 1.5):
            chance = gamma.sf(0.8 + x, k, scale=1 / k) / gamma.sf(0.8, k, scale=1 / k)
            error = np.sqrt(chance * (1 - chance) / size)
            assert abs(np.mean(first > x) - chance) < 4 * error
        foretold = expect_renewals(shape[:1], aged[:1], np.array([[3.0]]))[0, 0]
        counts = np.bincount(owner, minlength=size)
        assert abs(counts.mean() - foretold) < 4 * counts.std() / np.sqrt(size)
