"""What is usual of each category, counted by hand, and nothing of it from the future."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.choice import Offer
from contract.errors import HistoryError
from contract.moments import as_micros
from features.shelves import (
    ALIKE,
    BUYERS,
    find_lift,
    find_pull,
    find_shelf,
    find_standing,
    list_sold,
    refuse_few,
    take_stock,
)

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = {"b": "belts", "h": "hats", "s": "scarves"}
PRODUCTS = [{"product_id": p, "category": name} for p, name in NAMES.items()]
OFFER = Offer()


def buy(customer, days, product):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "order_id": f"{customer}{days}{product}", "ordered_at": at,
            "amount": 5.0, "product_id": product}  # fmt: skip


# Ten customers bought belts 80 days ago; four of them hats in the last 30 days, one scarves.
LINES = [
    *(buy(f"c{n}", 80, "b") for n in range(10)),
    *(buy(f"c{n}", 10, "h") for n in range(4)),
    buy("c0", 5, "s"),
]


@pytest.fixture
def stock(open_history):
    return take_stock(open_history(transactions=LINES, products=PRODUCTS))


def test_the_shelf_holds_what_was_sold_in_the_year_the_most_bought_first(open_history):
    old = [buy("c9", 366, "x"), *LINES]
    history = open_history(
        transactions=old, products=[*PRODUCTS, {"product_id": "x", "category": "gone"}]
    )
    assert list_sold(take_stock(history), as_micros(AS_OF), OFFER) == ("belts", "hats", "scarves")
    named = Offer(only=("scarves",))
    assert list_sold(take_stock(history), as_micros(AS_OF), named)[0] == "scarves"


def test_what_is_usual_is_counted_among_those_who_had_not_bought_it(stock):
    shelf = find_shelf(stock, AS_OF, 30, OFFER)
    assert shelf.names == ("belts", "hats", "scarves")
    # One window of 30 days is closed after the first 30: ten candidates for hats, of whom four
    # bought, and for scarves, of whom one did; nobody is a candidate for belts.
    overall = (5 + 1) / (20 + 2)
    popular = np.array([10, 4, 1]) + 1.0
    expected = np.minimum(overall * popular / popular.mean(), 0.5)
    came, there = np.array([0, 4, 1]), np.array([0, 10, 10])
    assert shelf.usual == pytest.approx((came + BUYERS) / (there + BUYERS / expected))
    assert shelf.popular == pytest.approx((1.0, 0.4, 0.1))
    assert shelf.recent == pytest.approx((0.0, 0.4, 0.1))
    assert shelf.season == (1, 1, 1)  # a year ago is not known


def test_candidates_are_told_by_the_look_back(stock):
    at_us = as_micros(AS_OF)
    days, fresh = find_standing(stock.turns, at_us, Offer(look_back_days=7))
    assert days[0] == 5 and days[4] == 80
    assert fresh[0].tolist() == [True, True, False]  # scarves 5 days ago
    assert find_standing(stock.turns, at_us, Offer(repeats=True))[1].all()


def test_lift_is_both_over_chance_drawn_to_1():
    had = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], dtype=float)
    lift = find_lift(had)
    # Of four, three bought the first and two the second, both did two: chance has 3 * 2 / 4.
    assert lift[0, 1] == lift[1, 0] == (2 + ALIKE) / (1.5 + ALIKE)
    assert lift[1, 2] == (0 + ALIKE) / (1 + ALIKE)


def test_pull_is_the_ridge_regression_of_each_category_on_the_others():
    rng = np.random.default_rng(3)
    had = (rng.random((500, 4)) < 0.4).astype(float)
    had[:, 1] = had[:, 0] * (rng.random(500) < 0.8)
    pull = find_pull(had)
    others = had[:, [0, 2, 3]]
    expected = np.linalg.solve(others.T @ others + 50 * np.eye(3), others.T @ had[:, 1])
    assert pull[[0, 2, 3], 1] == pytest.approx(expected)
    assert (np.diag(pull) == 0).all()


def test_a_category_that_sold_more_a_year_ago_has_its_season(open_history):
    before, after = 364 + 10, 364 - 10
    lines = [*LINES, buy("z", 800, "b")]
    lines += [buy(f"y{n}", before, p) for n in range(40) for p in "bh"]
    lines += [buy(f"y{n}", after, "b") for n in range(40)]
    lines += [buy(f"y{n}", after - 1, "h") for n in range(40)]
    lines += [buy(f"x{n}", after, "h") for n in range(40)]
    shelf = find_shelf(
        take_stock(open_history(transactions=lines, products=PRODUCTS)), AS_OF, 30, OFFER
    )
    season = dict(zip(shelf.names, shelf.season, strict=True))
    moved = (120 + 20) / (80 + 20)
    assert season["hats"] == pytest.approx((80 + 20) / (40 * moved + 20))
    assert season["belts"] == pytest.approx((40 + 20) / (40 * moved + 20))


def test_what_comes_at_or_after_the_moment_changes_nothing(open_history, stock):
    later = [buy(f"c{n}", -n / 3, "s") for n in range(10)]
    more = take_stock(open_history(transactions=[*LINES, *later], products=PRODUCTS))
    assert find_shelf(more, AS_OF, 30, OFFER) == find_shelf(stock, AS_OF, 30, OFFER)


def test_too_few_categories_are_refused(open_history):
    two = [line for line in LINES if line["product_id"] != "s"]
    few = take_stock(open_history(transactions=two, products=PRODUCTS))
    with pytest.raises(HistoryError, match=r"2 categories to choose from are too few; 3 are"):
        refuse_few(few, as_micros(AS_OF), OFFER)
    unnamed = [{k: v for k, v in line.items() if k != "product_id"} for line in LINES]
    with pytest.raises(HistoryError, match=r"0 categories.*product_id in transactions"):
        refuse_few(take_stock(open_history(transactions=unnamed)), as_micros(AS_OF), OFFER)


def test_a_named_category_that_is_not_sold_is_refused(stock):
    refuse_few(stock, as_micros(AS_OF), Offer(only=("belts", "hats", "scarves")))
    with pytest.raises(HistoryError, match=r"1 of the --categories were not sold.*'gloves'"):
        refuse_few(stock, as_micros(AS_OF), Offer(only=("belts", "gloves", "hats")))
