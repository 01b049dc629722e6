"""Spark's tasks read a database's tables themselves, in ranges, and type them as Polars does."""

from typing import Any

import polars as pl
import pytest

from contract.errors import TablesError
from contract.tables import find_tables
from features import engines, jdbc
from features.engines import open_tables
from features.jdbc import DRIVER, find_jdbc

TABLES = ("transactions", "interactions", "customers", "products")


@pytest.fixture(scope="module", params=["derby", "postgresql"])
def database(request: pytest.FixtureRequest, spark: Any, tmp_path_factory: Any) -> str:
    """The URL of a database that Spark reaches."""
    if request.param == "derby":
        return f"jdbc:derby:{tmp_path_factory.mktemp('derby') / 'shop'};create=true"
    request.getfixturevalue("postgres_driver")
    return str(request.getfixturevalue("scratch_database"))


@pytest.fixture(scope="module")
def stored(database: str, small_shop: Any, spark: Any) -> str:
    """The small shop in the database."""
    found = find_jdbc(database)
    for name in TABLES:
        frame = spark.read.parquet(str(small_shop / f"{name}.parquet"))
        times = [c for c, kind in frame.dtypes if kind == "timestamp"]
        naive = frame.withColumns({c: frame[c].cast("timestamp_ntz") for c in times})
        naive.write.jdbc(found.url, name, properties=dict(found.options))
    return database


def rows(frame: Any) -> pl.DataFrame:
    return frame.collect("polars").to_native().sort(pl.all())


def test_tables_are_read_in_ranges_and_as_polars_reads_the_files(stored, small_shop, monkeypatch):
    monkeypatch.setattr(jdbc, "ROWS", 3_000)
    read = open_tables(find_tables(stored), "spark")
    polars = open_tables(find_tables(str(small_shop)), "polars")
    for name in TABLES:
        assert rows(getattr(read, name)).equals(rows(getattr(polars, name))), name
    lines = len(rows(polars.transactions))
    parts = read.transactions.to_native().rdd.getNumPartitions()
    assert parts == -(-lines // 3_000) > 2
    sizes = read.transactions.to_native().rdd.mapPartitions(lambda r: [sum(1 for _ in r)]).collect()
    assert sum(sizes) == lines and min(sizes) > 0


def test_a_table_that_is_not_there_is_told(database, spark):
    derby = database.startswith("jdbc:derby")
    empty = (
        database.replace("/shop;", "/no;") if derby else f"{database.rpartition('/')[0]}/template1"
    )
    with pytest.raises(TablesError, match="There is no table transactions"):
        engines.read_tables(find_tables(empty), "spark")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("jdbc:oracle:thin:@127.0.0.1:1/secret", DRIVER),
        (
            "postgresql://someone:secret@127.0.0.1:1/shop",
            "Check the URL, and that the server runs.",
        ),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_url(spark, postgres_driver, url, told):
    with pytest.raises(TablesError) as refused:
        engines.read_tables(find_tables(url), "spark")
    assert str(refused.value).endswith(told)
    assert "secret" not in str(refused.value) and "127.0.0.1" not in str(refused.value)


def test_jdbc_is_for_spark_alone():
    with pytest.raises(TablesError, match="Only Spark reads over JDBC"):
        engines.read_tables(find_tables("jdbc:derby:shop;password=secret"), "polars")


def test_a_sqlalchemy_url_of_postgresql_is_one_of_jdbc():
    found = find_jdbc("postgresql+psycopg://me:p%40ss@host/shop?sslmode=require")
    assert found.url == "jdbc:postgresql://host:5432/shop?sslmode=require"
    assert (found.options["user"], found.options["password"]) == ("me", "p@ss")
    assert found.options["sessionInitStatement"] == "SET TIME ZONE 'UTC'"
    assert "p@ss" not in repr(found) and find_jdbc("sqlite:///shop.db") is None
