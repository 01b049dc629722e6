"""Odd tables: none, empty, huge, of one giant customer, of kinds that nobody knows."""

from datetime import UTC, datetime, timedelta
from time import perf_counter

import numpy as np
import polars as pl
import pytest

from contract.norms import Norms
from features.compute import compute
from features.dictionary import FEATURES

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
NORMS = Norms(as_of=AS_OF, vocabulary={"category": ("cups", "tea")}, prices={"tea": 1.0})


def line(order, days, amount=10.0, customer="c", **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "order_id": order, "ordered_at": at, "amount": amount, **more}


def act(kind, days, customer="c", **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "kind": kind, "occurred_at": at, **more}


def of_room(*rooms):
    return [name for name, feature in FEATURES.items() if feature.room in rooms]


def test_a_customer_known_only_from_interactions_has_acts_and_no_orders(rows_of):
    acts = [act("visit", 5, "v"), act("complaint", 3, "v"), act("campaign", 2, "w")]
    rows = rows_of(transactions=[line("A", 20)], interactions=acts)
    assert rows.keys() == {"c", "v", "w"}
    told = rows["v"]
    assert (told["visits_since_order"], told["complaints_since_order"]) == (1, 1)
    assert (told["contacts_7d"], rows["w"]["contacts_7d"]) == (2, 0)
    assert rows["w"]["campaigns_received_90d"] == 1
    for name in of_room("purchases", "concessions", "rhythm", "habits", "assortment", "lifetime"):
        assert told[name] == (0 if FEATURES[name].or_zero else None)


REQUIRED = {"customer_id": pl.String, "occurred_at": pl.String, "kind": pl.String}
ALL = {**REQUIRED, "occurred_at": pl.Datetime("us"), "channel": pl.String, "value": pl.Float64}


@pytest.mark.parametrize("schema", [{}, REQUIRED, ALL], ids=["no", "some", "all"])
def test_an_empty_interactions_table_is_as_good_as_none_whatever_columns_it_has(rows_of, schema):
    lines = [line("A", 20), line("B", 10), line("R", 5, -3.0)]
    empty = pl.DataFrame(schema=schema)
    assert rows_of(transactions=lines, interactions=empty) == rows_of(transactions=lines)


def test_without_a_products_table_products_count_and_categories_are_null(rows_of):
    lines = [line("A", 20, product_id="T"), line("B", 10, product_id="K")]
    told = rows_of(transactions=[*lines, line("C", 5, product_id="T")])["c"]
    assert (told["products_ever"], told["new_products_90d"]) == (2, 2)
    assert told["repeat_product_share"] == told["recent_repeat_product_share_90d"] == 1 / 3
    of_categories = [name for name in of_room("assortment") if "categor" in name]
    assert told.pop("new_category_rate") == 0  # no category in three orders
    for name in {*of_categories, "price_level", "recent_price_level_365d"} & told.keys():
        assert told[name] == (0 if FEATURES[name].or_zero else None)


def test_of_90_000_products_those_sold_have_their_categories_and_others_do_not_matter(rows_of):
    numbers = np.arange(90_000)
    catalogue = pl.DataFrame({
        "product_id": [f"P{n}" for n in numbers],
        "category": [f"category {n % 3000:04}" for n in numbers],
        "cost": numbers / 100,
    })  # fmt: skip
    bought = {"a": [1, 3001, 5], "b": [89_999, 2999], "d": [1, 1, 2, 3001, 77_777]}
    lines = [
        line(f"{customer}{turn}", 20 - turn, 1000.0, customer, product_id=f"P{n}", quantity=1)
        for customer, sold in bought.items()
        for turn, n in enumerate(sold)
    ]
    rows = rows_of(transactions=lines, products=catalogue)
    assert {who: row["categories_ever"] for who, row in rows.items()} == {"a": 2, "b": 1, "d": 3}
    assert rows["a"]["favourite_category"] == rows["d"]["favourite_category"] == 1
    assert rows["a"]["category_share_1"] == 2 / 3
    assert (rows["b"]["favourite_category"], rows["b"]["category_share_2"]) == (2, 1)
    assert rows["b"]["margin_ever"] == 2 * 1000 - 899.99 - 29.99
    sold = catalogue.filter(pl.col("product_id").is_in([one["product_id"] for one in lines]))
    assert sold.height == 7
    assert rows_of(transactions=lines, products=sold[::-1]) == rows


def test_kinds_that_nobody_knows_are_contacts_and_nothing_else(rows_of):
    lines = [line("A", 20)]
    acts = [act(kind, 5, value=9.0) for kind in ("Visit", "visits", "smoke signal", "🙂")]
    without = rows_of(transactions=lines, norms=NORMS)["c"]
    told = rows_of(transactions=lines, interactions=acts, norms=NORMS)["c"]
    changed = {name for name in FEATURES if told[name] != without[name]}
    assert changed == {
        "contacts_7d", "contacts_30d", "contacts_90d", "contacts_365d", "days_since_contact",
        "contacts_per_month", "contacts_pace", "web_share", "app_share", "phone_share",
    }  # fmt: skip
    assert told["contacts_7d"] == 4
    assert told["web_share"] == told["app_share"] == told["phone_share"] == 0


def draw_tables(rng):
    """Tables full of ties: few instants, shared order ids, kinds that open and close."""
    days = np.datetime64("2025-01-01", "us") + np.timedelta64(1, "D") * np.arange(300)
    n, who = 600, [f"c{i}" for i in range(20)]
    lines = {
        "customer_id": rng.choice(who, n), "order_id": rng.choice([f"o{i}" for i in range(60)], n),
        "ordered_at": rng.choice(days, n), "amount": rng.choice([10.0, 0.0, -5.0, 0.1, 1e9], n),
        "quantity": rng.choice([1.0, 2.0, np.nan], n), "discount": rng.choice([0.0, 0.1], n),
        "product_id": rng.choice(["P", "Q", "R", "S"], n),
    }  # fmt: skip
    kinds = ["visit", "campaign", "complaint", "support_ticket", "resolved", "email_open", "call"]
    acts = {
        "customer_id": rng.choice(who, n), "occurred_at": rng.choice(days, n),
        "kind": rng.choice(kinds, n), "value": rng.choice([1.0, 0.3, np.nan], n),
    }  # fmt: skip
    listed = {
        "customer_id": rng.choice(who, 60), "since": rng.choice(days, 60),
        "valid_from": rng.choice(days, 60), "country": rng.choice(["GB", "DE", "FR"], 60),
    }  # fmt: skip
    made = {"transactions": lines, "interactions": acts, "customers": listed}
    return {name: pl.DataFrame(columns) for name, columns in made.items()}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_rows_come_changes_nothing(rows_of, seed):
    tables = draw_tables(np.random.default_rng(seed))
    products = [
        {"product_id": p, "category": c, "cost": 0.3} for p, c in zip("PQR", "aab", strict=True)
    ]
    shuffled = {name: t.sample(fraction=1, shuffle=True, seed=seed) for name, t in tables.items()}
    told = rows_of(**tables, products=products)
    assert len(told) == 20
    assert rows_of(**shuffled, products=products[::-1]) == told


@pytest.fixture(scope="module")
def giant():
    """A hundred lines a day on each of a thousand days up to yesterday, of 50.50 in all."""
    n = np.arange(100_000)
    day = n // 100
    start = np.datetime64(datetime(2023, 4, 7), "us")
    return pl.DataFrame({
        "customer_id": np.full(len(n), "giant"),
        "order_id": [f"G{d}" for d in day],
        "ordered_at": start + day * np.timedelta64(1, "D"),
        "amount": (n % 100 + 1) / 100,
        "quantity": np.full(len(n), 2.0),
        "discount": np.full(len(n), 0.01),
        "product_id": [f"P{p}" for p in n % 100],
    })  # fmt: skip


OTHERS = pl.DataFrame(
    [
        {**line(f"{customer}{days}", days, days / 7, customer), "quantity": 1.0, "discount": 0.5,
         "product_id": f"P{days}"}
        for customer in ("a", "h")
        for days in (400, 90, 35, 34, 10)
    ]
).with_columns(pl.col("ordered_at").dt.replace_time_zone(None))  # fmt: skip


def test_one_customer_of_100_000_lines_is_counted_exactly_and_moves_nobody_else(rows_of, giant):
    products = [{"product_id": f"P{n}", "category": "tea", "cost": 0.125} for n in range(401)]
    tables = {"products": products, "norms": NORMS}
    without = rows_of(transactions=OTHERS, **tables)
    rows = rows_of(transactions=pl.concat([OTHERS, giant]).sample(fraction=1, shuffle=True, seed=7),
                   **tables)  # fmt: skip
    told = rows.pop("giant")
    assert rows == without
    by_hand = {
        "orders_ever": 1000, "orders_365d": 365, "orders_7d": 7, "order_days": 1000,
        "lines_ever": 100_000, "lines_365d": 36_500, "items_ever": 200_000, "items_7d": 1400,
        "spend_ever": 50_500, "spend_365d": 50.5 * 365, "spend_7d": 353.5, "discount_ever": 1000,
        "mean_order_value": 50.5, "order_value_spread": 0, "largest_order_value": 50.5,
        "margin_ever": 50_500 - 200_000 / 8, "mean_gap": 1, "median_gap": 1, "gap_spread": 0,
        "days_since_order": 1, "customer_age_days": 1000, "active_months": 12,
        "products_ever": 100, "categories_ever": 1, "favourite_category": 2,
        "repeat_product_share": 0.999, "category_entropy": 0, "category_concentration": 1,
        "price_level": 50_500 / 200_000, "lateness": 1, "weekday_habit": 143 / 1000,
    }  # fmt: skip
    assert {name: told[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-12, abs=1e-9)
    sums = [name for name in by_hand if FEATURES[name].or_zero]
    assert {name: told[name] for name in sums} == {name: by_hand[name] for name in sums}


def test_one_customer_of_100_000_lines_takes_no_longer_than_seconds(open_history, giant):
    begun = perf_counter()
    made = compute(open_history(transactions=giant), {AS_OF: NORMS})
    assert (len(made), perf_counter() - begun < 5) == (1, True)
