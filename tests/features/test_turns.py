"""Orders by category, of one customer who is easy to count."""

from datetime import UTC, datetime, timedelta

import numpy as np

from contract.moments import as_micros
from features.turns import classify, find_kind, find_own, find_turns

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
PRODUCTS = [
    {"product_id": "p1", "category": "belts"},
    {"product_id": "p2", "category": "belts"},
    {"product_id": "p3", "category": "hats"},
    {"product_id": "p4", "category": None},
]


def line(customer, days, product, order_id=None):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "order_id": order_id or f"{customer}{days}", "ordered_at": at,
            "amount": 5.0, "product_id": product}  # fmt: skip


LINES = [
    line("a", 400, "p1"),
    line("a", 100, "p1"), line("a", 100, "p2"),  # one order, two lines of belts
    line("a", 20, "p3"), line("a", 20, "p4"),
    line("b", 10, "p4"),
    line("a", -5, "p3"),
]  # fmt: skip


def test_an_order_counts_once_in_each_of_its_categories(open_history):
    turns = find_turns(open_history(transactions=LINES, products=PRODUCTS))
    assert turns.names == ("belts", "hats")
    assert list(turns.owner) == [0, 0, 0, 0]
    assert [turns.names[c] for c in turns.category] == ["belts", "belts", "hats", "hats"]


def test_what_each_customer_bought_of_each_category_before_the_moment(open_history):
    turns = find_turns(open_history(transactions=LINES, products=PRODUCTS))
    own = find_own(turns, as_micros(AS_OF))
    assert own.orders.tolist() == [[2, 1], [0, 0]]
    assert own.orders_90d.tolist() == [[0, 1], [0, 0]]
    assert own.orders_365d.tolist() == [[1, 1], [0, 0]]
    # 400 days are 13 whole periods of 30, 100 days 3, and 20 none.
    assert np.allclose(own.decayed, [[0.9**13 + 0.9**3, 1], [0, 0]])
    assert own.days.tolist() == [[100, 20], [np.inf, np.inf]]
    assert own.span.tolist() == [[300, 0], [0, 0]]


def test_turns_are_told_by_a_choice_of_categories(open_history):
    turns = find_turns(open_history(transactions=LINES, products=PRODUCTS))
    chosen = turns.choose(["scarves", "hats"])
    assert chosen.count().tolist() == [[0, 2], [0, 0]]


def test_where_no_product_has_a_category_each_is_its_own(open_history):
    history = open_history(transactions=LINES)
    assert find_kind(history) == "product"
    turns = find_turns(classify(history, "product"))
    assert turns.names == ("p1", "p2", "p3", "p4")
    assert turns.count().tolist() == [[2, 1, 2, 1], [0, 0, 0, 1]]
    named = open_history(transactions=LINES, products=PRODUCTS)
    assert find_kind(named) == "category" and classify(named, "category") is named
