"""What a customer buys, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import log

import polars as pl
import pytest

from contract.norms import Norms
from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
NORMS = Norms(
    as_of=AS_OF,
    vocabulary={"category": ("cups", "tea", "cake", "spice", "honey")},
    prices={"cups": 10.0, "tea": 4.0, "cake": 5.0, "honey": 2.0},
)
# The shop as it was has never sold salt; a bag is of no category, and of Z no table knows.
PRODUCTS = [
    {"product_id": "T1", "category": "tea"},
    {"product_id": "T2", "category": "tea"},
    {"product_id": "K1", "category": "cups"},
    {"product_id": "C1", "category": "cake"},
    {"product_id": "S1", "category": "spice"},
    {"product_id": "H1", "category": "honey"},
    {"product_id": "N1", "category": "salt"},
    {"product_id": "bag", "category": None},
]


def line(order, age, product, amount=5.0, quantity=1):
    span = age if isinstance(age, timedelta) else timedelta(days=age)
    return {
        "customer_id": "c",
        "order_id": order,
        "ordered_at": AS_OF - span,
        "amount": amount,
        "product_id": product,
        "quantity": quantity,
    }


# 14 lines of a product in 8 orders, 13 of them of a category: 4 tea, 1 salt, 2 of each other.
LINES = [
    line("A", 500, "H1", 3.0, 1),
    line("B", 450, "H1", 7.0, 2),
    line("C", 400, "T1", 5.0, 1),
    line("D", 200, "T1", 10.0, 2),
    line("D", 200, "T2", 6.0, 1),
    line("D", 200, "K1", 12.0, 1),
    line("E", 100, "K1", 9.0, 1),
    line("E", 100, "N1", 2.0, 1),
    line("E", 100, "bag", 3.0, 1),
    line("E", 100, None, 1.0, 1),
    line("F", 40, "T2", 8.0, 2),
    line("F", 40, "C1", 4.0, 1),
    line("G", 10, "C1", 15.0, 3),
    line("G", 10, "S1", 7.0, 1),
    line("R", 5, "H1", -3.0, -1),
    line("H", 2, "S1", 7.0, 1),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in LINES[1:]]

EXPECTED = {
    "products_ever": 8,
    "new_products_90d": 2,  # C1, S1
    "new_products_365d": 6,  # T2, K1, N1, bag, C1, S1
    "repeat_product_share": 6 / 14,  # H1, T1, K1, T2, C1, S1 again
    "recent_repeat_product_share_90d": 3 / 5,  # T2, C1, S1 again
    "categories_ever": 6,
    "categories_90d": 3,  # tea, cake, spice
    "categories_365d": 5,  # tea, cups, salt, cake, spice
    "new_categories_90d": 2,  # cake, spice
    "new_categories_365d": 4,  # cups, salt, cake, spice
    "new_category_rate": 6 / 8,
    "days_since_new_category": 10,
    "category_entropy": -(4 / 13 * log(4 / 13) + 4 * 2 / 13 * log(2 / 13) + 1 / 13 * log(1 / 13)),
    "category_concentration": (4**2 + 4 * 2**2 + 1**2) / 13**2,
    "favourite_category_share": 4 / 13,
    "days_since_favourite_category": 40,
    "favourite_category_lateness": 40 / ((400 - 40) / 2),
    "favourite_category": 2,
    "category_share_1": 2 / 13,
    "category_share_2": 4 / 13,
    "category_share_3": 2 / 13,
    "category_share_4": 2 / 13,
    "category_share_5": 2 / 13,
    "category_lateness_1": 100 / (200 - 100),
    "category_lateness_2": 40 / ((400 - 40) / 2),
    "category_lateness_3": 10 / (40 - 10),
    "category_lateness_4": 2 / (10 - 2),
    "category_lateness_5": 450 / (500 - 450),
    # Paid for honey, tea, cups and cake, and what so many pieces cost in the mean.
    "price_level": (10 + 29 + 21 + 19) / (3 * 2 + 6 * 4 + 2 * 10 + 4 * 5),
    "recent_price_level_365d": (24 + 21 + 19) / (5 * 4 + 2 * 10 + 4 * 5),
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
BAG, TEA = [line("A", 9, "bag")], [line("A", 9, "T1")]
BY_CATEGORY = [n for n, rule in RULES.items() if rule == "null without a category"]

# What leaves a feature null, and what makes it known.
UNTIL = {
    **dict.fromkeys(BY_CATEGORY, (BAG, TEA)),
    "repeat_product_share": ([line("A", 9, None)], BAG),
    "recent_repeat_product_share_90d": ([line("A", 91, "T1")], [line("A", 90, "T1")]),
    "new_category_rate": ([line("R", 9, "T1", -5.0)], [line("A", 9, None)]),
    "days_since_new_category": (BAG, TEA),
    "favourite_category": ([line("A", 9, "N1")], TEA),
    "favourite_category_lateness": (
        [line("A", 9, "T1"), line("A", 9, "T2"), line("B", 5, "K1"), line("C", 3, "bag")],
        [line("A", 9, "T1"), line("A", 9, "T2"), line("B", 5, "T1")],
    ),
    "recent_price_level_365d": ([line("A", 366, "T1")], [line("A", 365, "T1")]),
    **{
        f"category_lateness_{rank}": (
            [line("A", 9, one), line("A", 9, one), line("B", 5, "N1")],
            [line("A", 9, one), line("B", 5, one)],
        )
        for rank, one in enumerate(("K1", "T1", "C1", "S1", "H1"), start=1)
    },
}

NEWCOMERS = {
    "listed": {"transactions": [line("T", -1, "T1")], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [line("T", -1, "T1"), line("R", 3, "T1", -5.0, -1)]},
    "visited": {
        "transactions": [line("T", -1, "T1")],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {
        "transactions": [line("T", -1, "T1"), line("R", 3, "T1", -5.0, -1), *BESIDE]
    },
}


def test_every_feature_of_assortment_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "assortment"}


@pytest.fixture
def told(customer):
    def compute(name, *lines, norms=NORMS, products=PRODUCTS):
        row = customer(AS_OF, name, norms=norms, transactions=list(lines), products=products)
        return row[name]

    return compute


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(
        features_of(AS_OF, EXPECTED, NORMS, products=PRODUCTS, transactions=LINES + request.param)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_assortment_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, NORMS, products=PRODUCTS, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


def test_every_null_rule_has_an_example():
    assert set(UNTIL) == {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert all(RULES[name].startswith("null ") for name in UNTIL)


@pytest.mark.parametrize("name", UNTIL)
def test_a_feature_is_null_exactly_until_what_its_docstring_names(told, name):
    before, after = UNTIL[name]
    assert told(name, *before) is None
    assert told(name, *after) is not None
