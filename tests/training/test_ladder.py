import pandas as pd
import pytest

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
        (50, 20, "probability_model"),
        (49, 20, "rfm_rule"),
        (50, 19, "rfm_rule"),
        (20, 5, "rfm_rule"),
        (19, 9, "prior"),
        (20, 4, "prior"),
        (0, 0, "prior"),
    ],
)
def test_the_rung_is_the_highest_that_customers_and_outcomes_allow(customers, outcomes, rung):
    assert find_rung([have(customers, outcomes), have(9000, 4500)]).rung == rung


def test_every_rung_asks_less_than_the_one_above():
    asked = [(step.customers, step.outcomes) for step in LADDER]
    assert asked == sorted(asked, reverse=True)
