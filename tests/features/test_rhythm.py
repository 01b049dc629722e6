"""When a customer orders, counted by hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log, sqrt

import polars as pl
import pytest
from scipy.stats import gamma

from contract.tables import Layout
from features.dictionary import FEATURES

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def order(days, amount=10.0):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": f"O{days}", "ordered_at": at, "amount": amount}


# Gaps of 10, 20, 40 and 10 days; then a silence of 30.
ORDERS = [order(days) for days in (110, 100, 80, 40, 30)]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ORDERS[1:]]
SPREAD = sqrt((10**2 + 0**2 + 20**2 + 10**2) / 3)
S = log(20) - (log(10) + log(20) + log(40) + log(10)) / 4
PIECES = [piece / 110 for piece in (10, 20, 40, 10, 30)]

EXPECTED = {
    "days_since_order": 30,
    "customer_age_days": 110,
    "order_days": 5,
    "mean_gap": 20,
    "median_gap": 15,
    "gap_spread": SPREAD,
    "longest_gap": 40,
    "shortest_gap": 10,
    "last_gap": 10,
    "second_last_gap": 40,
    "third_last_gap": 20,
    "last_three_gaps": (10 + 40 + 20) / 3,
    "lateness": 30 / 20,
    "lateness_by_median": 30 / 15,
    "lateness_by_spread": (30 - 20) / SPREAD,
    "lateness_by_longest": 30 / 40,
    "lateness_by_recent": 30 / (70 / 3),
    "irregularity": SPREAD / 20,
    "regularity": (3 - S + sqrt((S - 3) ** 2 + 24 * S)) / (12 * S),
    "clumpiness": 1 + sum(piece * log(piece) for piece in PIECES) / log(5),
    "gap_trend": 10 / 20,
    "orders_per_month": 5 * 30 / 110,
    "spend_per_month": 50 * 30 / 110,
}

# The order that makes each feature known, as its docstring says.
KNOWN_FROM = {
    "days_since_order": 1,
    "customer_age_days": 1,
    "mean_gap": 2,
    "median_gap": 2,
    "gap_spread": 3,
    "longest_gap": 2,
    "shortest_gap": 2,
    "last_gap": 2,
    "second_last_gap": 3,
    "third_last_gap": 4,
    "last_three_gaps": 4,
    "lateness": 2,
    "lateness_by_median": 2,
    "lateness_by_spread": 3,
    "lateness_by_longest": 2,
    "lateness_by_recent": 4,
    "irregularity": 3,
    "regularity": 3,
    "clumpiness": 2,
    "gap_trend": 2,
    "orders_per_month": 1,
    "spend_per_month": 1,
}
SAID = {"first": 1, "it": 1, "second": 2, "third": 3, "fourth": 4}

NEWCOMERS = {
    "listed": {"transactions": [order(-1)], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [order(-1), order(3, -1.0)]},
    "visited": {
        "transactions": [order(-1)],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {"transactions": [order(-1), order(3, -1.0), *BESIDE]},
}


def test_every_feature_of_rhythm_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "rhythm"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, transactions=ORDERS + request.param))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_rhythm_is_what_a_hand_counts(row, name):
    in_millionths = 1e-5 if name == "regularity" else 1e-6  # it divides by a sum told in those
    assert row[name] == pytest.approx(EXPECTED[name], rel=in_millionths)


@pytest.mark.parametrize("name", KNOWN_FROM)
def test_a_docstring_says_from_which_order_on_its_feature_is_known(name):
    rule = FEATURES[name].meaning.rstrip(".").rpartition("; ")[2]
    assert SAID[rule.removeprefix("null until ").removeprefix("the ")] == KNOWN_FROM[name]


@pytest.fixture(scope="module")
def after_orders(customer):
    """The features before the first order, after it, after the second …"""
    return [
        customer(AS_OF, *EXPECTED, transactions=[order(-1), order(120, -1.0), *ORDERS[:placed]])
        for placed in range(6)
    ]


@pytest.mark.parametrize("name", KNOWN_FROM)
def test_a_feature_is_null_until_the_order_its_docstring_names(after_orders, name):
    known = [row[name] is not None for row in after_orders]
    assert known == [placed >= KNOWN_FROM[name] for placed in range(6)]


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_all_is_null_but_the_count_of_days(newcomer, name):
    assert newcomer[name] == (0 if name == "order_days" else None)


@pytest.fixture
def told(customer):
    def compute(name, *ages):
        return customer(AS_OF, name, transactions=[order(age) for age in ages])[name]

    return compute


def test_lateness_is_null_before_the_second_order(told):
    assert told("lateness", 50) is None
    assert told("lateness", 50, 40) == 4


def test_a_silence_of_one_usual_gap_is_a_lateness_of_one(told):
    assert told("lateness", 60, 40, 20) == 1


def test_gaps_below_a_day_count_as_a_day_in_lateness(told):
    assert told("mean_gap", 10.5, 10.25) == pytest.approx(0.25)
    assert told("lateness", 10.5, 10.25) == pytest.approx(10.25)


def test_clockwork_has_no_irregularity(told):
    assert told("irregularity", 90, 60, 30) == pytest.approx(0, abs=1e-6)
    assert told("gap_spread", 90, 60, 30) == pytest.approx(0, abs=1e-6)


def test_clockwork_is_as_regular_as_told(told):
    assert told("regularity", 90, 60, 30) == pytest.approx(50, rel=0.01)


@pytest.mark.parametrize("ages", [(110, 100, 80, 40, 30), (60, 45, 39, 30), (400, 350, 20, 2)])
def test_regularity_is_nearly_the_likeliest_shape(told, ages):
    gaps = [early - late for early, late in pairwise(ages)]
    likeliest = gamma.fit(gaps, floc=0)[0]
    assert told("regularity", *ages) == pytest.approx(likeliest, rel=0.02)


def test_orders_at_even_distances_are_not_clumped(told):
    assert told("clumpiness", 90, 60, 30) == pytest.approx(0, abs=1e-6)


def test_orders_in_one_bunch_long_ago_are_clumped(told):
    assert told("clumpiness", 300.02, 300.01, 300) == pytest.approx(1, abs=0.001)


def test_one_long_pause_moves_the_mean_gap_and_not_the_median(told):
    assert told("mean_gap", 240, 230, 220, 20, 10) == 57.5
    assert told("median_gap", 240, 230, 220, 20, 10) == 10


def test_days_are_told_with_their_part_of_a_day(told):
    assert told("days_since_order", 1.5) == 1.5


# At 8:00, 20:00 and 23:30 of one day in UTC; in summer London's day is over at 23:00 UTC.
@pytest.mark.parametrize(("timezone", "days"), [("UTC", 1), ("Europe/London", 2)])
def test_two_orders_on_one_day_of_the_shops_clock_are_one_order_day(customer, timezone, days):
    times = ("2025-07-01T08:00Z", "2025-07-01T20:00Z", "2025-07-01T23:30Z")
    orders = [order(days) | {"ordered_at": at} for days, at in enumerate(times)]
    layout = Layout(timezone=timezone)
    row = customer(AS_OF, "order_days", transactions=orders, layout=layout)
    assert row["order_days"] == days
