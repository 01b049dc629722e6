"""Dirty ids: shared, spelled in two ways, told twice, of every script. A stated result each."""

from datetime import UTC, datetime, timedelta

import pytest

from contract.norms import Norms

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
NORMS = Norms(as_of=AS_OF, vocabulary={"country": ("GB", "DE"), "category": ("cups", "tea")})

# Composed and not, right to left, of four bytes, with a blank, a line's end and a quote.
IDS = [
    "Zoë",
    "Zoe\u0308",
    "ζωή",
    "зоя",
    "זואי",
    "👩\u200d🦰",
    "zoe ",
    " zoe",
    "zo\ne",
    "z'o\"e",
    "ZOE",
]


def line(order, days, amount=10.0, customer="c", **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "order_id": order, "ordered_at": at, "amount": amount, **more}


def listed(since=None, valid_from=None, customer="c", **more):
    return {"customer_id": customer, "since": since, "valid_from": valid_from, **more}


def test_an_order_id_that_two_customers_share_is_an_order_of_each(rows_of):
    lines = [line("A", 20, 10.0), line("A", 20, 5.0, "d"), line("A", 9, 3.0, "d")]
    rows = rows_of(transactions=[*lines, line("A", 20, 1.0)])
    names = ("orders_ever", "lines_ever", "spend_ever", "days_since_order")
    told = {customer: tuple(row[name] for name in names) for customer, row in rows.items()}
    assert told == {"c": (1, 2, 11, 20), "d": (1, 2, 8, 20)}


def test_ids_that_differ_in_case_or_blanks_are_different_customers(rows_of):
    ids = ["c", "C", "c ", " c"]
    lines = [line("A", 20, 1.0 + n, customer) for n, customer in enumerate(ids)]
    rows = rows_of(transactions=lines)
    assert {customer: row["spend_ever"] for customer, row in rows.items()} == {
        "c": 1, "C": 2, "c ": 3, " c": 4,
    }  # fmt: skip


def test_order_and_product_ids_that_differ_in_case_are_different_ones(rows_of):
    lines = [line("a", 20, product_id="t"), line("A", 20, product_id="T")]
    told = rows_of(transactions=lines)["c"]
    assert (told["orders_ever"], told["products_ever"]) == (2, 2)


def test_ids_of_every_script_are_kept_apart_in_every_table(rows_of):
    rows = rows_of(
        transactions=[
            line(order, 20 - n, 1.0 + n, customer, product_id=order)
            for n, customer in enumerate(IDS)
            for order in IDS[: n + 1]
        ],
        interactions=[
            {"customer_id": customer, "kind": "visit", "occurred_at": AS_OF - timedelta(days=3)}
            for n, customer in enumerate(IDS)
            for _ in range(n)
        ],
        products=[{"product_id": product, "category": product} for product in IDS],
        customers=[listed(AS_OF - timedelta(days=30), customer=customer) for customer in IDS],
    )
    assert rows.keys() == {*IDS}
    for n, customer in enumerate(IDS, start=1):
        told = rows[customer]
        assert told["orders_ever"] == told["products_ever"] == told["categories_ever"] == n
        assert (told["spend_ever"], told["visits_7d"], told["days_known"]) == (n * n, n - 1, 30)
        assert told["category_entropy"] is not None


def test_of_orders_at_one_instant_the_last_is_that_of_the_greatest_id_in_every_script(rows_of):
    lines = [line(order, 20, 1.0 + n) for n, order in enumerate(IDS)]
    told = rows_of(transactions=lines)["c"]
    assert told["last_order_value"] == 1 + IDS.index(max(IDS))
    assert told["first_order_value"] == 1 + IDS.index(min(IDS))


@pytest.mark.parametrize("turned", [1, -1])
def test_a_customer_listed_twice_is_one_who_joined_at_the_earlier_date(rows_of, turned):
    twice = [listed(datetime(2024, 1, 1)), listed(datetime(2023, 1, 1))][::turned]
    rows = rows_of(transactions=[line("A", 20)], customers=twice)
    assert list(rows) == ["c"]
    assert rows["c"]["days_known"] == 365 + 366 + 365
    assert (rows["c"]["orders_ever"], rows["c"]["profile_changes"]) == (1, 0)


@pytest.mark.parametrize("turned", [1, -1])
def test_of_two_entries_of_one_time_the_last_by_name_holds(rows_of, turned):
    at = datetime(2025, 1, 1)
    twice = [listed(valid_from=at, country=country) for country in ("GB", "DE")][::turned]
    told = rows_of(transactions=[line("A", 20)], customers=twice, norms=NORMS)["c"]
    assert (told["country"], told["days_since_profile_change"]) == (1, 365)


def test_an_entry_told_twice_is_no_change(rows_of):
    same = [listed(valid_from=datetime(2025, 1, 1), country="GB")] * 2
    told = rows_of(transactions=[line("A", 20)], customers=same, norms=NORMS)["c"]
    assert (told["country"], told["profile_changes"]) == (1, 0)


@pytest.mark.parametrize("turned", [1, -1])
def test_a_product_listed_twice_is_of_the_category_that_comes_first_by_name(rows_of, turned):
    twice = [
        {"product_id": "T", "category": "tea", "cost": 3.0},
        {"product_id": "T", "category": "cups", "cost": 4.0},
        {"product_id": "T", "category": None, "cost": 1.0},
    ][::turned]
    lines = [line("A", 20, 10.0, product_id="T", quantity=2)]
    told = rows_of(transactions=lines, products=twice, norms=NORMS)["c"]
    assert (told["favourite_category"], told["category_share_1"]) == (1, 1)
    assert (told["category_share_2"], told["categories_ever"], told["lines_ever"]) == (0, 1, 1)
    assert told["margin_ever"] == 10 - 2 * 4


def test_numbers_and_texts_of_the_same_digits_are_one_customer(rows_of):
    acts = [{"customer_id": "13085", "kind": "visit", "occurred_at": AS_OF - timedelta(days=3)}]
    rows = rows_of(transactions=[line("A", 20, customer=13085.0)], interactions=acts)
    assert (rows["13085"]["orders_ever"], rows["13085"]["visits_7d"]) == (1, 1)
