"""A bundle's arithmetic by hand: log-odds, calibration, percentiles, who is eligible."""

from dataclasses import dataclass

import numpy as np
import pytest

from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible
from contract.models import log_odds, logistic

NO_COLUMNS = {"days_since_order": np.array([10.0])}


@dataclass(frozen=True)
class Beyond:
    """A model that says the same beyond every base rate."""

    margin_beyond: float
    inputs = ("days_since_order", "orders_365d")

    def margin(self, columns, base):
        return np.full(len(columns["days_since_order"]), base + self.margin_beyond)


def sure(share):
    return BaseRate(share=share, low=share, high=share)


def test_log_odds_and_their_probability_are_each_others_inverse():
    assert log_odds(0.5) == 0
    assert log_odds(0.8) == pytest.approx(np.log(4))
    assert logistic(np.log(np.array([4.0, 1.0]))) == pytest.approx([0.8, 0.5])


def test_log_odds_of_never_and_always_stay_finite():
    assert log_odds(0.0) == pytest.approx(np.log(1e-6), rel=1e-5)
    assert log_odds(1.0) == pytest.approx(-np.log(1e-6), rel=1e-5)


def test_a_model_that_says_nothing_gives_the_base_rate(bundle_of):
    plain = bundle_of(Beyond(0.0), base_rate=sure(0.2), calibration=Calibration())
    assert plain.probability(NO_COLUMNS) == pytest.approx([0.2])


def test_calibration_stretches_what_lies_beyond_the_base_rate(bundle_of):
    # Odds 1:4, times 4 by the model, the 4 made 2 by a slope of a half: 2:4, a third.
    fit = Calibration(slope=0.5, intercept=0.0)
    stretched = bundle_of(Beyond(np.log(4)), base_rate=sure(0.2), calibration=fit)
    assert stretched.probability(NO_COLUMNS) == pytest.approx([1 / 3])


def test_an_intercept_shifts_every_odds_alike(bundle_of):
    fit = Calibration(slope=1.0, intercept=float(np.log(2)))
    shifted = bundle_of(Beyond(0.0), base_rate=sure(0.5), calibration=fit)
    assert shifted.probability(NO_COLUMNS) == pytest.approx([2 / 3])


def test_a_percentile_counts_the_percent_of_customers_below(bundle_of):
    # The customers at registration had 0.000, 0.005 ... 0.500: each hundredth of them 0.005.
    bounds = tuple((np.arange(101) / 200).tolist())
    scored = bundle_of(Beyond(0.0), percentiles=bounds)
    asked = np.array([0.0, 0.0049, 0.005, 0.25, 0.4999, 0.5, 0.9])
    assert scored.percentile(asked).tolist() == [0, 0, 1, 50, 99, 100, 100]


def test_below_all_customers_is_percentile_0(bundle_of):
    scored = bundle_of(Beyond(0.0), percentiles=tuple(np.linspace(0.2, 0.8, 101).tolist()))
    assert scored.percentile(np.array([0.1, 0.9])).tolist() == [0, 100]


@pytest.mark.parametrize(
    ("at_most", "eligible"),
    [(365.0, [True, True, False, False]), (None, [True, True, True, False])],
)
def test_eligible_is_whoever_is_known_and_not_above_the_limit(at_most, eligible):
    columns = {"days_since_order": np.array([0.0, 365.0, 365.1, np.nan])}
    holds = Eligible(feature="days_since_order", at_most=at_most).holds(columns)
    assert holds.tolist() == eligible


def test_coefficients_weigh_logs_and_products_of_logs():
    line = Logistic((("a",), ("a", "b")), (2.0, 3.0), intercept=1.0, base_coefficient=0.5)
    e = np.e
    columns = {"a": np.array([e - 1, 0.0, np.nan]), "b": np.array([e**2 - 1, 5.0, 5.0])}
    # log(1 + a) is 1 and log(1 + b) is 2: 2 * 1 + 3 * 2 + 1 + 0.5 * 4; nothing known counts as 0.
    assert line.margin(columns, 4.0) == pytest.approx([11, 3, 3])


def test_a_negative_feature_counts_as_0_in_a_sum_of_logs():
    line = Logistic((("a",),), (2.0,), intercept=0.0, base_coefficient=0.0)
    assert line.margin({"a": np.array([-5.0])}, 0.0) == pytest.approx([0])


def test_a_bundle_reads_inputs_baseline_and_eligible_once_each(bundle_of):
    eligible = Eligible(feature="orders_ever")
    assert bundle_of(Beyond(0.0), eligible=eligible).reads == (
        "days_since_order",
        "orders_365d",
        "orders_ever",
    )
