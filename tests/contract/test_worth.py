"""What a worth is made of, with numbers to check by hand, and against the feature room's own."""

from datetime import UTC, datetime

import numpy as np
import pytest

from contract.linear import Logistic
from contract.norms import Norms, Repeating
from contract.repeats import expect_chance, expect_orders
from contract.worth import (
    PARTS,
    Levels,
    Spread,
    Told,
    Trust,
    Worth,
    begin,
    carry,
    raise_levels,
    tell_parts,
    tell_worth,
)
from features.lifetime import active_probability, expected_orders, order_probability

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
NOTHING = Logistic((), (), 0.0, 1.0)
MODELS = dict.fromkeys(PARTS, NOTHING)


def make_columns(norms, count=400, seed=3):
    rng = np.random.default_rng(seed)
    days = np.ceil(rng.gamma(0.8, 6, count))
    age = rng.uniform(20, 900, count)
    silence = np.where(days > 1, rng.uniform(0, 1, count) * age, age)
    return {
        "order_days": days,
        "customer_age_days": age,
        "active_probability": active_probability(days, age, silence, norms),
        "expected_order_value": rng.gamma(2, 30, count),
        "spend_ever": days * 50.0,
    }


def told(*parts):
    return Told(*(np.array(part, dtype=np.float64) for part in parts))


@pytest.mark.parametrize(
    "fitted", [(0.3, 4, 0.8, 2.5), (3, 20, 3, 200), (0.5, 8, 50, 900), (2, 6, 1.5, 3)]
)
@pytest.mark.parametrize("days", [30, 120, 365])
def test_orders_expected_over_any_days_are_those_of_the_feature_room(fitted, days):
    model = Repeating(**dict(zip(("r", "alpha", "a", "b"), fitted, strict=True)))
    norms = Norms(as_of=AS_OF, repeating=model)
    columns = make_columns(norms)
    known = [columns[n] for n in ("order_days", "customer_age_days", "active_probability")]
    assert expect_orders(model, columns, days) == pytest.approx(
        expected_orders(*known, norms, days), rel=1e-3
    )
    assert expect_chance(model, columns, days) == pytest.approx(
        order_probability(*known, norms, days), abs=1e-12
    )


def test_who_has_not_ordered_is_expected_to_place_none():
    model = Repeating(r=0.3, alpha=4, a=0.8, b=2.5)
    columns = {"order_days": np.array([0.0]), "customer_age_days": np.array([np.nan]),
               "active_probability": np.array([np.nan])}  # fmt: skip
    assert expect_orders(model, columns, 365) == 0 and expect_chance(model, columns, 365) == 0


def test_a_worth_is_chance_times_orders_times_value():
    parts = told([0.5, 0.1], [3, 1], [20, 50])
    assert parts.expected_orders.tolist() == [1.5, 0.1]
    assert parts.predicted.tolist() == [30, 5]


def test_from_a_flat_start_all_grows_as_the_days_do():
    """Two hazards of log 2 make 3 in 4; .5 x 3 orders become 3, which is 4 of those who order."""
    norms = Norms(as_of=AS_OF)
    near, far = (begin("flat", norms, {"order_days": np.ones(1)}, days) for days in (90, 180))
    assert near.expected_orders == pytest.approx([90 / 365])
    grown = carry(told([0.5], [3], [20]), near, far)
    assert grown.chance == pytest.approx([0.75])
    assert grown.orders == pytest.approx([4])
    assert grown.value == pytest.approx([20])


def test_who_is_expected_to_leave_grows_less():
    near, far = told([0.5, 0.5], [2, 2], [1, 1]), told([0.75, 0.6], [8 / 3, 2], [1, 1])
    grown = carry(near, near, far)
    assert grown.chance == pytest.approx([0.75, 0.6])
    assert grown.expected_orders == pytest.approx([2, 1.2])


def test_who_orders_orders_once_at_least():
    raised = raise_levels(told([0.5], [1.2], [10]), Levels(orders=-5.0, value=np.log(2)))
    assert raised.orders == [1] and raised.value == pytest.approx([20])


def test_a_model_that_is_not_trusted_says_what_was_begun_with():
    near = told([0.5], [2], [10])
    louder = Logistic((), (), 1.0, 1.0)
    models = dict.fromkeys(PARTS, louder)
    none = tell_parts(models, {"a": np.zeros(1)}, (near, Trust(chance=0, orders=0, value=0)))
    half = tell_parts(models, {"a": np.zeros(1)}, (near, Trust(chance=0, orders=0.5, value=1)))
    assert (none.chance[0], none.orders[0], none.value[0]) == pytest.approx((0.5, 2, 10))
    assert half.orders[0] == pytest.approx(2 * np.exp(0.5))
    assert half.value[0] == pytest.approx(10 * np.e)


def test_levels_of_the_horizon_hold_over_the_horizon_only():
    norms = Norms(as_of=AS_OF)
    columns = make_columns(norms, 3)
    worth = Worth(
        start="flat",
        span_days=120,
        horizon_days=365,
        over_span=Levels(value=np.log(30)),
        over_horizon=Levels(value=np.log(2)),
    )
    over = {d: tell_worth((worth, norms, d), MODELS, columns) for d in (120, 240, 365)}
    assert [over[d].value[0] for d in over] == pytest.approx([30, 30, 60])
    assert over[240].chance == pytest.approx(1 - np.exp(-240 / 365))


def test_without_gamma_gamma_an_order_is_worth_the_mean_so_far():
    norms = Norms(as_of=AS_OF, repeating=Repeating(r=0.3, alpha=4, a=0.8, b=2.5))
    columns = {**make_columns(norms, 5), "expected_order_value": np.full(5, np.nan)}
    assert begin("probability", norms, columns, 120).value == pytest.approx(50)


def test_a_range_is_told_in_proportion_between_two_worths():
    spread = Spread(at=(10.0, 20.0), low=(0.0, 5.0), high=(30.0, 50.0))
    low, high = spread.find(np.array([5.0, 15.0, 40.0]))
    assert low.tolist() == [0, 2.5, 10]  # twice the last worth has twice its range
    assert high.tolist() == [30, 40, 100]


def test_a_range_holds_the_worth_itself():
    spread = Spread(at=(10.0,), low=(12.0,), high=(12.0,))
    low, high = spread.find(np.array([5.0, 14.0]))
    assert (low <= [5, 14]).all() and (high >= [5, 14]).all()
    assert Spread().find(np.array([7.0]))[1] == 7
