"""What is usual for a customer, counted by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contract.tables import Layout
from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


def order(at, amount=10.0):
    return {"customer_id": "c", "order_id": f"O{at}", "ordered_at": str(at), "amount": amount}


def aged(days, amount=10.0):
    span = days if isinstance(days, timedelta) else timedelta(days=days)
    return order((AS_OF - span).isoformat(), amount)


# The stretches of 30 days are counted back from the moment: 1 ends with it, 12 begins 360 before.
ORDERS = [
    order("2024-10-02T10:00Z", 99.0),  # Wednesday, 456 days before less 10 hours, in no stretch
    order("2025-05-06T12:00Z", 10.0),  # Tuesday, 240 days before less 12 hours, in stretch 8
    order("2025-05-25T23:00Z", 20.0),  # Sunday, in stretch 8
    order("2025-07-25T02:00Z", 40.0),  # Friday, 160 days before less 2 hours, in stretch 6
    order("2025-09-01T08:59Z", 50.0),  # Monday, 122 days before less 9 hours, in stretch 5
    order("2025-12-06T09:00Z", 60.0),  # Saturday, in stretch 1
    order("2025-12-08T16:59Z", 70.0),  # Monday, in stretch 1
    order("2025-12-09T18:00Z", 80.0),  # Tuesday, 23 days before less 18 hours, in stretch 1
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ORDERS[1:]]
STRETCHES = range(-12, 0)
ORDERS_IN = [0, 0, 0, 0, 2, 0, 1, 1, 0, 0, 0, 3]
SPEND_IN = [0, 0, 0, 0, 10 + 20, 0, 40, 50, 0, 0, 0, 60 + 70 + 80]

EXPECTED = {
    "active_months": 4,
    "active_months_share": 4 / 12,
    "orders_slope": np.polyfit(STRETCHES, ORDERS_IN, 1)[0],
    "spend_slope": np.polyfit(STRETCHES, SPEND_IN, 1)[0],
    # Gaps of about 216, 19, 60.1, 38, 96, 2 and 1 days.
    "silences_returned_from_30d": 4,
    "silences_returned_from_60d": 3,
    "silences_returned_from_90d": 2,
    "silences_returned_from_180d": 1,
    "silence_return_share": 2 / (2 + 0),
    "tenure_share": (23 - 18 / 24) / (456 - 10 / 24),
    "weekend_share": 2 / 8,
    "office_hours_share": 3 / 8,
    "evening_share": 2 / 8,
    "night_share": 1 / 8,
    "weekday_habit": 2 / 8,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
FROM_THE_FIRST = [
    n for n, rule in RULES.items() if rule in ("null until the first", "null until it")
]

NEWCOMERS = {
    "listed": {"transactions": [aged(-1)], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [aged(-1), aged(3, -1.0)]},
    "visited": {
        "transactions": [aged(-1)],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {"transactions": [aged(-1), aged(3, -1.0), *BESIDE]},
}


def test_every_feature_of_habits_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "habits"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, transactions=ORDERS + request.param))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_habits_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


@pytest.mark.parametrize("name", FROM_THE_FIRST)
def test_the_first_order_makes_a_feature_known(customer, name):
    assert customer(AS_OF, name, transactions=[aged(400)])[name] is not None


def test_all_but_one_null_rule_speak_of_the_first_order():
    or_null = {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert or_null == {*FROM_THE_FIRST, "silence_return_share"}


@pytest.fixture
def told(customer):
    def compute(name, *orders, timezone="UTC"):
        layout = Layout(timezone=timezone)
        return customer(AS_OF, name, transactions=list(orders), layout=layout)[name]

    return compute


@pytest.mark.parametrize(
    ("ages", "share"),
    [
        ((90,), None),
        ((90 * timedelta(days=1) + MICRO,), 0),
        ((300, 20), 1),
        ((300, 200, 95), 2 / 3),
        ((100, 50), None),
    ],
)
def test_the_present_silence_counts_once_it_is_beyond_90_days(told, ages, share):
    assert told("silence_return_share", *map(aged, ages)) == pytest.approx(share)


@pytest.mark.parametrize("days", [30, 60, 90, 180])
def test_a_silence_of_exactly_its_days_is_not_longer_than_them(told, days):
    name = f"silences_returned_from_{days}d"
    gap = timedelta(days=days)
    assert told(name, aged(500), aged(timedelta(days=500) - gap)) == 0
    assert told(name, aged(500), aged(timedelta(days=500) - gap - MICRO)) == 1


@pytest.mark.parametrize(("days", "months"), [(30, 1), (360, 1), (361, 0), (5, 1)])
def test_active_months_look_back_360_days(told, days, months):
    assert told("active_months", aged(days)) == months


def test_two_orders_in_one_stretch_are_one_active_month(told):
    assert told("active_months", aged(10), aged(20), aged(31)) == 2


@pytest.mark.parametrize(("ages", "share"), [((45,), 1 / 2), ((45, 9), 1), ((30,), 1), ((400,), 0)])
def test_the_share_of_active_months_counts_stretches_since_the_first_order(told, ages, share):
    assert told("active_months_share", *map(aged, ages)) == share


def test_an_order_in_every_stretch_has_no_slope_and_more_money_in_each_has_one(told):
    orders = [aged(30 * n - 15, 100.0 - 5 * n) for n in range(1, 13)]
    assert told("orders_slope", *orders) == pytest.approx(0, abs=1e-12)
    assert told("spend_slope", *orders) == pytest.approx(5)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("office_hours_share", ("09:00", "16:59:59.999999"), ("08:59:59.999999", "17:00")),
        ("evening_share", ("18:00", "23:59:59.999999"), ("17:59:59.999999", "00:00")),
        ("night_share", ("00:00", "05:59:59.999999"), ("06:00", "23:59:59.999999")),
    ],
)
def test_hours_begin_on_the_stroke(told, name, inside, outside):
    assert [told(name, order(f"2025-12-10T{at}Z")) for at in inside] == [1, 1]
    assert [told(name, order(f"2025-12-10T{at}Z")) for at in outside] == [0, 0]


# London's clock is an hour ahead of UTC until 2025-10-26; 24 October and 12 December are Fridays.
@pytest.mark.parametrize(
    ("name", "at", "shares"),
    [
        ("evening_share", "2025-10-24T17:30Z", {"UTC": 0, "Europe/London": 1}),
        ("evening_share", "2025-10-27T17:30Z", {"UTC": 0, "Europe/London": 0}),
        ("office_hours_share", "2025-10-24T16:30Z", {"UTC": 1, "Europe/London": 0}),
        ("office_hours_share", "2025-10-27T16:30Z", {"UTC": 1, "Europe/London": 1}),
        ("weekend_share", "2025-10-24T23:30Z", {"UTC": 0, "Europe/London": 1}),
        ("weekend_share", "2025-12-12T23:30Z", {"UTC": 0, "Europe/London": 0}),
        ("night_share", "2025-10-24T23:30Z", {"UTC": 0, "Europe/London": 1}),
        ("night_share", "2025-12-12T23:30Z", {"UTC": 0, "Europe/London": 0}),
        ("evening_share", "2025-12-10T12:30Z", {"UTC": 0, "Asia/Kolkata": 1}),
        ("evening_share", "2025-07-11T18:30", {"UTC": 1, "Europe/London": 1}),
    ],
)
def test_hours_and_days_are_told_by_the_shops_clock(told, name, at, shares):
    assert {zone: told(name, order(at), timezone=zone) for zone in shares} == shares


def test_the_usual_weekday_is_that_of_the_shops_clock(told):
    friday, saturday = order("2025-07-11T23:30Z"), order("2025-07-12T12:00Z")
    assert told("weekday_habit", friday, saturday) == 1 / 2
    assert told("weekday_habit", friday, saturday, timezone="Europe/London") == 1
