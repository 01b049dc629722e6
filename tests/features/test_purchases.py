"""What a customer's orders say, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import polars as pl
import pytest

from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def line(order, days, amount, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": order, "ordered_at": at, "amount": amount, **more}


# Nine orders of 450 in all, the last of two lines; two returns.
LINES = [
    line("A", 400, 90.0, quantity=4),
    line("B", 350, 20.0, quantity=2),
    line("C", 300, 10.0, quantity=1),
    line("R1", 200, -15.0, quantity=-1),
    line("D", 150, 30.0, quantity=3),
    line("E", 80, 40.0, quantity=2),
    line("R2", 60, -15.0, quantity=-1),
    line("F", 45, 50.0, quantity=5),
    line("G", 20, 60.0, quantity=1),
    line("H", 10, 70.0, quantity=4),
    line("I", 5, 50.0, quantity=2),
    line("I", 5, 30.0, quantity=6),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in LINES[1:]]
SPREAD = sqrt((40**2 + 30**2 + 40**2 + 20**2 + 10**2 + 0**2 + 10**2 + 20**2 + 30**2) / 8)

EXPECTED = {
    "orders_7d": 1,
    "orders_14d": 2,
    "orders_30d": 3,
    "orders_60d": 4,
    "orders_90d": 5,
    "orders_180d": 6,
    "orders_365d": 8,
    "orders_ever": 9,
    "spend_7d": 80,
    "spend_14d": 80 + 70,
    "spend_30d": 80 + 70 + 60,
    "spend_60d": 80 + 70 + 60 + 50,
    "spend_90d": 80 + 70 + 60 + 50 + 40,
    "spend_180d": 80 + 70 + 60 + 50 + 40 + 30,
    "spend_365d": 80 + 70 + 60 + 50 + 40 + 30 + 10 + 20,
    "spend_ever": 450,
    "lines_7d": 2,
    "lines_14d": 3,
    "lines_30d": 4,
    "lines_60d": 5,
    "lines_90d": 6,
    "lines_180d": 7,
    "lines_365d": 9,
    "lines_ever": 10,
    "items_7d": 8,
    "items_14d": 8 + 4,
    "items_30d": 8 + 4 + 1,
    "items_60d": 8 + 4 + 1 + 5,
    "items_90d": 8 + 4 + 1 + 5 + 2,
    "items_180d": 8 + 4 + 1 + 5 + 2 + 3,
    "items_365d": 8 + 4 + 1 + 5 + 2 + 3 + 1 + 2,
    "items_ever": 30,
    "mean_order_value": 450 / 9,
    "recent_order_value_90d": 300 / 5,
    "recent_order_value_365d": 360 / 8,
    "order_value_spread": SPREAD,
    "order_value_variation": SPREAD / 50,
    "largest_order_value": 90,
    "smallest_order_value": 10,
    "first_order_value": 90,
    "last_order_value": 80,
    "last_order_lines": 2,
    "order_value_trend": 80 / 50,
    "order_value_growth": 60 / 50,
    "mean_lines": 10 / 9,
    "mean_items": 30 / 9,
    "mean_item_value": 450 / 30,
    "orders_trend": 5 / 8,
    "spend_trend": 300 / 360,
    "last_month_share": 3 / 5,
    "orders_a_year_ago_30d": 1,
    "orders_a_year_ago_90d": 2,
    "spend_a_year_ago_90d": 20 + 10,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
SAID = {"null until the first": 1, "null until it": 1, "null until the second": 2}
KNOWN_FROM = {name: SAID[rule] for name, rule in RULES.items() if rule in SAID}

# An order that leaves a feature null, and one that makes it known.
WITHOUT = {
    "recent_order_value_90d": (line("A", 91, 5.0), line("A", 90, 5.0)),
    "recent_order_value_365d": (line("A", 366, 5.0), line("A", 365, 5.0)),
    "order_value_growth": (line("A", 91, 5.0), line("A", 90, 5.0)),
    "mean_item_value": (line("A", 3, 5.0, quantity=None), line("A", 3, 5.0, quantity=1)),
    "orders_trend": (line("A", 366, 5.0), line("A", 365, 5.0)),
    "spend_trend": (line("A", 366, 5.0), line("A", 365, 5.0)),
    "last_month_share": (line("A", 91, 5.0), line("A", 90, 5.0)),
}

TO_COME = line("T", -1, 10.0)
NEWCOMERS = {
    "listed": {"transactions": [TO_COME], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [TO_COME, line("R", 3, -1.0, quantity=-1)]},
    "visited": {
        "transactions": [TO_COME],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {"transactions": [TO_COME, line("R", 3, -1.0), *BESIDE]},
}


def test_every_feature_of_purchases_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "purchases"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, transactions=LINES + request.param))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_purchases_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


@pytest.fixture(scope="module")
def after_orders(customer):
    """The features before the first order, after it, after the second …"""
    orders = [line(f"O{days}", days, 12.0, quantity=1) for days in (40, 30, 20)]
    return [
        customer(AS_OF, *EXPECTED, transactions=[TO_COME, line("R", 50, -1.0), *orders[:placed]])
        for placed in range(4)
    ]


@pytest.mark.parametrize("name", KNOWN_FROM)
def test_a_feature_is_known_exactly_from_the_order_its_docstring_names(after_orders, name):
    known = [row[name] is not None for row in after_orders]
    assert known == [placed >= KNOWN_FROM[name] for placed in range(4)]


def test_every_other_null_rule_has_an_example():
    or_null = {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert set(KNOWN_FROM) | set(WITHOUT) == or_null


@pytest.mark.parametrize("name", WITHOUT)
def test_a_feature_is_null_exactly_without_what_its_docstring_names(customer, name):
    without, with_it = WITHOUT[name]
    assert customer(AS_OF, name, transactions=[without])[name] is None
    assert customer(AS_OF, name, transactions=[with_it])[name] is not None


def test_one_order_makes_all_known_but_the_spread(after_orders):
    row = after_orders[1]
    spread = ["order_value_spread", "order_value_variation"]
    assert [name for name in EXPECTED if row[name] is None] == spread
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


def test_unknown_quantities_count_as_none(customer):
    row = customer(AS_OF, "items_90d", "mean_items", transactions=[line("A", 3, 5.0)])
    assert (row["items_90d"], row["mean_items"]) == (0, 0)


def test_lines_of_zero_are_no_orders(customer):
    names = ("orders_ever", "lines_90d", "items_90d", "mean_order_value")
    row = customer(AS_OF, *names, transactions=[line("A", 3, 0.0, quantity=1)])
    assert [row[n] for n in names] == [0, 0, 0, None]


def test_cents_add_up_exactly(customer):
    lines = [line("A", 3, cents) for cents in (0.1, 0.2, 0.3)]
    assert customer(AS_OF, "spend_ever", transactions=lines)["spend_ever"] == 0.6


@pytest.mark.parametrize(
    ("name", "days"),
    [("orders_a_year_ago_30d", 30), ("orders_a_year_ago_90d", 90), ("spend_a_year_ago_90d", 90)],
)
def test_a_year_ago_a_stretch_begins_with_day_365_and_ends_before_its_last(customer, name, days):
    ages = (365.1, 365, 365 - days + 0.1, 365 - days)
    rows = [customer(AS_OF, name, transactions=[line("A", age, 1.0)]) for age in ages]
    assert [row[name] for row in rows] == [0, 1, 1, 0]
