"""The tables of the shop hold together."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shop import Plan, make_shop
from shop.tables import write_ids

Tables = dict[str, pl.DataFrame]
TIME, TEXT, NUMBER = pl.Datetime("us"), pl.String(), pl.Float64()


def test_schemas(small: Tables) -> None:
    assert dict(small["transactions"].schema) == {
        "customer_id": TEXT,
        "order_id": TEXT,
        "ordered_at": TIME,
        "product_id": TEXT,
        "quantity": NUMBER,
        "unit_price": NUMBER,
        "discount": NUMBER,
        "amount": NUMBER,
        "channel": TEXT,
        "currency": TEXT,
    }
    assert dict(small["interactions"].schema) == {
        "customer_id": TEXT,
        "occurred_at": TIME,
        "kind": TEXT,
        "channel": TEXT,
        "value": NUMBER,
        "initiated_by": TEXT,
    }
    assert small["customers"].columns == ["customer_id", "since", "country", "kind", "valid_from"]
    assert small["products"].columns == [
        "product_id",
        "category",
        "brand",
        "name",
        "price",
        "cost",
    ]
    assert {"order_rate", "alive", "left_at", "campaign_effect", "held_out"} <= set(
        small["truth/customers"].columns
    )


def test_row_counts(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    plan = Plan(customers=5_200, months=1, seed=3)
    rows = make_shop(tmp_path, plan, lambda done, total: steps.append((done, total)))
    assert steps == [(5_000, 5_200), (5_200, 5_200)]
    assert rows["customers"] == rows["truth/customers"] == rows["truth/future"] == 5_200
    for name, count in rows.items():
        assert pl.read_parquet(tmp_path / f"{name}.parquet").height == count
    assert not list(tmp_path.rglob("*.unfinished"))


def test_lines_per_customer(small: Tables) -> None:
    lines = small["transactions"].height / 2_000
    assert 22 < lines < 36


def test_same_seed_gives_the_same_bytes(small_folder: Path, tmp_path: Path) -> None:
    make_shop(tmp_path, Plan(customers=2_000, months=24, seed=7))
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(files) == 9
    for path in files:
        assert (tmp_path / path).read_bytes() == (small_folder / path).read_bytes()


def test_another_seed_gives_another_shop(small: Tables, tmp_path: Path) -> None:
    make_shop(tmp_path, Plan(customers=2_000, months=24, seed=8))
    for name in ("transactions", "interactions", "customers", "products", "truth/customers"):
        assert not pl.read_parquet(tmp_path / f"{name}.parquet").equals(small[name])


def test_a_larger_shop_begins_with_the_same_full_chunk(tmp_path: Path) -> None:
    make_shop(tmp_path / "less", Plan(customers=5_000, months=1, seed=1))
    make_shop(tmp_path / "more", Plan(customers=5_001, months=1, seed=1))
    less = pl.read_parquet(tmp_path / "less/transactions.parquet")
    more = pl.read_parquet(tmp_path / "more/transactions.parquet")
    assert less.height > 5_000
    assert more.filter(pl.col("customer_id") != "C-005001").equals(less)


@pytest.mark.parametrize("customers", [1, 2, 30])
@pytest.mark.parametrize("months", [1, 13])
def test_small_numbers_work(tmp_path: Path, customers: int, months: int) -> None:
    rows = make_shop(tmp_path, Plan(customers, months, 0, ends=date(2024, 2, 29)))
    assert rows["customers"] == customers
    planted = json.loads((tmp_path / "truth/plan.json").read_text())
    assert planted["starts"] == {1: "2024-01-29", 13: "2023-01-29"}[months]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(0, 1, 1), "customers is 0; give a whole number, at least 1"),
        (Plan(-5, 1, 1), "customers is -5; give"),
        (Plan(1, 0, 1), "months is 0; give a whole number, at least 1"),
        (Plan(1, 1, -1), "seed is -1; give a whole number, 0 or more"),
        (Plan(1, 9_999, 1), "months is 9999; give at most 1200"),
    ],
)
def test_bad_plans_are_refused(tmp_path: Path, plan: Plan, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_shop(tmp_path / "shop", plan)
    assert not (tmp_path / "shop").exists()


def test_keys_hold(small: Tables) -> None:
    known = small["customers"]["customer_id"]
    assert known.n_unique() == 2_000 and known[0] == "C-000001" and known[-1] == "C-002000"
    for name in ("transactions", "interactions", "truth/customers", "truth/future"):
        assert small[name].join(small["customers"], on="customer_id", how="anti").height == 0
    products = small["products"]
    assert products["product_id"].n_unique() == products.height == 600
    assert products["category"].n_unique() == 12
    assert small["transactions"].join(products, on="product_id", how="anti").height == 0
    assert small["transactions"].select("order_id", "product_id").is_duplicated().sum() == 0


def test_times_lie_within_the_history(small: Tables) -> None:
    for name, column in (("transactions", "ordered_at"), ("interactions", "occurred_at")):
        dated = small[name].join(small["customers"], on="customer_id")
        assert dated.filter(pl.col(column) < pl.col("since")).height == 0
        times = dated[column].to_numpy()
        assert times.min() >= np.datetime64("2024-11-01")
        assert np.datetime64("2026-10-31") < times.max() < np.datetime64("2026-11-01")


def test_an_order_has_one_customer_time_and_channel(small: Tables) -> None:
    orders = small["transactions"].group_by("order_id").n_unique()
    for column in ("customer_id", "ordered_at", "channel"):
        assert orders[column].max() == 1
    assert 2 < orders["product_id"].to_numpy().mean() < 3


def test_money_adds_up(small: Tables) -> None:
    lines = small["transactions"]
    total = pl.col("quantity") * pl.col("unit_price") - pl.col("discount")
    assert lines.select((total - pl.col("amount")).abs().max()).item() < 1e-6
    assert lines.select((pl.col("amount").round(2) == pl.col("amount")).all()).item()
    assert lines["discount"].min() == 0
    assert 0.15 < np.mean(lines["discount"].to_numpy() > 0) < 0.25
    assert (small["products"]["cost"] < small["products"]["price"]).all()


def test_returns_follow_a_purchase(small: Tables) -> None:
    lines = small["transactions"]
    back, bought = lines.filter(pl.col("amount") < 0), lines.filter(pl.col("amount") > 0)
    assert back.height + bought.height == lines.height
    assert 0.02 < back.height / lines.height < 0.07
    assert (back["quantity"] < 0).all() and (bought["quantity"] > 0).all()
    assert back.join(bought, on="order_id", how="semi").height == 0
    pairs = back.join(bought, on=["customer_id", "product_id"], suffix="_bought")
    days = (pl.col("ordered_at") - pl.col("ordered_at_bought")).dt.total_seconds() / 86_400
    matched = pairs.filter(
        days.is_between(2.99, 25.01),
        pl.col("amount") == -pl.col("amount_bought"),
        pl.col("quantity") == -pl.col("quantity_bought"),
    )
    assert matched.select("order_id", "product_id").n_unique() == back.height


def test_some_customers_never_order(small: Tables) -> None:
    never = small["customers"].join(small["transactions"], on="customer_id", how="anti")
    assert 0.02 < never.height / 2_000 < 0.06
    rates = never.join(small["truth/customers"], on="customer_id")["order_rate"]
    assert (rates == 0).all()


def test_ids_are_written_in_one_width() -> None:
    assert write_ids("C-", np.array([1, 42, 999_999]), 6).to_pylist() == [
        "C-000001",
        "C-000042",
        "C-999999",
    ]
    assert write_ids("C-", np.array([], dtype=np.int64), 6).to_pylist() == []
