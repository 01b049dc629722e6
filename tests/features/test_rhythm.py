"""When a customer orders, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest

from features.dictionary import FEATURES

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def order(days, amount=10.0):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": f"O{days}", "ordered_at": at, "amount": amount}


# Gaps of 10, 20, 40 and 10 days; then a silence of 30.
ORDERS = [order(days) for days in (110, 100, 80, 40, 30)]
SPREAD = sqrt((10**2 + 0**2 + 20**2 + 10**2) / 3)

EXPECTED = {
    "days_since_order": 30,
    "customer_age_days": 110,
    "mean_gap": 20,
    "median_gap": 15,
    "gap_spread": SPREAD,
    "longest_gap": 40,
    "shortest_gap": 10,
    "last_gap": 10,
    "lateness": 30 / 20,
    "lateness_by_median": 30 / 15,
    "lateness_by_spread": (30 - 20) / SPREAD,
    "lateness_by_longest": 30 / 40,
    "irregularity": SPREAD / 20,
    "gap_trend": 10 / 20,
    "orders_per_month": 5 * 30 / 110,
    "active_months": 4,
    "tenure_share": 30 / 110,
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
    "lateness": 2,
    "lateness_by_median": 2,
    "lateness_by_spread": 3,
    "lateness_by_longest": 2,
    "irregularity": 3,
    "gap_trend": 2,
    "orders_per_month": 1,
    "active_months": 1,
    "tenure_share": 1,
}
SAID = {"first": 1, "it": 1, "second": 2, "third": 3}


def test_every_feature_of_rhythm_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "rhythm"}


@pytest.fixture(scope="module")
def row(customer):
    return customer(AS_OF, *EXPECTED, transactions=ORDERS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_rhythm_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


def test_docstrings_say_from_which_order_on_a_feature_is_known():
    said = {n: FEATURES[n].meaning.rstrip(".").rpartition(" ")[2] for n in KNOWN_FROM}
    assert {n: SAID[word] for n, word in said.items()} == KNOWN_FROM


@pytest.mark.parametrize("placed", [1, 2, 3])
def test_a_feature_is_null_until_the_order_its_docstring_names(customer, placed):
    row = customer(AS_OF, *KNOWN_FROM, transactions=ORDERS[:placed])
    known = {name for name in KNOWN_FROM if row[name] is not None}
    assert known == {name for name, needed in KNOWN_FROM.items() if needed <= placed}


def test_all_is_null_before_the_first_order(customer):
    row = customer(AS_OF, *EXPECTED, customers=[{"customer_id": "c"}], transactions=[order(-1)])
    assert {row[name] for name in EXPECTED} == {None}


def test_lateness_is_null_before_the_second_order(customer):
    assert customer(AS_OF, "lateness", transactions=[order(50)])["lateness"] is None
    orders = [order(50), order(40)]
    assert customer(AS_OF, "lateness", transactions=orders)["lateness"] == 4


def test_a_silence_of_one_usual_gap_is_a_lateness_of_one(customer):
    orders = [order(60), order(40), order(20)]
    assert customer(AS_OF, "lateness", transactions=orders)["lateness"] == 1


def test_gaps_below_a_day_count_as_a_day_in_lateness(customer):
    orders = [order(10.5), order(10.25)]
    row = customer(AS_OF, "mean_gap", "lateness", transactions=orders)
    assert row["mean_gap"] == pytest.approx(0.25)
    assert row["lateness"] == pytest.approx(10.25)


def test_clockwork_has_no_irregularity(customer):
    orders = [order(days) for days in (90, 60, 30)]
    row = customer(AS_OF, "irregularity", "gap_spread", transactions=orders)
    assert row["irregularity"] == row["gap_spread"] == pytest.approx(0, abs=1e-6)


def test_one_long_pause_moves_the_mean_gap_and_not_the_median(customer):
    orders = [order(days) for days in (240, 230, 220, 20, 10)]
    row = customer(AS_OF, "mean_gap", "median_gap", transactions=orders)
    assert (row["mean_gap"], row["median_gap"]) == (57.5, 10)


@pytest.mark.parametrize(("days", "months"), [(30, 1), (360, 1), (361, 0), (5, 1)])
def test_active_months_look_back_360_days(customer, days, months):
    assert customer(AS_OF, "active_months", transactions=[order(days)])["active_months"] == months


def test_two_orders_in_one_stretch_are_one_active_month(customer):
    orders = [order(10), order(20), order(31)]
    assert customer(AS_OF, "active_months", transactions=orders)["active_months"] == 2


def test_days_are_told_with_their_part_of_a_day(customer):
    row = customer(AS_OF, "days_since_order", transactions=[order(1.5)])
    assert row["days_since_order"] == 1.5
