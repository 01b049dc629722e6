"""What a customer buys, at the edges: ties, first and later lines, what no table knows."""

from datetime import UTC, datetime, timedelta
from math import log

import pytest

from contract.norms import Norms
from features.dictionary import FEATURES

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
ASSORTMENT = [f for f in FEATURES.values() if f.room == "assortment"]


def line(order, age, product, amount=5.0, quantity=1):
    span = age if isinstance(age, timedelta) else timedelta(days=age)
    at = AS_OF - span
    bought = {"product_id": product, "amount": amount, "quantity": quantity}
    return {"customer_id": "c", "order_id": order, "ordered_at": at, **bought}


@pytest.fixture
def told(customer):
    def compute(name, *lines, norms=NORMS):
        row = customer(AS_OF, name, norms=norms, transactions=list(lines), products=PRODUCTS)
        return row[name]

    return compute


@pytest.mark.parametrize("name", ["categories_365d", "new_categories_365d", "new_products_365d"])
def test_a_line_exactly_365_days_ago_is_in_the_year_and_an_earlier_one_is_not(told, name):
    year = timedelta(days=365)
    assert told(name, line("A", year, "T1")) == 1
    assert told(name, line("A", year + MICRO, "T1")) == 0


def test_a_category_is_of_the_year_though_it_was_bought_before_it_too(told):
    late, year = line("B", 10, "T1"), timedelta(days=365)
    assert told("categories_365d", line("A", year + timedelta(days=1), "T1"), late) == 1
    assert told("categories_365d", line("A", year + MICRO, "T1"), late) == 1
    assert told("categories_365d", line("A", year, "T1"), late) == 1
    assert told("new_categories_365d", line("A", year + MICRO, "T1"), late) == 0


def test_a_category_bought_twice_in_one_order_is_one(told):
    lines = [line("A", 10, "T1"), line("A", 10, "T2"), line("A", 10, "T1")]
    assert told("categories_ever", *lines) == told("categories_90d", *lines) == 1
    assert told("products_ever", *lines) == 2


def test_a_product_comes_again_only_at_a_later_time(told):
    name, late = "repeat_product_share", timedelta(days=10) - MICRO
    assert told(name, line("A", 10, "T1"), line("A", 10, "T1")) == 0
    assert told(name, line("A", 10, "T1"), line("B", 10, "T1")) == 0
    assert told(name, line("A", 10, "T1"), line("A", late, "T1")) == 1 / 2
    assert told(name, line("A", 10, "T1"), line("B", late, "T1"), line("B", late, "T1")) == 2 / 3


def test_the_commonest_category_is_of_rank_1(told):
    sold = {"cups": "K1", "tea": "T1", "cake": "C1", "spice": "S1", "honey": "H1"}
    for rank, name in enumerate(NORMS.vocabulary["category"], start=1):
        own = line("A", 9, sold[name])
        assert told("favourite_category", own) == rank
        assert told(f"category_share_{rank}", own) == 1


@pytest.mark.parametrize("name", ["category_lateness_2", "favourite_category_lateness"])
def test_lateness_by_category_counts_orders(told, name):
    begun, late = line("A", 10, "T1"), line("A", 8, "T2")
    assert told(name, begun, late) is None
    assert told(name, begun, late, line("B", 4, "T1")) == 4 / (10 - 4)
    assert told(name, begun, late, line("B", 4, "T1"), line("B", 2, "T1")) == 2 / (10 - 2)


@pytest.mark.parametrize("name", ["category_lateness_2", "favourite_category_lateness"])
def test_a_line_added_to_an_order_after_another_began_is_no_further_order(told, name):
    lines = [line("A", 20, "T1"), line("B", 12, "T1"), line("A", 8, "T1")]
    assert told(name, *lines) == 8 / (20 - 8)


def test_of_two_categories_bought_alike_the_first_by_name_is_the_favourite(told):
    lines = [line("A", 9, "T1"), line("B", 5, "K1"), line("C", 3, "K1"), line("D", 1, "T1")]
    assert told("favourite_category", *lines) == 1
    assert told("days_since_favourite_category", *lines) == 3
    assert told("favourite_category_share", *lines) == 1 / 2


def test_one_category_has_no_entropy_and_four_alike_have_log_4(told):
    one = told("category_entropy", line("A", 9, "T1"), line("B", 5, "T2"))
    assert one == pytest.approx(0, abs=1e-6)
    lines = [line(product, 9, product) for product in ("T1", "K1", "C1", "S1")]
    assert told("category_entropy", *lines) == pytest.approx(log(4))
    assert told("category_concentration", *lines) == 1 / 4


def test_gaps_below_a_day_count_as_a_day_in_lateness_by_category(told):
    lines = [line("A", 10.5, "T1"), line("B", 10.25, "T1")]
    assert told("category_lateness_2", *lines) == 10.25
    assert told("favourite_category_lateness", *lines) == 10.25


def test_a_category_the_shop_did_not_know_is_null_and_no_error(told):
    salt = [line("A", 9, "N1"), line("B", 5, "N1")]
    assert told("favourite_category", *salt) is None
    assert told("price_level", *salt) is None
    assert [told(f"category_share_{rank}", *salt) for rank in range(1, 6)] == [0] * 5
    assert [told(f"category_lateness_{rank}", *salt) for rank in range(1, 6)] == [None] * 5


def test_norms_without_a_vocabulary_know_no_category(told):
    nothing = Norms(as_of=AS_OF)
    assert told("favourite_category", line("A", 9, "T1"), norms=nothing) is None
    assert told("price_level", line("A", 9, "T1"), norms=nothing) is None
    assert told("category_share_1", line("A", 9, "T1"), norms=nothing) == 0
    assert told("category_lateness_1", line("A", 9, "T1"), norms=nothing) is None


def test_prices_of_the_shop_are_the_norms_and_not_the_customers(told):
    assert told("price_level", line("A", 9, "T1", 6.0, 1)) == 6 / 4
    assert told("price_level", line("A", 9, "T1", 6.0, 3)) == 6 / (3 * 4)


def test_a_line_without_a_quantity_says_nothing_of_prices(told):
    known = line("A", 9, "T1", 4.0, 1)
    for quantity in (None, 0, float("nan")):
        unknown = line("B", 5, "T1", 40.0, quantity)
        assert told("price_level", known, unknown) == 1
        assert told("recent_price_level_365d", known, unknown) == 1
        assert told("price_level", unknown) is None


@pytest.mark.parametrize("unpriced", ["S1", "N1", "bag", None, "Z"])
def test_a_line_without_a_usual_price_says_nothing_of_prices(told, unpriced):
    assert told("price_level", line("A", 9, "T1", 4.0), line("B", 5, unpriced, 40.0)) == 1
    assert told("price_level", line("B", 5, unpriced, 40.0)) is None


@pytest.fixture
def row(customer):
    def compute(*lines, **tables):
        names = [f.name for f in ASSORTMENT]
        return customer(AS_OF, *names, norms=NORMS, transactions=list(lines), **tables)

    return compute


def test_without_a_products_table_products_are_known_and_categories_are_not(row):
    told = row(line("A", 9, "T1"), line("B", 5, "K1"), line("C", 3, "T1"), line("C", 3, "T2"))
    assert {f.name: told[f.name] for f in ASSORTMENT if told[f.name]} == {
        "products_ever": 3,
        "new_products_90d": 3,
        "new_products_365d": 3,
        "repeat_product_share": 1 / 4,
        "recent_repeat_product_share_90d": 1 / 4,
    }
    assert {told[f.name] for f in ASSORTMENT if "categor" in f.name and f.or_zero} == {0}
    assert told["new_category_rate"] == 0
    assert told["price_level"] is told["category_share_1"] is told["favourite_category"] is None


def test_without_product_ids_there_is_no_product_at_all(row):
    lines = [line("A", 9, "T1"), line("B", 5, "K1")]
    without = [{k: v for k, v in one.items() if k != "product_id"} for one in lines]
    told = row(*without, products=PRODUCTS)
    assert {told[f.name] for f in ASSORTMENT if f.or_zero} == {0}
    known = {f.name for f in ASSORTMENT if told[f.name] is not None and not f.or_zero}
    assert known == {"new_category_rate"}
