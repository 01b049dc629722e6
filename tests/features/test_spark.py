"""Spark says what Polars says, to the bit, of every file and every customer, wherever they lie."""

import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from contract.columns import Column
from contract.errors import TablesError
from contract.moments import as_micros
from contract.norms import Norms, Product
from contract.presets import PRESETS
from contract.tables import Layout, Tables, find_tables
from features import norms as norms_of
from features import on_polars
from features.compute import compute
from features.dictionary import FEATURES
from features.engines import SPARK_NEEDS, open_tables
from features.gather import read_history
from features.norms import find_norms

AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
MOMENTS = {
    "small_shop": [datetime(2025, 9, 1, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC), AS_OF],
    "online_retail_ii": [datetime(2010, 12, 1, tzinfo=UTC), datetime(2011, 6, 1, tzinfo=UTC)],
    "completejourney": [datetime(2017, 6, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)],
}
LONDON = Layout(timezone="Europe/London")


@pytest.fixture(scope="module")
def small(small_shop, spark):
    """The small shop on Polars and on Spark, and its norms."""
    tables = find_tables(str(small_shop))
    polars, on_spark = (read_history(tables, engine) for engine in ("polars", "spark"))
    return polars, on_spark, find_norms(polars, MOMENTS["small_shop"])


def say(history, norms):
    return compute(history, norms).to_arrow()


def tell(engine, layout=None, **tables):
    frames = {name: pl.DataFrame(rows) if isinstance(rows, list) else rows
              for name, rows in tables.items()}  # fmt: skip
    return read_history(Tables(frames, layout or Layout()), engine)


def line(customer, order, day, **more):
    at = datetime(2026, 1, 1) + timedelta(days=day)
    return {"customer_id": customer, "order_id": order, "ordered_at": at, "amount": 10.0, **more}


@pytest.mark.parametrize("shop", MOMENTS)
def test_every_feature_and_norm_is_the_same_as_on_polars(shop, spark, request):
    real = shop in PRESETS
    folder = request.getfixturevalue("shared_data") / shop if real else None
    folder = folder or request.getfixturevalue("small_shop")
    tables = find_tables(str(folder), shop if real else None)
    polars, on_spark = (read_history(tables, engine) for engine in ("polars", "spark"))
    norms = find_norms(on_spark, MOMENTS[shop])
    assert norms == find_norms(polars, MOMENTS[shop])
    told = compute(on_spark, norms)
    assert tuple(told.columns) == tuple(FEATURES)
    assert len(told) > 300
    assert told.to_arrow().equals(say(polars, norms))


def test_a_sample_is_of_the_same_customers_and_gives_the_same_norms(small, monkeypatch):
    polars, on_spark, _ = small
    monkeypatch.setattr(norms_of, "SAMPLE", 150)
    assert 80 < len(on_spark.sample(150)) < 200
    assert on_spark.sample(150).ids.equals(polars.sample(150).ids)
    assert find_norms(on_spark, [AS_OF]) == find_norms(polars, [AS_OF])


def test_what_training_asks_is_the_same_as_on_polars(small):
    polars, on_spark, norms = small
    cut = as_micros(datetime(2026, 3, 1, tzinfo=UTC))
    assert say(on_spark.before(cut).dated(), norms).equals(say(polars.before(cut).dated(), norms))
    assert len(on_spark.before(cut)) == len(on_spark) == len(polars)
    assert on_spark.before(cut).list_products() == polars.before(cut).list_products() != {}
    first = polars.find_first_order()
    assert on_spark.find_first_order() == on_spark.before(first + 1).find_first_order() == first
    assert on_spark.before(first).find_first_order() is None


def test_a_customer_lies_in_one_partition_and_each_partition_has_some(small, spark):
    from pyspark.sql import functions as f

    rows = small[1].rows.select("customer_id", f.spark_partition_id().alias("part"))
    places = pl.DataFrame(rows.distinct().toArrow())
    assert places["customer_id"].is_unique().all()
    assert places["part"].n_unique() == int(spark.conf.get("spark.sql.shuffle.partitions")) == 4


def test_fewer_customers_than_partitions_and_an_unknown_one(spark):
    lines = [line("b", "B", 3), line("a", "A", 1), line("a", "C", 5)]
    people = [{"customer_id": "p", "since": datetime(2026, 1, 1)}]
    history = tell("spark", transactions=lines, customers=people)
    norms = {AS_OF: Norms(as_of=AS_OF)}
    told = compute(history, norms, ["orders_ever", "mean_order_value"])
    assert told.ids.to_pylist() == ["a", "b", "p"]
    assert told.columns["orders_ever"].tolist() == [2, 1, 0]
    assert told.columns["mean_order_value"].tolist()[:2] == [10, 10]
    assert math.isnan(told.columns["mean_order_value"][2])
    assert told.to_arrow()["mean_order_value"].to_pylist() == [10, 10, None]
    early = datetime(2025, 1, 1, tzinfo=UTC)
    nobody = compute(history, {early: Norms(as_of=early)}, ["orders_ever"])
    assert (len(nobody), list(nobody.columns)) == (0, ["orders_ever"])


def test_shuffled_rows_change_nothing_to_the_bit(small, small_shop):
    _, on_spark, norms = small
    names = ("transactions", "products", "customers", "interactions")
    frames = {n: pl.read_parquet(small_shop / f"{n}.parquet") for n in names}
    mixed = {n: t.sample(fraction=1, shuffle=True, seed=7) for n, t in frames.items()}
    last = {AS_OF: norms[AS_OF]}
    assert say(tell("spark", **mixed), last).equals(say(on_spark, last))


def test_products_are_assumed_only_where_the_tables_say_nothing(spark):
    lines = [line("a", "A", 1, product_id="P"), line("b", "B", 3, product_id="Q")]
    known = {"Q": Product(category="belts", cost=4.0)}
    listed = [{"product_id": "P", "category": "shoes"}, {"product_id": "X", "category": "hats"}]
    for products, told in ([], known), (listed, {"P": Product(category="shoes")}):
        tables = {"transactions": lines} | ({"products": products} if products else {})
        polars, on_spark = (tell(e, **tables).assume(known) for e in ("polars", "spark"))
        assert on_spark.list_products() == polars.list_products() == told
        norms = find_norms(polars, [AS_OF])
        assert find_norms(on_spark, [AS_OF]) == norms
        assert say(on_spark, norms).equals(say(polars, norms))


def test_a_shops_own_attributes_are_the_same_as_on_polars(spark):
    layout = Layout(attributes={"region": "text", "household_size": "number"})
    people = [
        {"customer_id": name, "region": region, "household_size": size,
         "valid_from": datetime(2026, 1, day)}
        for name, day, region, size in (
            ("a", 1, "north", 2.0), ("a", 9, "south", 0.1), ("b", 3, None, None),
            ("c", 4, "east", 3.0), ("c", 4, "east", None),
        )
    ]  # fmt: skip
    lines = [line(name, name, 2) for name in "abcd"]
    polars, on_spark = (
        tell(engine, layout, transactions=lines, customers=people) for engine in ("polars", "spark")
    )
    assert on_spark.attributes == polars.attributes == layout.attributes
    norms = find_norms(on_spark, [AS_OF])
    assert norms == find_norms(polars, [AS_OF])
    told = say(on_spark, norms)
    assert told.equals(say(polars, norms))
    assert told["attribute_region"].to_pylist() == [3, None, 1, None]
    assert told["attribute_household_size"].to_pylist() == [0.1, None, 3, None]


def type_all(native, engine, layout):
    """Every column of a file as text, as a number and as a time."""
    given = native.collect_schema() if engine is on_polars else dict(native.dtypes)
    kinds = {n: {"number", "time", "text"} for n in given}
    for name, kind in given.items():
        if str(kind).lower().startswith(("timestamp", "datetime")):
            kinds[name].remove("text")  # each engine writes times in its own way
    kinds |= {"category": {"text"}} if "category" in given else {}
    asked = [(Column(f"{n} {k}", k), n) for n, of in kinds.items() for k in sorted(of)]
    made = engine.type_columns(native, asked, layout, False).collect("polars").to_native()
    return made.sort("place number")


@pytest.fixture(params=[("UTC", "false"), ("America/New_York", "true")], ids=["ours", "theirs"])
def any_session(request, spark):
    """The session as it is made here, and as somebody else may have set it."""
    keys = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled")
    kept = [spark.conf.get(key) for key in keys]
    for key, value in zip(keys, request.param, strict=True):
        spark.conf.set(key, value)
    yield spark
    for key, value in zip(keys, kept, strict=True):
        spark.conf.set(key, value)


def unlike(left, right):
    """The columns that differ, with what they hold."""
    assert left.schema == right.schema
    return {c: (left[c].to_list(), right[c].to_list())
            for c in left.columns if not left[c].equals(right[c])}  # fmt: skip


def read_both(file, layout):
    from features import on_spark

    return [type_all(engine.read(file), engine, layout) for engine in (on_polars, on_spark)]


WRITTEN = [
    "13085", "007", " 7", "13085.0", "1.5", "-2", "1e3", " 1.5 ", ".5", "1,5", "1_000", "0x10",
    "1d", "inf", "NaN", "€1", "1e999", "9007199254740993", "2026-07-01T10:00:00+02:00",
    "2026-07-01 10:00", "2026-07-01 10:00:00+02", "2026-07-01T10:00+0200", "2026-07-01T10:00:00Z",
    "2026-07-01T10:00Z", "2026-07-01", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.5",
    "1960-01-01 00:00:00.25", "2026-01-01 00:00:00.0000019", "2026-01-01T00:00:00.123456789012Z",
    "2026-10-25T00:59:00", "2026-10-25T01:30:00", "2026-10-25 02:00", "2026-03-29T00:59",
    "2026-03-29T01:30:00", "2026-03-29T02:00:00", "01/02/2026", "2026-02-30", "2026-1-1",
    "2026-01-01 24:00:00", "2026-01-01 23:59:60", " 2026-01-01", "20260101", "2026-01-01T10:00:00z",
    "soon", "0", "-0.0",
]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe"])
def test_text_is_read_as_polars_reads_it(any_session, tmp_path, zone):
    lines = [f'{i},"{text}"' for i, text in enumerate([*WRITTEN, "2026-10-04T02:15:00", "1\n"])]
    file = tmp_path / "transactions.csv"
    file.write_text("place,written\n" + "\n".join(lines))
    polars, on_spark = read_both(file, Layout(timezone=zone))
    assert unlike(on_spark, polars) == {}
    read = dict(zip(WRITTEN, on_spark["written time_us"], strict=False))
    assert sum(value is not None for value in read.values()) == 18
    if zone == "Europe/London":
        hour_told_twice = as_micros(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
        assert read["2026-10-25T01:30:00"] == hour_told_twice


def make_typed():
    at = [datetime(2026, 10, 25, 1, 30), datetime(2026, 3, 29, 1, 30), datetime(1960, 7, 1), None]
    nanos = np.array(["2026-07-01T10:00:00.0000019", "1960-01-01T00:00:00.0000019",
                      "2026-10-25T01:30:00", "NaT"], "datetime64[ns]")  # fmt: skip
    return pa.table(
        {
            "place": pa.array([0, 1, 2, 3], pa.uint32()),
            "naive": pa.array(at, pa.timestamp("us")),
            "millis": pa.array(at, pa.timestamp("ms")),
            "aware": pa.array(at, pa.timestamp("us", "Europe/Berlin")),
            "naive nanos": pa.array(nanos),
            "aware nanos": pa.array(nanos, pa.timestamp("ns", "UTC")),
            "date": pa.array([date(2026, 7, 1), date(1960, 3, 29), None, date(2026, 3, 29)]),
            "float": [13085.0, 13085.5, math.nan, None],
            "large": [1e300, -0.0, math.inf, 9.3e18],
            "float32": pa.array([7.0, 0.1, math.nan, None], pa.float32()),
            "byte": pa.array([1, -2, None, 3], pa.int8()),
            "uint64": pa.array([2**63, 1, 0, None], pa.uint64()),
            "decimal": pa.array([1, 2, None, 3], pa.decimal128(10, 2)),
            "bool": [True, False, None, True],
            "text": ["a", "", " ", None],
            "category": pa.array(["x", "y", None, "x"]).dictionary_encode(),
            "a.b `c` Nr.": ["1", "2", "x", None],
        }
    )


@pytest.mark.parametrize("old", [False, True], ids=["as written", "int96"])
def test_parquet_is_read_as_polars_reads_it(any_session, tmp_path, old):
    file = tmp_path / "transactions.parquet"
    typed = make_typed().drop_columns(["aware", "aware nanos"] if old else [])  # it has no zone
    pa.parquet.write_table(typed, file, use_deprecated_int96_timestamps=old)
    polars, on_spark = read_both(file, LONDON)
    assert unlike(on_spark, polars) == {}
    assert on_spark["text text"].drop_nulls().sort().to_list() == [" ", "a"]


def test_columns_that_spark_has_no_type_for_are_there_and_null(spark, tmp_path):
    file = tmp_path / "transactions.parquet"
    odd = {"half": pa.array([1.5], pa.float16()), "span": pa.array([1], pa.duration("us"))}
    pa.parquet.write_table(pa.table({"customer_id": ["a"], **odd, "nothing": pa.nulls(1)}), file)
    from features import on_spark

    frame = on_spark.read(file)
    assert frame.columns == ["customer_id", "half", "span", "nothing"]
    assert [tuple(row) for row in frame.collect()] == [("a", None, None, None)]


ROWS = pl.DataFrame([line("c", "A", 1), line("c", "B", 2), line("d", "C", 3)])


@pytest.mark.parametrize("kind", ["lazy", "to_pandas", "to_arrow", "spark"])
def test_frames_are_read_as_they_are(spark, kind):
    frame = spark.createDataFrame(ROWS.to_arrow()) if kind == "spark" else getattr(ROWS, kind)()
    typed = open_tables(Tables({"transactions": frame}), "spark").transactions.collect("polars")
    polars = open_tables(Tables({"transactions": ROWS}), "polars").transactions.collect("polars")
    assert typed.to_native().sort("order_id").equals(polars.to_native())


def test_a_csv_is_read_by_its_rules_and_none_is_read_wrong(spark, tmp_path):
    from features import on_spark
    from features.session import ERRORS

    head = "order_id,customer_id\n"
    file = tmp_path / "transactions.csv"
    file.write_bytes(f'\ufeff{head}#1,NULL\n\'a\',"say ""A"", b"\n"",007\n'.encode())
    read = on_spark.read(file).collect()
    assert {tuple(row) for row in read} == {("#1", "NULL"), ("'a'", 'say "A", b'), (None, "007")}
    for wrong in (f"{head}a,b,c\n".encode(), f"{head}ä,b\n".encode("latin-1")):
        file.write_bytes(wrong)
        with pytest.raises(ERRORS):
            on_spark.read(file).collect()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_cannot_be_read_is_named(spark, tmp_path, ending):
    from features import on_spark

    file = tmp_path / f"transactions.{ending}"
    file.write_bytes(b"" if ending == "csv" else b"no parquet")
    with pytest.raises(TablesError) as refused:
        on_spark.read(file)
    assert str(refused.value) == f"{file} cannot be read as {ending}. Write the file again."


def run(code, **environment):
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})  # fmt: skip
    return told.stdout.strip()


OPEN = """
import sys
{first}
from contract.errors import TablesError
from contract.tables import Tables
from features.gather import read_history
import pyarrow as pa
try:
    read_history(Tables({{"transactions": pa.table({{"amount": [1]}})}}), "spark")
except TablesError as error:
    print(error)
"""


def test_without_java_or_pyspark_it_is_said_what_to_install(tmp_path):
    pytest.importorskip("pyspark", reason="needs PySpark: pip install 'patron[spark]'")
    no_java = run(OPEN.format(first=""), JAVA_HOME=str(tmp_path))
    assert no_java == f"Spark finds no Java. {SPARK_NEEDS}"
    no_pyspark = run(OPEN.format(first="sys.modules['pyspark'] = None"))
    assert no_pyspark == f"pyspark is not installed. {SPARK_NEEDS}"


def test_spark_is_imported_only_once_it_is_chosen():
    code = "import sys, features.gather, features.compute, features.norms; print(*sys.modules)"
    loaded = run(code).split()
    assert "features.gather" in loaded
    assert not {"pyspark", "py4j", "features.on_spark", "features.distribute"} & set(loaded)
