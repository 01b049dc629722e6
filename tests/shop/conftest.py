"""Two invented shops, made once: a small one for the tables and a larger one for the truth."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from shop import Plan, make_shop

Tables = dict[str, pl.DataFrame]

NAMES = (
    "transactions",
    "products",
    "customers",
    "interactions",
    "truth/customers",
    "truth/future",
    "truth/categories",
    "truth/campaigns",
)


def read_tables(folder: Path) -> Tables:
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in NAMES}


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Tables]:
    return read_tables


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    make_shop(folder, Plan(customers=2_000, months=24, seed=7))
    return folder


@pytest.fixture(scope="session")
def small(small_folder: Path) -> Tables:
    return read_tables(small_folder)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("large")
    make_shop(folder, Plan(customers=15_000, months=24, seed=11))
    return read_tables(folder)


@pytest.fixture(scope="session")
def orders(large: Tables) -> pl.DataFrame:
    bought = large["transactions"].filter(pl.col("amount") > 0)
    return (
        bought.unique("order_id")
        .sort("customer_id", "ordered_at")
        .select("customer_id", "ordered_at")
        .with_columns(number=pl.col("ordered_at").rank("ordinal").over("customer_id"))
    )


@pytest.fixture(scope="session")
def outcomes(large: Tables) -> pl.DataFrame:
    return large["truth/customers"].join(large["truth/future"], on="customer_id")
