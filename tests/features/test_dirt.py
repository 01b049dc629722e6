"""What dirty amounts, quantities and discounts give: a stated result each, and never NaN."""

from datetime import UTC, datetime, timedelta
from math import nan

import pytest

from contract.check import check
from contract.norms import Norms
from contract.tables import Layout
from features.dictionary import FEATURES
from features.engines import read_tables

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
TEA = [{"product_id": "T", "category": "tea", "cost": 2.0}]
PRICED = Norms(as_of=AS_OF, vocabulary={"category": ("tea",)}, prices={"tea": 4.0})


def line(order, days, amount=10.0, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": order, "ordered_at": at, "amount": amount, **more}


def act(kind, days, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "kind": kind, "occurred_at": at, **more}


def test_returns_beyond_purchases_are_a_share_above_1_and_leave_spend_as_it_was(rows_of):
    lines = [line("A", 20, 10.0, quantity=1), line("R", 10, -25.0, quantity=-3), line("S", 5, -5.0)]
    told = rows_of(transactions=lines)["c"]
    assert told["return_share"] == told["return_share_365d"] == 30 / 10
    assert (told["spend_ever"], told["items_ever"], told["orders_ever"]) == (10, 1, 1)
    assert (told["returned_ever"], told["returns_ever"], told["days_since_return"]) == (30, 2, 5)


def test_an_order_of_zero_is_neither_order_nor_return_and_makes_the_customer_known(rows_of):
    told = rows_of(transactions=[line("A", 20, 0.0, quantity=3, discount=10.0)])["c"]
    assert {name for name in FEATURES if told[name]} == set()
    assert told["orders_ever"] == told["returns_ever"] == told["discount_ever"] == 0
    assert told["days_since_order"] is told["days_since_return"] is told["return_share"] is None


def test_exact_duplicates_count_as_often_as_they_are_told(rows_of):
    lines = [line("A", 20, 10.0, product_id="T"), line("B", 10, 30.0), line("R", 5, -4.0)]
    told = rows_of(transactions=lines * 2, interactions=[act("visit", 3), act("complaint", 2)] * 2)[
        "c"
    ]
    assert (told["orders_ever"], told["lines_ever"], told["spend_ever"]) == (2, 4, 80)
    assert (told["mean_order_value"], told["last_order_lines"], told["mean_gap"]) == (40, 2, 10)
    assert (told["returns_ever"], told["returned_ever"]) == (2, 8)
    assert (told["products_ever"], told["repeat_product_share"]) == (1, 0)
    assert (told["visits_7d"], told["open_complaints"], told["complaints_30d"]) == (2, 2, 2)


@pytest.mark.parametrize("many", [1, 7, 1000])
def test_sums_of_billions_are_exact_to_the_cent(rows_of, many):
    lines = [line(f"O{n}", 1 + n % 300, 999_999_999.99, discount=0.01) for n in range(many)]
    told = rows_of(transactions=[*lines, line("R", 1, -1e9), line("S", 1, -0.01)])["c"]
    assert told["spend_ever"] == (100_000_000_000 - 1) * many / 100
    assert told["discount_ever"] == many / 100
    assert told["returned_ever"] == 1_000_000_000.01
    assert told["mean_order_value"] == told["last_order_value"] == 999_999_999.99
    assert told["order_value_spread"] in (None, pytest.approx(0, abs=1e-6))


def test_a_billion_does_not_swallow_a_cent(rows_of):
    cents = [line(f"C{n}", 2, 0.01) for n in range(5)]
    told = rows_of(transactions=[line("A", 3, 1e9), *cents])["c"]
    assert told["spend_ever"] == 1_000_000_000.05
    assert told["smallest_order_value"] == told["last_order_value"] == 0.01


@pytest.mark.parametrize("unknown", [None, nan])
def test_an_unknown_quantity_or_discount_counts_as_none(rows_of, unknown):
    lines = [line("A", 20, 10.0, quantity=unknown, discount=unknown, product_id="T")]
    lines += [line("B", 10, 8.0, quantity=2.0, discount=2.0, product_id="T")]
    told = rows_of(transactions=lines, products=TEA, norms=PRICED)["c"]
    assert (told["items_ever"], told["mean_items"], told["discount_ever"]) == (2, 1, 2)
    assert told["discounted_orders_share"] == 1 / 2
    assert told["mean_item_value"] == 18 / 2
    assert (told["margin_ever"], told["margin_share"]) == (8 - 2 * 2, 4 / 8)
    assert told["price_level"] == 8 / (2 * 4)


def test_columns_of_nothing_but_unknown_numbers_are_as_good_as_no_columns(rows_of):
    bare = [line("A", 20, 10.0, product_id="T"), line("B", 10, 8.0, product_id="T")]
    without = rows_of(transactions=bare, products=TEA, norms=PRICED)
    for unknown in (None, nan):
        lines = [{**one, "quantity": unknown, "discount": unknown} for one in bare]
        assert rows_of(transactions=lines, products=TEA, norms=PRICED) == without


def test_a_negative_quantity_of_a_positive_amount_is_an_order_of_fewer_pieces(rows_of):
    lines = [line("A", 20, 12.0, quantity=3, product_id="T")]
    lines += [line("B", 10, 4.0, quantity=-1, product_id="T")]
    told = rows_of(transactions=lines, products=TEA, norms=PRICED)["c"]
    assert (told["orders_ever"], told["spend_ever"], told["returns_ever"]) == (2, 16, 0)
    assert (told["items_ever"], told["items_14d"]) == (3 - 1, -1)
    assert told["margin_ever"] == (12 - 3 * 2) + (4 + 1 * 2)


@pytest.mark.parametrize("quantity", [-1, -2, -3])
def test_a_line_of_fewer_than_no_pieces_says_nothing_of_prices(rows_of, quantity):
    lines = [line("A", 20, 6.0, quantity=1, product_id="T")]
    lines += [line("B", 10, 40.0, quantity=quantity, product_id="T")]
    told = rows_of(transactions=lines, products=TEA, norms=PRICED)["c"]
    assert told["price_level"] == told["recent_price_level_365d"] == 6 / 4


def test_pieces_that_cancel_leave_the_money_per_piece_unknown(rows_of):
    lines = [line("A", 20, 6.0, quantity=2), line("B", 10, 40.0, quantity=-2)]
    told = rows_of(transactions=lines)["c"]
    assert (told["items_ever"], told["mean_items"], told["mean_item_value"]) == (0, 0, None)


def test_discounts_below_zero_add_up_as_they_stand_and_share_nothing_of_nothing(rows_of):
    lines = [line("A", 20, 10.0, discount=-10.0)]
    told = rows_of(transactions=lines)["c"]
    assert (told["discount_ever"], told["discounted_orders_share"]) == (-10, 0)
    assert told["discount_share"] is told["discount_share_90d"] is None


def test_two_currencies_are_an_error_of_the_check_and_numbers_to_the_features(
    rows_of, tables, engine
):
    lines = [line("A", 20, 10.0, currency="EUR"), line("B", 10, 30.0, currency="USD")]
    frames = read_tables(tables(transactions=lines), engine, keep_text=True)
    found = check(frames, Layout(), AS_OF, lambda step: None).findings
    assert [f.rule for f in found if f.severity == "error"] == ["many_currencies"]
    told = rows_of(transactions=lines)["c"]
    assert (told["spend_ever"], told["mean_order_value"]) == (10 + 30, 20)


def test_a_barcode_for_a_quantity_leaves_what_is_not_counted_by_it_alone(rows_of):
    lines = [line("A", 20, 10.0, quantity=4_006_381_333_931, product_id="T"), line("B", 10, 6.0)]
    cheap = [{**TEA[0], "cost": 0.5}]
    told = rows_of(transactions=lines, products=cheap, norms=PRICED)["c"]
    assert (told["spend_ever"], told["lines_ever"]) == (16, 2)
    assert told["items_ever"] == 4_006_381_333_931
    assert told["margin_ever"] == 0  # a cost beyond a billion is not known
