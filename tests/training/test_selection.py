import numpy as np
import pandas as pd
import pytest

from contract.linear import Logistic
from contract.models import logistic
from training.recipe import Pair, blend
from training.selection import choose_family, choose_rules, find_weights, measure_losses
from training.snapshots import Snapshots


def say(**coefficients):
    """A model of log(1 + feature), weighed by these."""
    terms = tuple((name,) for name in coefficients)
    model = Logistic(terms, tuple(coefficients.values()), 0.0, 1.0)
    return Pair(model, model)


@pytest.fixture(scope="module")
def last():
    """Outcomes that rise with log(1 + spend); where customers ordered once, only with silence."""
    rng = np.random.default_rng(8)
    count = 6000
    rows = {name: rng.exponential(3.0, count) for name in ("spend", "days_since_order", "noise")}
    rows["orders_ever"] = rng.integers(1, 8, count).astype(float)
    once = rows["orders_ever"] == 1
    margin = np.where(once, 2 * np.log1p(rows["days_since_order"]), 2 * np.log1p(rows["spend"])) - 2
    outcome = (rng.random(count) < logistic(margin)).astype(float)
    return Snapshots(pd.DataFrame({**rows, "as_of_us": 0, "outcome": outcome}), 30)


def test_the_usual_family_answers_unless_another_is_clearly_better(last):
    pairs = {"usual": say(spend=2.0), "alike": say(spend=2.02), "noise": say(noise=2.0)}
    assert choose_family(("usual", "alike", "noise"), pairs, last) == "usual"
    assert choose_family(("noise", "usual"), pairs, last) == "usual"
    assert choose_family(("noise",), pairs, last) == "noise"


def test_a_family_is_not_judged_by_the_level_of_the_season(last):
    off = Logistic((("spend",),), (2.0,), 3.0, 1.0)
    assert measure_losses(off, last) == pytest.approx(
        measure_losses(say(spend=2.0).early, last), abs=1e-4
    )


def test_a_blend_leans_on_who_knows(last):
    weights = find_weights({"spend": say(spend=2.0), "noise": say(noise=2.0)}, last)
    assert sum(weights) == pytest.approx(1.0)
    assert weights[0] > 0.9 and weights[1] >= 0


def test_two_that_say_the_same_weigh_the_same(last):
    weights = find_weights({"a": say(spend=2.0), "b": say(spend=2.0)}, last)
    assert weights == pytest.approx((0.5, 0.5), abs=0.01)
    both = blend({"a": say(spend=1.0), "b": say(spend=3.0)}, (0.5, 0.5)).late
    assert both.margin(last.columns, 0.0) == pytest.approx(
        say(spend=2.0).late.margin(last.columns, 0.0)
    )


def test_a_rule_answers_in_the_segment_where_it_is_truer(last):
    pairs = {"days_since_order": say(days_since_order=2.0), "order_count": say(orders_ever=0.1)}
    assert choose_rules(say(spend=2.0).early, pairs, last) == {"one_order": "days_since_order"}


def test_no_rule_answers_for_a_handful_of_customers(last):
    few = Snapshots(last.rows[last.rows["orders_ever"] == 1].head(90), 30)
    pairs = {"days_since_order": say(days_since_order=2.0), "order_count": say(orders_ever=0.1)}
    assert choose_rules(say(spend=2.0).early, pairs, few) == {}
