"""A table says the same on both engines, whatever holds it: files, frames, SQL databases."""

import os
import sqlite3
from datetime import UTC, datetime

import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sql

from contract.columns import TABLES
from contract.errors import TablesError
from contract.moments import as_micros
from contract.norms import Norms
from contract.tables import Layout, SqlTable, Tables, find_tables
from features.compute import compute
from features.engines import open_tables, read_tables
from features.gather import read_history

ROWS = pl.DataFrame(
    {
        "customer_id": ["c", "c", "d"],
        "order_id": ["A", "B", "C"],
        "ordered_at": [datetime(2026, 1, day, 12) for day in (1, 2, 3)],
        "amount": [10.5, -2.25, 3.0],
    }
)
TYPED = [
    ("c", "A", 1_767_268_800_000_000, 10.5),
    ("c", "B", 1_767_355_200_000_000, -2.25),
    ("d", "C", 1_767_441_600_000_000, 3.0),
]
COLUMNS = ("customer_id", "order_id", "at_us", "amount")
LINE = {"customer_id": "c", "order_id": "A", "ordered_at": "2026-01-01", "amount": 1.0}


def read(source, engine, layout=None):
    frames = open_tables(Tables({"transactions": source}, layout or Layout()), engine)
    rows = frames.transactions.select(*COLUMNS).collect("polars").to_native()
    return sorted(rows.rows())


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_are_read_alike(engine, tmp_path, ending):
    file = tmp_path / f"transactions.{ending}"
    getattr(ROWS, f"write_{ending}")(file)
    assert read(file, engine) == TYPED


@pytest.mark.parametrize(
    "frame",
    [ROWS, ROWS.lazy(), ROWS.to_pandas(), ROWS.to_arrow(), ROWS.to_pandas().astype("object")],
    ids=["polars", "polars lazy", "pandas", "arrow", "pandas objects"],
)
def test_frames_are_read_alike(engine, frame):
    assert read(frame, engine) == TYPED


def test_a_sqlite_database_is_read_as_it_is(engine, tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute(
            "CREATE TABLE transactions"
            "(customer_id TEXT, order_id TEXT, ordered_at TIMESTAMP, amount NUMERIC)"
        )
        rows = [(*r[:2], r[2].isoformat(" "), r[3]) for r in ROWS.rows()]
        database.executemany("INSERT INTO transactions VALUES (?, ?, ?, ?)", rows)
    database.close()
    tables = find_tables(f"sqlite:///{tmp_path / 'shop.db'}")
    made = open_tables(tables, engine).transactions.select(*COLUMNS).collect("polars").to_native()
    assert sorted(made.rows()) == TYPED


@pytest.fixture
def postgres_table(postgres_url):
    """A table of 13085's one order, at 12:00+02:00; dropped at the end."""
    name = f"patron_test_{os.getpid()}"
    database = sql.create_engine(postgres_url)
    with database.begin() as connection:
        connection.execute(
            sql.text(
                f"CREATE TABLE {name} (customer_id bigint, order_id text, ordered_at timestamptz,"
                " amount numeric(10, 2), note jsonb)"
            )
        )
        put = f"INSERT INTO {name} VALUES (13085, 'A', '2026-07-01 12:00:00+02', 1.50, '{{}}')"
        connection.execute(sql.text(put))
        connection.execute(sql.text(f"INSERT INTO {name} (order_id) VALUES ('B')"))
    yield SqlTable(postgres_url, name)
    with database.begin() as connection:
        connection.execute(sql.text(f"DROP TABLE {name}"))
    database.dispose()


def test_a_postgresql_table_is_read_as_it_is(engine, postgres_table):
    assert read(postgres_table, engine) == [("13085", "A", 1_782_900_000_000_000, 1.5)]


def test_a_sql_table_without_rows_has_no_orders(engine, tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE transactions (customer_id, order_id, ordered_at, amount)")
    database.close()
    assert read(SqlTable(f"sqlite:///{tmp_path / 'shop.db'}", "transactions"), engine) == []


def test_missing_tables_are_empty_and_missing_columns_null(engine):
    frames = open_tables(Tables({"transactions": ROWS}), engine)
    assert len(frames.interactions.collect("polars")) == 0
    assert len(frames.customers.collect("polars")) == len(frames.products.collect("polars")) == 0
    lines = frames.transactions.collect("polars").to_native()
    assert lines["quantity"].to_list() == lines["channel"].to_list() == [None] * 3
    assert (lines["quantity"].dtype, lines["channel"].dtype) == (pl.Float64, pl.String)


def test_non_goods_are_left_out_and_unknown_products_kept(engine):
    products = pl.DataFrame([{**LINE, "product_id": p} for p in ("POST", "P-1", None)])
    layout = Layout(non_goods=("POST", "M"))
    frames = open_tables(Tables({"transactions": products}, layout), engine)
    kept = frames.transactions.collect("polars").to_native()["product_id"]
    assert set(kept) == {"P-1", None}


@pytest.mark.parametrize("column", ["customer_id", "order_id", "ordered_at", "amount"])
@pytest.mark.parametrize("value", [None, ""])
def test_rows_without_a_required_value_are_left_out(engine, column, value):
    lines = [LINE | {"amount": "1"}, LINE | {"amount": "1", column: value}]
    assert len(read(pl.DataFrame(lines), engine)) == 1


def test_a_layout_maps_the_shops_own_names(engine):
    layout = Layout(columns={"transactions": {"amount": "total", "customer_id": "Kunde Nr."}})
    frame = ROWS.rename({"amount": "total", "customer_id": "Kunde Nr."})
    assert read(frame, engine, layout) == TYPED


def test_what_a_layout_does_not_name_stays_out(engine):
    frames = open_tables(Tables({"transactions": ROWS.with_columns(extra=pl.lit(1))}), engine)
    assert "extra" not in frames.transactions.collect_schema().names()


def test_both_engines_take_many_moments_and_one(engine):
    history = read_history(Tables({"transactions": ROWS}), engine)
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3, 4)]

    def compute_at(*days):
        norms = {day: Norms(as_of=day) for day in days}
        return compute(history, norms, ["orders_ever"]).to_arrow()

    made = compute_at(*moments)
    assert made["customer_id"].to_pylist() == ["c", "c", "c", "d"]
    assert made["as_of_us"].to_pylist() == [as_micros(moments[i]) for i in (0, 1, 2, 2)]
    assert made["orders_ever"].to_pylist() == [1, 1, 1, 1]
    assert pa.concat_tables([compute_at(day) for day in moments]).equals(made)


def test_every_engine_gives_frames_of_one_kind(engine):
    frames = open_tables(Tables({"transactions": ROWS}), engine)
    tables = [getattr(frames, name) for name in TABLES]
    assert {type(table) for table in tables} == {nw.LazyFrame}
    typed = {name: dict(table.collect_schema()) for name, table in zip(TABLES, tables, strict=True)}
    assert typed["transactions"]["at_us"] == typed["interactions"]["at_us"] == nw.Int64
    assert typed["transactions"]["amount"] == typed["products"]["cost"] == nw.Float64
    assert typed["customers"]["since_us"] == nw.Int64


def refusal(source, engine):
    with pytest.raises(TablesError) as refused:
        read_tables(Tables({"transactions": source} if source is not None else {}), engine)
    return str(refused.value)


def test_an_unknown_engine_is_refused():
    told = "There is no engine 'spork'. Engines: polars, duckdb, spark."
    assert refusal(ROWS, "spork") == told


def test_no_transactions_are_refused(engine):
    told = "There is no table transactions. It is the one table Patron needs."
    assert refusal(None, engine) == told
    assert refusal(SqlTable("sqlite://", "transactions"), engine) == told


@pytest.mark.parametrize(
    ("ending", "content"), [("parquet", b"no parquet"), ("csv", b"")], ids=["parquet", "csv"]
)
def test_a_file_that_cannot_be_read_is_named(engine, tmp_path, ending, content):
    file = tmp_path / f"transactions.{ending}"
    file.write_bytes(content)
    assert refusal(file, engine) == f"{file} cannot be read as {ending}. Write the file again."


def test_a_frame_of_mixed_types_is_refused_by_name(engine):
    mixed = pd.DataFrame([LINE, {**LINE, "customer_id": 7}])
    told = refusal(mixed, engine)
    assert told.startswith("The frame of transactions cannot be read: ")
    assert told.endswith("Give a Polars, pandas or Arrow frame, each column of one type.")
