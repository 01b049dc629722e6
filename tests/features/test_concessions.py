"""What a shop gave away of its prices, counted by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def line(order, days, amount, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": order, "ordered_at": at, "amount": amount, **more}


# P costs 6 a piece; of Q nobody knows the cost.
PRODUCTS = [{"product_id": "P", "cost": 6.0}, {"product_id": "Q", "cost": None}]
LINES = [
    line("A", 400, 100.0, product_id="P", quantity=10, discount=20.0),
    line("R1", 380, -30.0, product_id="P", quantity=-3, discount=None),
    line("B", 200, 40.0, product_id="P", quantity=5, discount=10.0),
    line("R2", 150, -20.0, product_id="P", quantity=-2, discount=None),
    line("C", 100, 10.0, product_id="P", quantity=1, discount=0.0),
    line("R3", 60, -10.0, product_id="Q", quantity=-1, discount=None),
    line("D", 50, 60.0, product_id="Q", quantity=1, discount=40.0),
    line("D", 50, 20.0, product_id="P", quantity=2, discount=None),
    line("R4", 20, -4.0, product_id="P", quantity=-1, discount=None),
    line("R4", 20, -6.0, product_id="P", quantity=-1, discount=None),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in LINES[1:]]

EXPECTED = {
    "returns_30d": 2,
    "returns_90d": 3,
    "returns_365d": 4,
    "returns_ever": 5,
    "returned_90d": 4 + 6 + 10,
    "returned_365d": 4 + 6 + 10 + 20,
    "returned_ever": 4 + 6 + 10 + 20 + 30,
    "days_since_return": 20,
    "return_share": 70 / (100 + 40 + 10 + 80),
    "return_share_365d": 40 / (40 + 10 + 80),
    "discount_90d": 40,
    "discount_365d": 40 + 10,
    "discount_ever": 40 + 10 + 20,
    "discount_share": 70 / (70 + 230),
    "discount_share_90d": 40 / (40 + 80),
    "discounted_orders_share": 3 / 4,
    "discount_reliance": 40 / 120 - 70 / 300,
    "margin_365d": (40 - 5 * 6) + (10 - 1 * 6) + (20 - 2 * 6),
    "margin_ever": (100 - 10 * 6) + (40 - 5 * 6) + (10 - 1 * 6) + (20 - 2 * 6),
    "margin_share": 62 / (100 + 40 + 10 + 20),
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
RETURN, SALE = line("R", 3, -5.0), line("A", 3, 5.0)

# What leaves a feature null, and what makes it known.
UNTIL = {
    "days_since_return": ([SALE], [SALE, RETURN]),
    "return_share": ([RETURN], [RETURN, SALE]),
    "return_share_365d": ([RETURN, line("A", 366, 5.0)], [RETURN, line("A", 365, 5.0)]),
    "discount_share": ([RETURN], [SALE]),
    "discount_share_90d": ([line("A", 91, 5.0)], [line("A", 90, 5.0)]),
    "discounted_orders_share": ([RETURN], [SALE]),
    "discount_reliance": ([line("A", 91, 5.0)], [line("A", 90, 5.0)]),
    "margin_share": (
        [line("A", 3, 5.0, product_id="Q", quantity=1)],
        [line("A", 3, 5.0, product_id="P", quantity=1)],
    ),
}

TO_COME = line("T", -1, 10.0, product_id="P", quantity=1, discount=1.0)
NEWCOMERS = {
    "listed": {"transactions": [TO_COME], "customers": [{"customer_id": "c"}]},
    "visited": {
        "transactions": [TO_COME],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {
        "transactions": [TO_COME, *BESIDE],
        "customers": [{"customer_id": "c"}],
    },
}


def test_every_feature_of_concessions_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "concessions"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, products=PRODUCTS, transactions=LINES + request.param))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_concessions_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, products=PRODUCTS, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_order_and_return_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


def test_every_null_rule_has_an_example():
    assert set(UNTIL) == {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert all(RULES[name].startswith("null ") for name in UNTIL)


@pytest.mark.parametrize("name", UNTIL)
def test_a_feature_is_null_exactly_until_what_its_docstring_names(customer, name):
    before, after = UNTIL[name]
    assert customer(AS_OF, name, transactions=before, products=PRODUCTS)[name] is None
    assert customer(AS_OF, name, transactions=after, products=PRODUCTS)[name] is not None


def test_a_customer_with_returns_only_has_no_share_of_anything(customer):
    row = customer(AS_OF, *EXPECTED, transactions=[line("R", 3, -1.0)])
    returns = {name: row.pop(name) for name in EXPECTED if name.startswith("return")}
    assert {name for name, counted in returns.items() if counted is None} == {
        "return_share",
        "return_share_365d",
    }
    assert {counted for counted in returns.values() if counted is not None} == {1}
    assert row["days_since_return"] == 3
    assert {row[n] for n in row if n.startswith(("discount", "margin"))} == {0, None}


def test_unknown_discounts_count_as_none(customer):
    names = ("discount_ever", "discount_share", "discounted_orders_share")
    row = customer(AS_OF, *names, transactions=[line("A", 3, 5.0)])
    assert [row[n] for n in names] == [0, 0, 0]


def test_lines_of_zero_are_no_returns(customer):
    names = ("returns_90d", "returned_ever", "days_since_return")
    row = customer(AS_OF, *names, transactions=[line("A", 3, 0.0)])
    assert [row[n] for n in names] == [0, 0, None]


def test_an_order_with_one_discounted_line_is_discounted_once(customer):
    lines = [line("A", 3, 5.0, discount=d) for d in (1.0, 2.0, 0.0)] + [line("B", 2, 5.0)]
    row = customer(AS_OF, "discounted_orders_share", transactions=lines)
    assert row["discounted_orders_share"] == 1 / 2


def test_a_sale_below_cost_has_a_margin_below_zero(customer):
    names = ("margin_ever", "margin_share")
    sale = line("A", 3, 10.0, product_id="P", quantity=2)
    row = customer(AS_OF, *names, transactions=[sale], products=PRODUCTS)
    assert [row[n] for n in names] == [10 - 2 * 6, pytest.approx(-2 / 10)]


def test_without_a_quantity_the_cost_of_a_line_is_not_known(customer):
    names = ("margin_ever", "margin_share")
    sale = line("A", 3, 10.0, product_id="P", quantity=None)
    row = customer(AS_OF, *names, transactions=[sale], products=PRODUCTS)
    assert [row[n] for n in names] == [0, None]


def test_without_a_products_table_no_margin_is_known(customer):
    row = customer(AS_OF, "margin_ever", "margin_365d", "margin_share", transactions=LINES)
    assert (row["margin_ever"], row["margin_365d"], row["margin_share"]) == (0, 0, None)
