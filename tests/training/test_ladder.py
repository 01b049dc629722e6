import numpy as np
import pandas as pd
import pytest

from benchmarks.ladder import judge
from training.ladder import LADDER, find_rung
from training.snapshots import Snapshots


def have(customers, outcomes):
    rows = pd.DataFrame(
        {"as_of_us": 0, "outcome": [1.0] * outcomes + [0.0] * (customers - outcomes)}
    )
    return Snapshots(rows, 30)


@pytest.mark.parametrize(
    ("customers", "outcomes", "rung"),
    [
        (500, 100, "full_model"),
        (500, 400, "full_model"),
        (500, 401, "probability_model"),  # of the rarer kind there are 99
        (499, 200, "probability_model"),
        (5000, 99, "probability_model"),
        (25, 8, "probability_model"),
        (24, 8, "rfm_rule"),
        (25, 7, "rfm_rule"),
        (12, 3, "rfm_rule"),
        (11, 5, "prior"),
        (12, 2, "prior"),
        (0, 0, "prior"),
    ],
)
def test_the_rung_is_the_highest_that_customers_and_outcomes_allow(customers, outcomes, rung):
    assert find_rung(have(customers, outcomes), have(9000, 4500)).rung == rung


def test_what_trains_before_may_be_half_as_much():
    assert find_rung(have(500, 100), have(250, 50)).rung == "full_model"
    assert find_rung(have(500, 100), have(249, 50)).rung == "probability_model"
    assert find_rung(have(500, 100), have(250, 49)).rung == "probability_model"


def test_every_rung_asks_less_than_the_one_above():
    asked = [(step.customers, step.outcomes) for step in LADDER]
    assert asked == sorted(asked, reverse=True)


@pytest.mark.parametrize(
    ("customers", "shops", "rung"),
    [(40, 10, "rfm_rule"), (120, 6, "probability_model"), (400, 2, "probability_model")],
)
def test_probabilities_hold_on_the_low_rungs(customers, shops, rung):
    """Mean and slope over some shops of three years, against the planted chances."""
    found = judge(customers, range(1, shops + 1))
    assert found.rungs.most_common(1)[0][0] == rung
    told, planted = np.concatenate(found.told), np.concatenate(found.planted)
    assert told.mean() == pytest.approx(planted.mean(), abs=0.06)
    assert 0.75 < np.polyfit(told, planted, 1)[0] < 1.33
