"""What a customer's orders and returns say, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest

from features.dictionary import FEATURES

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def line(order, days, amount, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": order, "ordered_at": at, "amount": amount, **more}


# Five orders, of 40, 10, 20, 30 and 50, the last of two lines; two returns of 15 each.
LINES = [
    line("A", 400, 40.0, quantity=4, discount=0.0),
    line("B", 340, 10.0, quantity=1, discount=0.0),
    line("C", 300, 20.0, quantity=2, discount=0.0),
    line("R1", 200, -15.0, quantity=-1, discount=None),
    line("D", 80, 30.0, quantity=3, discount=20.0),
    line("R2", 60, -15.0, quantity=-1, discount=None),
    line("E", 5, 20.0, quantity=2, discount=30.0),
    line("E", 5, 30.0, quantity=3, discount=None),
]

EXPECTED = {
    "orders_7d": 1,
    "orders_30d": 1,
    "orders_60d": 1,
    "orders_90d": 2,
    "orders_180d": 2,
    "orders_365d": 4,
    "orders_ever": 5,
    "spend_30d": 50,
    "spend_90d": 80,
    "spend_180d": 80,
    "spend_365d": 110,
    "spend_ever": 150,
    "lines_90d": 3,
    "lines_365d": 5,
    "items_90d": 8,
    "items_365d": 11,
    "mean_order_value": 30,
    "order_value_spread": sqrt((10**2 + 20**2 + 10**2 + 0**2 + 20**2) / 4),
    "largest_order_value": 50,
    "last_order_value": 50,
    "last_order_lines": 2,
    "order_value_trend": 50 / 30,
    "mean_lines": 6 / 5,
    "orders_trend": 2 / 4,
    "spend_trend": 80 / 110,
    "orders_a_year_ago_30d": 1,
    "orders_a_year_ago_90d": 2,
    "returns_90d": 1,
    "returns_365d": 2,
    "returned_ever": 30,
    "return_share": 30 / 150,
    "discount_ever": 50,
    "discount_share": 50 / (50 + 150),
}

OR_ZERO = [name for name in EXPECTED if FEATURES[name].or_zero]
OR_NULL = [name for name in EXPECTED if not FEATURES[name].or_zero]


def test_every_feature_of_purchases_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "purchases"}


@pytest.fixture(scope="module")
def row(customer):
    return customer(AS_OF, *EXPECTED, transactions=LINES)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_purchases_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


def test_without_an_order_counts_are_zero_and_the_rest_is_null(customer):
    row = customer(AS_OF, *EXPECTED, transactions=[line("R", 3, -1.0)])
    assert row.pop("returns_90d") == row.pop("returns_365d") == row.pop("returned_ever") == 1
    assert {row[n] for n in OR_ZERO if n in row} == {0}
    assert {row[n] for n in OR_NULL} == {None}


def test_one_order_makes_all_known_but_the_spread(customer):
    row = customer(AS_OF, *EXPECTED, transactions=[line("A", 3, 12.0)])
    assert [name for name in EXPECTED if row[name] is None] == ["order_value_spread"]
    assert row["mean_order_value"] == row["last_order_value"] == row["spend_ever"] == 12
    assert row["orders_trend"] == row["spend_trend"] == row["order_value_trend"] == 1


def test_the_second_order_makes_the_spread_known(customer):
    orders = [line("A", 30, 10.0), line("B", 3, 20.0)]
    row = customer(AS_OF, "order_value_spread", transactions=orders)
    assert row["order_value_spread"] == pytest.approx(sqrt(50))


@pytest.mark.parametrize("amount", [9.99, 12.34, 0.01, 400_000_000.0])
def test_equal_orders_have_no_spread(customer, amount):
    orders = [line("A", 30, amount), line("B", 3, amount)]
    row = customer(AS_OF, "order_value_spread", transactions=orders)
    assert row["order_value_spread"] == pytest.approx(0, abs=1e-6 * amount)


def test_trends_are_null_when_the_year_is_empty(customer):
    row = customer(AS_OF, "orders_trend", "spend_trend", transactions=[line("A", 366, 5.0)])
    assert row["orders_trend"] is None
    assert row["spend_trend"] is None


def test_unknown_quantities_and_discounts_count_as_none(customer):
    names = ("items_90d", "discount_ever", "discount_share")
    row = customer(AS_OF, *names, transactions=[line("A", 3, 5.0)])
    assert [row[n] for n in names] == [0, 0, 0]


def test_lines_of_zero_are_neither_orders_nor_returns(customer):
    names = ("orders_ever", "lines_90d", "returns_90d", "mean_order_value")
    row = customer(AS_OF, *names, transactions=[line("A", 3, 0.0)])
    assert [row[n] for n in names] == [0, 0, 0, None]


def test_cents_add_up_exactly(customer):
    lines = [line("A", 3, cents) for cents in (0.1, 0.2, 0.3)]
    assert customer(AS_OF, "spend_ever", transactions=lines)["spend_ever"] == 0.6
