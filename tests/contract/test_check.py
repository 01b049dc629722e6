"""Every rule: a table that breaks it, how often, how bad, with which example; and a clean shop."""

from datetime import UTC, datetime

import pytest

from contract.check import check
from contract.columns import TABLES
from contract.rules import list_rules
from contract.tables import Layout
from features.engines import read_tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAYOUT = Layout(non_goods=("POST",))

# One good row of each table, all in text as a CSV file holds it.
LINE = {
    "customer_id": "c", "order_id": "A", "ordered_at": "2025-01-01", "amount": "10",
    "product_id": "P", "quantity": "1", "unit_price": "10", "discount": "0", "currency": "EUR",
}  # fmt: skip
GOOD = {
    "transactions": [LINE, LINE | {"order_id": "B", "ordered_at": "2025-06-01"}],
    "products": [{"product_id": "P", "price": "10", "cost": "5"}],
    "customers": [
        {"customer_id": "c", "since": "2024-01-01", "valid_from": "", "country": "", "kind": ""}
    ],
    "interactions": [
        {"customer_id": "c", "occurred_at": "2025-01-01", "kind": "visit", "value": "1"}
    ],
}
KEY = {"transactions": "order_id", "products": "product_id", "customers": "customer_id"}


def find(check_tables, engine, layout=LAYOUT):
    frames = read_tables(check_tables, engine, keep_text=True)
    return check(frames, layout, NOW, lambda step: None)


@pytest.fixture(scope="module")
def broken(engine, tables):
    """What is found once rows with these values are added: {"table.column rule": (...)}."""

    def add(*additions):
        rows = {name: list(good) for name, good in GOOD.items()}
        for n, (table, values) in enumerate(additions):
            fresh = {KEY[table]: f"Z{n}"} if table in KEY else {}
            rows[table].append(GOOD[table][0] | fresh | values)
        found = find(tables(LAYOUT, **rows), engine).findings
        return {f"{f.table}.{f.column} {f.rule}": (f.severity, f.rows, f.example) for f in found}

    return add


# Added row -> what is found: severity, rows, example.
BROKEN = [
    (("transactions", {"amount": "-5", "quantity": "-1"}),
     {"transactions.amount return": ("info", 1, "-5")}),
    (("transactions", {"amount": "0"}), {"transactions.amount zero": ("info", 1, "0")}),
    (("transactions", {"amount": "1000000001"}),
     {"transactions.amount beyond_a_billion": ("error", 1, "1000000001")}),
    (("transactions", {"unit_price": "0"}),
     {"transactions.unit_price not_above_zero": ("info", 1, "0")}),
    (("transactions", {"quantity": "-2"}),
     {"transactions.quantity sign_differs_from_amount": ("warning", 1, "-2")}),
    (("transactions", {"product_id": "POST"}),
     {"transactions.product_id non_goods": ("info", 1, "POST"),
      "transactions.product_id not_in_products": ("info", 1, "POST")}),
    (("transactions", {"product_id": "Q"}),
     {"transactions.product_id not_in_products": ("info", 1, "Q")}),
    (("transactions", {"ordered_at": "2026-01-01"}),
     {"transactions.ordered_at in_the_future": ("warning", 1, "2026-01-01")}),
    (("transactions", {"ordered_at": "1989-12-31"}),
     {"transactions.ordered_at before_1990": ("warning", 1, "1989-12-31")}),
    (("interactions", {"occurred_at": "2026-01-01"}),
     {"interactions.occurred_at in_the_future": ("warning", 1, "2026-01-01")}),
    (("interactions", {"occurred_at": "1970-01-01"}),
     {"interactions.occurred_at before_1990": ("warning", 1, "1970-01-01")}),
    (("transactions", {"order_id": "A"}),
     {"transactions.* exact_duplicate": ("warning", 1, "c")}),
    (("transactions", {"order_id": "A", "customer_id": "d"}),
     {"transactions.order_id order_of_many_customers": ("warning", 1, "A")}),
    (("transactions", {"customer_id": " C"}),
     {"transactions.customer_id spelled_in_two_ways": ("warning", 1, "c")}),
    (("transactions", {"currency": "USD"}),
     {"transactions.currency many_currencies": ("error", 2, "USD")}),
    (("customers", {"customer_id": "c"}),
     {"customers.customer_id listed_twice": ("warning", 1, "c")}),
    (("customers", {"country": "DE"}), {"customers.country undated": ("warning", 1, "DE")}),
    (("customers", {"kind": "reseller"}), {"customers.kind undated": ("warning", 1, "reseller")}),
    (("products", {"product_id": "P"}), {"products.product_id listed_twice": ("warning", 1, "P")}),
]  # fmt: skip
REQUIRED = [(t.name, c.name) for t in TABLES.values() for c in t.columns if c.required]
TYPED = [(t.name, c.name) for t in TABLES.values() for c in t.columns if c.kind != "text"]


@pytest.mark.parametrize(("row", "found"), BROKEN, ids=lambda case: " ".join(map(str, case)))
def test_a_broken_rule_is_counted_with_an_example(broken, row, found):
    assert broken(row) == found


def test_every_rule_has_a_table_that_breaks_it():
    exampled = {key for _, found in BROKEN for key in found}
    rules = {f"{r.table}.{r.column} {r.name}" for r in list_rules(LAYOUT, 0)}
    rest = {f"{t}.{c} missing" for t, c in REQUIRED} | {f"{t}.{c} unreadable" for t, c in TYPED}
    assert rules <= exampled | rest


@pytest.fixture(scope="module")
def unreadable(broken):
    return broken(*((table, {column: "soon"}) for table, column in TYPED))


@pytest.mark.parametrize(("table", "column"), TYPED)
def test_what_cannot_be_read_is_an_error_above_one_percent(unreadable, table, column):
    assert unreadable[f"{table}.{column} unreadable"] == ("error", 1, "soon")


def test_what_cannot_be_read_is_missing_where_it_is_required(unreadable):
    names = {f"{t}.{c} unreadable" for t, c in TYPED}
    assert unreadable.keys() - names == {f"{t}.{c} missing" for t, c in {*TYPED} & {*REQUIRED}}


@pytest.fixture(scope="module")
def missing(broken):
    return broken(*((table, {column: ""}) for table, column in REQUIRED))


@pytest.mark.parametrize(("table", "column"), REQUIRED)
def test_a_missing_value_of_a_required_column_is_a_warning(missing, table, column):
    assert missing[f"{table}.{column} missing"][:2] == ("warning", 1)


def test_a_missing_value_is_nothing_else_than_missing(missing):
    assert missing.keys() == {f"{t}.{c} missing" for t, c in REQUIRED}


def test_few_unreadable_rows_are_a_warning(engine, tables):
    lines = [LINE | {"order_id": f"{n}"} for n in range(198)]
    late = [LINE | {"order_id": "B", "ordered_at": "2025-06-01"}, LINE | {"discount": "ten"}]
    checked = find(tables(transactions=lines + late), engine)
    (finding,) = checked.findings
    assert (finding.severity, finding.rule, finding.rows) == ("warning", "unreadable", 1)
    assert checked.trainable


def test_a_clean_shop_has_no_findings_and_is_told_in_numbers(engine, tables):
    checked = find(tables(**GOOD), engine)
    assert checked.findings == ()
    assert checked.trainable
    assert checked.as_json() == {
        "trainable": True,
        "findings": [],
        "summary": {
            "transactions_rows": 2,
            "products_rows": 1,
            "customers_rows": 1,
            "interactions_rows": 1,
            "customers": 1,
            "orders": 2,
            "first_order": "2025-01-01",
            "last_order": "2025-06-01",
            "days": 151,
        },
    }


def test_no_order_at_all_is_an_error(engine, tables):
    checked = find(tables(transactions=[LINE | {"amount": "-1", "quantity": "-1"}]), engine)
    first = checked.findings[0]
    assert (first.severity, first.rule) == ("error", "no_orders")
    assert not checked.trainable


def test_a_short_history_says_which_horizon_it_allows(engine, tables):
    lines = [LINE, LINE | {"order_id": "B", "ordered_at": "2025-03-31"}]
    (finding,) = find(tables(transactions=lines), engine).findings
    assert (finding.severity, finding.rule, finding.rows) == ("warning", "short_history", 2)
    assert finding.to_do == "Only 89 days: give a horizon of 22 or less."


def test_errors_come_first_then_warnings_by_rows(engine, tables):
    lines = [LINE, LINE, LINE, LINE | {"amount": "2e9"}, LINE | {"customer_id": "C"}]
    lines += [LINE | {"order_id": "B", "ordered_at": "2025-06-01"}]
    found = find(tables(transactions=lines), engine).findings
    assert [(f.severity, f.rows) for f in found] == [("error", 1), ("warning", 2)] + [
        ("warning", 1)
    ] * 2


def test_every_finding_says_what_to_do(engine, tables):
    rows = [LINE | {"amount": "-1", "currency": "USD"}, LINE | {"ordered_at": "soon"}, LINE]
    assert all(f.to_do.endswith(".") for f in find(tables(transactions=rows), engine).findings)
