"""A database's rows, so many at a time, are those of the files."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sql

from contract.errors import TablesError
from contract.tables import Tables, find_tables
from features import databases
from features.engines import read_tables
from features.streaming import count_rows, stream_tables

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["customer_id", "order_id", "product_id", "amount"]


@pytest.fixture(scope="module")
def shop_in_postgres(scratch_database, small_shop) -> Tables:
    database = sql.create_engine(scratch_database)
    with database.begin() as connection:
        for file in small_shop.glob("*.parquet"):
            pl.read_parquet(file).write_database(file.stem, connection)
    database.dispose()
    return find_tables(scratch_database)


@pytest.mark.parametrize("rows", [700, 50_000])
def test_rows_come_as_they_are_in_files(shop_in_postgres, small_shop, engine, monkeypatch, rows):
    monkeypatch.setattr(databases, "ROWS", rows)
    files = read_tables(find_tables(str(small_shop)), engine)
    streamed = stream_tables(shop_in_postgres, engine)
    for name, expected in files.items():
        told = expected.collect("polars").to_native()
        found = streamed[name].collect("polars").to_native()
        assert found.schema == told.schema
        assert found.sort(found.columns).equals(told.sort(told.columns)), name
    assert len(told) > 0


def test_only_what_is_asked_for_is_handed_on(shop_in_postgres):
    lines = stream_tables(shop_in_postgres, "polars")["transactions"].to_native()
    some = lines.filter(pl.col("amount") > 100).select("customer_id", "amount").collect()
    every = lines.collect()
    assert some.height == every.filter(pl.col("amount") > 100).height > 0
    assert lines.head(3).collect().height == 3 and lines.head(0).collect().height == 0


def test_rows_are_counted_where_they_are(shop_in_postgres, small_shop, engine):
    files = count_rows(find_tables(str(small_shop)), engine)
    assert count_rows(shop_in_postgres, engine) == files
    lines = pl.scan_parquet(small_shop / "transactions.parquet").select(pl.len()).collect().item()
    assert files["transactions"] == lines


def test_a_column_that_a_layout_names_is_missed_at_once(shop_in_postgres):
    layout = shop_in_postgres.layout.model_copy(
        update={"columns": {"transactions": {"amount": "umsatz"}}}
    )
    with pytest.raises(TablesError, match="transactions has no column 'umsatz'"):
        stream_tables(Tables(shop_in_postgres.sources, layout), "polars")


def test_memory_does_not_grow_with_the_table(scratch_database):
    """Of 800,000 rows, 10,000 at a time, the last 700,000 take no more memory than the first."""
    database = sql.create_engine(scratch_database)
    with database.begin() as connection:
        connection.execute(
            sql.text(
                "CREATE TABLE many AS SELECT 'C' || n AS customer_id, 'O' || n AS order_id,"
                " 'P' || n % 1000 AS product_id, now() AS ordered_at, n::float AS amount"
                " FROM generate_series(1, 800000) n"
            )
        )
    database.dispose()
    code = r"""
import re, sys, tempfile
from pathlib import Path
from contract.tables import SqlTable, Tables
from features import databases, parting
from features.engines import read_tables
from features.streaming import stream_tables
databases.ROWS = parting.BATCH = 10_000
tables, peaks = Tables({"transactions": SqlTable(sys.argv[1], "many")}), {}
def find_peak(*_):
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
raw = stream_tables(tables, "polars")
with tempfile.TemporaryDirectory() as folder:
    counts = parting.part_tables(raw, 4, Path(folder), lambda n: peaks.update({n: find_peak()}))
assert counts["transactions"] == 800_000
before = find_peak()
held = read_tables(tables, "polars")
print(peaks[800_000] - peaks[100_000], find_peak() - before)
"""
    words = [sys.executable, "-P", "-c", code, scratch_database]
    done = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    grown, whole = (int(kilobytes) / 1024 for kilobytes in done.stdout.split())
    assert grown < 16 < 32 < whole, (grown, whole)
