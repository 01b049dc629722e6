"""What is wrong with two real shops, counted a second time without our rules."""

from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest

from contract.check import check
from contract.presets import PRESETS
from contract.tables import find_tables
from features.engines import read_tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def checked(shared_data):
    """What both engines find in a shop, which must be one and the same."""

    @cache
    def check_shop(shop):
        tables = find_tables(str(shared_data / shop), shop)
        frames = {e: read_tables(tables, e, keep_text=True) for e in ("polars", "duckdb")}
        polars, duckdb = (check(f, tables.layout, NOW, lambda s: None) for f in frames.values())
        assert polars.as_json() == duckdb.as_json()
        return polars

    return check_shop


def counts(checked):
    return {f"{f.table}.{f.column} {f.rule}": f.rows for f in checked.findings}


def find_repeats(lines, *columns):
    return lines.height - lines.select(columns).unique().height


def count(lines, broken):
    return lines.filter(broken).height


def test_the_online_shop_is_found_as_it_is(checked, shared_data):
    found = checked("online_retail_ii")
    lines = pl.read_parquet(shared_data / "online_retail_ii" / "transactions.parquet")
    fees = PRESETS["online_retail_ii"]["non_goods"]
    owners = lines.group_by("order_id").agg(pl.col("customer_id").n_unique())
    goods = pl.read_parquet(shared_data / "online_retail_ii" / "products.parquet")
    customers = pl.read_parquet(shared_data / "online_retail_ii" / "customers.parquet")
    unlisted = lines.filter(pl.col("product_id").is_not_null()).join(goods, "product_id", "anti")
    own = ("customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price")
    expected = {
        "transactions.customer_id missing": lines["customer_id"].null_count(),
        "transactions.amount return": count(lines, pl.col("amount") < 0),
        "transactions.amount zero": count(lines, pl.col("amount") == 0),
        "transactions.unit_price not_above_zero": count(lines, pl.col("unit_price") <= 0),
        "transactions.product_id non_goods": count(lines, pl.col("product_id").is_in(fees)),
        "transactions.* exact_duplicate": find_repeats(lines, *own, "amount"),
        "transactions.quantity sign_differs_from_amount": count(
            lines, pl.col("quantity") * pl.col("amount") < 0
        ),
        "transactions.order_id order_of_many_customers": count(owners, pl.col("customer_id") > 1),
        "transactions.product_id not_in_products": unlisted.height,
        "customers.country undated": count(customers, pl.col("country").is_not_null()),
    }
    assert counts(found) == {rule: rows for rule, rows in expected.items() if rows}
    assert expected["transactions.customer_id missing"] > 100_000
    assert found.trainable


def test_the_online_shop_is_summed_up_as_it_is(checked, shared_data):
    lines = pl.read_parquet(shared_data / "online_retail_ii" / "transactions.parquet")
    bought = lines.filter(pl.col("amount") > 0, pl.col("customer_id").is_not_null())
    summary = checked("online_retail_ii").summary
    assert summary["transactions_rows"] == lines.height == 823_643
    assert summary["customers"] == bought["customer_id"].n_unique()
    assert summary["orders"] == bought["order_id"].n_unique()
    assert (summary["first_order"], summary["last_order"]) == ("2009-12-01", "2011-08-31")


def test_the_grocer_is_found_as_it_is(checked, shared_data):
    found = checked("completejourney")
    lines = pl.read_parquet(shared_data / "completejourney" / "transactions.parquet")
    listed = pl.read_parquet(shared_data / "completejourney" / "products.parquet")
    own = ("customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price")
    owners = lines.group_by("order_id").agg(pl.col("customer_id").n_unique())
    expected = {
        "transactions.amount return": count(lines, pl.col("amount") < 0),
        "transactions.amount zero": count(lines, pl.col("amount") == 0),
        "transactions.unit_price not_above_zero": count(lines, pl.col("unit_price") <= 0),
        "transactions.quantity sign_differs_from_amount": count(
            lines, pl.col("quantity") * pl.col("amount") < 0
        ),
        "transactions.* exact_duplicate": find_repeats(lines, *own, "amount", "retail_disc"),
        "transactions.order_id order_of_many_customers": count(owners, pl.col("customer_id") > 1),
        "transactions.product_id not_in_products": lines.join(listed, "product_id", "anti").height,
        "products.product_id listed_twice": find_repeats(listed, "product_id"),
    }
    assert counts(found) == {rule: rows for rule, rows in expected.items() if rows}
    assert expected["transactions.amount zero"] > 0
    assert found.trainable
