"""Spark writes what the embedded engines write, to the bit: rows, receipts, reasons, rejects."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from contract.bundle import load_bundles
from contract.errors import BundleError
from contract.packed import digest_packed, pack_bundles, unpack_bundles
from contract.settings import Settings
from contract.tables import Tables, find_tables
from features.engines import read_tables
from serving.batch.asked import Asked, AskedError
from serving.batch.disk import digest_file
from serving.batch.manifest import Manifest
from serving.batch.planning import make_plan
from serving.batch.run import Source, run
from serving.batch.work import WorkError
from serving.scorer import Scorer
from serving.sinks.opened import SinkError, open_sink
from tests.serving.batch.test_run import make_dirty
from tests.serving.kinds import make_kinds

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
TOLD: list[tuple[str, int, int]] = []


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    make_kinds(folder)
    return folder


@pytest.fixture(scope="module")
def write(bundles: Path, spark: Any) -> Any:
    """Write a batch on an engine: write(engine, tables, out, parts, **asked)."""
    packed = pack_bundles(bundles)
    scorer = Scorer(unpack_bundles(packed))

    def write_it(engine: str, tables: Tables, out: Any, parts: int = 3, **more: Any) -> Manifest:
        asked = Asked(**{"as_of": AS_OF, **more})
        plan = make_plan(tables, scorer, asked, parts)
        source = Source(read_tables(tables, engine), tables.layout)
        if engine != "spark":
            return run(
                (source, scorer, asked), plan, open_sink(str(out), Settings()), lambda *_: None
            )
        from serving.batch.on_spark import run_on_spark
        from serving.sinks.spark_folder import LocalFolder

        TOLD.clear()
        tell = lambda *told: TOLD.append(told)  # noqa: E731
        sink = LocalFolder(out) if isinstance(out, Path) else out
        return run_on_spark((source, packed, asked), plan, sink, tell)

    return write_it


def read(place: Path) -> pl.DataFrame:
    return pl.read_parquet(place / "*.parquet" if place.is_dir() else place).sort(pl.all())


WAYS: dict[str, dict[str, Any]] = {
    "wide": {},
    "reasons": {"reasons": 2, "language": "zh"},
    "long": {"long": True, "targets": ("churn", "lifetime_value", "big_order"), "reasons": 1},
    "where": {"where": "orders_365d >= 2 AND stage = 'active'", "targets": ("next_purchase",)},
}


@pytest.mark.parametrize("way", WAYS)
def test_spark_writes_what_the_embedded_engine_writes_to_the_bit(write, small_shop, tmp_path, way):
    tables, asked = find_tables(str(small_shop)), WAYS[way]
    ours = write("polars", tables, tmp_path / "ours", **asked)
    told = write("spark", tables, tmp_path / "told", **asked)
    rows = read(tmp_path / "told")
    assert rows.equals(read(tmp_path / "ours"))
    assert rows.schema == read(tmp_path / "ours").schema
    assert len(rows) == told.rows == sum(file.rows for file in told.written) > 40
    assert (told.counts, told.table_rows, told.plan) == (ours.counts, ours.table_rows, ours.plan)


def test_the_customers_of_dirty_tables_become_the_same(write, tmp_path):
    manifests = {e: write(e, Tables(make_dirty()), tmp_path / e) for e in ("polars", "spark")}
    for place in ("{}", "{}.rejected.parquet"):
        ours, told = (read(tmp_path / place.format(engine)) for engine in ("polars", "spark"))
        assert told.equals(ours) and len(told) in (3, 5)
    counts = manifests["spark"].counts
    assert counts == manifests["polars"].counts
    assert counts.customers == 8 == counts.answered + sum(counts.rejected.values())
    assert manifests["spark"].table_rows == {"transactions": 12, "interactions": 0, "customers": 2}


def test_the_folder_holds_rows_alone_and_the_manifest_their_hashes(write, small_shop, tmp_path):
    write("spark", find_tables(str(small_shop)), tmp_path / "out", 5)
    told = Manifest.model_validate_json((tmp_path / "out.manifest.json").read_text())
    files = sorted((tmp_path / "out").iterdir())
    assert [f"out/{f.name}" for f in files] == [w.name for w in told.written]
    assert [f.name for f in files] == [f"part-{n:05d}.parquet" for n in range(5)]
    assert [digest_file(f) for f in files] == [w.sha256 for w in told.written]
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "out", "out.manifest.json", "out.rejected.parquet",
    ]  # fmt: skip
    assert {step for step, _, _ in TOLD} <= {"tasks"}


@pytest.mark.parametrize("form", ["wide", "long"])
@pytest.mark.parametrize("kind", ["postgresql", "derby"])
def test_a_table_gets_all_rows_at_once_and_none_twice(
    write, small_shop, tmp_path, request, kind, form, spark
):
    from features.jdbc import connect, find_jdbc
    from serving.sinks.on_spark import open_spark_sink

    url = f"jdbc:derby:{tmp_path / 'db'};create=true"
    if kind == "postgresql":
        request.getfixturevalue("postgres_driver")
        url = request.getfixturevalue("scratch_database")
    jdbc, asked = find_jdbc(url), {"long": form == "long", "targets": ("churn", "big_order")}
    sink = open_spark_sink(f"{url}/answers_{form}")

    def count() -> list[int]:
        with connect(spark, jdbc) as connection:
            told = []
            for ending in ("", "_rejected", "_manifests"):
                asked = f"SELECT COUNT(*) FROM answers_{form}{ending}"
                rows = connection.createStatement().executeQuery(asked)
                rows.next()
                told.append(rows.getLong(1))
            return told

    tables, dirty = find_tables(str(small_shop)), Tables(make_dirty())
    ours = tmp_path / "ours"
    write("polars", tables, ours, **asked)
    each = 2 if form == "long" else 1
    told = write("spark", tables, sink, **asked)
    assert told.written[0].rows == told.rows == 400 * each
    stored = spark.read.jdbc(jdbc.url, f"answers_{form}", properties=dict(jdbc.options)).toArrow()
    assert pl.DataFrame(stored).select(read(ours).columns).sort(pl.all()).equals(read(ours))
    assert count() == [400 * each, 0, 1]
    write("spark", tables, sink, **asked)
    assert count() == [400 * each, 0, 1]
    write("spark", dirty, sink, **asked)
    assert count() == [403 * each, 5, 1]


def test_a_table_stays_as_it_was_where_rows_cannot_all_be_brought_in(write, tmp_path, monkeypatch):
    from contract.errors import TablesError
    from features.jdbc import connect
    from features.session import open_session
    from serving.sinks.on_spark import open_spark_sink
    from serving.sinks.spark_table import SparkTable

    sink = open_spark_sink(f"jdbc:derby:{tmp_path / 'db'};create=true/answers")
    write("spark", Tables(make_dirty()), sink)
    insert = SparkTable._insert

    def fail_at_rejects(self: Any, table: Any) -> str:
        return insert(self, table).replace("answers_rejected ", "nowhere ")

    monkeypatch.setattr(SparkTable, "_insert", fail_at_rejects)
    with pytest.raises(TablesError, match="The derby database cannot be used"):
        write("spark", Tables(make_dirty()), sink, as_of=datetime(2026, 10, 30, tzinfo=UTC))
    with connect(open_session(), sink.jdbc) as connection:
        found = connection.createStatement().executeQuery(
            'SELECT COUNT(*), COUNT(DISTINCT "as_of") FROM answers'
        )
        found.next()
        assert (found.getLong(1), found.getLong(2)) == (3, 1)


def test_rows_that_are_not_all_there_stay_out_of_sight(write, small_shop, tmp_path, monkeypatch):
    from serving.sinks.spark_folder import LocalFolder

    write("spark", Tables(make_dirty()), tmp_path / "out")
    before = read(tmp_path / "out")
    monkeypatch.setattr(LocalFolder, "put", lambda *_: 399)
    with pytest.raises(WorkError, match="Spark wrote 399 rows of 400"):
        write("spark", find_tables(str(small_shop)), tmp_path / "out")
    assert read(tmp_path / "out").equals(before)
    monkeypatch.undo()
    write("spark", find_tables(str(small_shop)), tmp_path / "out")
    assert len(read(tmp_path / "out")) == 400


@pytest.mark.parametrize("where", ["orders_365 >= 2", "stage > 3"])
def test_what_cannot_be_asked_is_refused_before_anything_is_read(
    write, tmp_path, where, small_shop
):
    with pytest.raises(AskedError):
        write("spark", find_tables(str(small_shop)), tmp_path / "out", where=where)
    assert not (tmp_path / "out").exists()


def test_a_process_makes_a_scorer_once_of_the_bytes_it_is_sent(bundles, monkeypatch):
    from serving.batch import tasks

    made: list[int] = []

    def unpack(packed: Any) -> Any:
        made.append(len(packed))
        return unpack_bundles(packed)

    packed = pack_bundles(bundles)
    sent = tasks.Sent(packed, pa.table({"product_id": pa.array([], pa.string())}))
    monkeypatch.setattr(tasks, "unpack_bundles", unpack)
    monkeypatch.setattr(tasks, "_SCORERS", {})
    first = tasks._load(digest_packed(packed), lambda: sent)
    assert tasks._load(digest_packed(packed), lambda: sent) is first and len(made) == 1
    assert {t: b.sha256 for t, b in first.bundles.items()} == {
        t: b.sha256 for t, b in load_bundles(bundles).items()
    }
    torn = {**packed, "churn/3/model.ubj": packed["churn/3/model.ubj"][:-9]}
    assert digest_packed(torn) != digest_packed(packed)
    with pytest.raises(BundleError, match="not the file that was registered"):
        unpack_bundles(torn)


def test_a_task_needs_no_registry():
    code = "import sys, serving.batch.tasks; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert "serving.scorer" in loaded
    assert not {"mlflow", "contract.registry", "contract.champions", "training"} & loaded


@pytest.mark.parametrize(
    "place", ["a.csv", "a.parquet", "s3a://shop/out", "sqlite:///a.db/answers"]
)
def test_a_place_that_spark_does_not_write_is_refused(place, spark):
    from serving.sinks.on_spark import open_spark_sink

    with pytest.raises(SinkError, match="Write FOLDER, hdfs"):
        open_spark_sink(place)


def test_rows_of_nobody_do_not_fill_one_task(spark):
    from serving.batch.on_spark import bring_together

    day = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [{"customer_id": None, "order_id": str(n), "ordered_at": day + timedelta(hours=n),
              "amount": 1.0} for n in range(400)]  # fmt: skip
    frame = pl.DataFrame(lines, schema_overrides={"customer_id": pl.String})
    tables = Tables({"transactions": frame})
    rows = bring_together(read_tables(tables, "spark"), tables.layout, 4)
    sizes = rows.rdd.mapPartitions(lambda part: [sum(1 for _ in part)]).collect()
    assert sum(sizes) == 400 and min(sizes) > 50


def test_a_folder_of_another_file_system_is_renamed_there(write, small_shop, tmp_path):
    from serving.sinks.on_spark import open_spark_sink
    from serving.sinks.spark_remote import RemoteFolder

    sink = open_spark_sink(f"file://{tmp_path}/out")
    assert isinstance(sink, RemoteFolder)
    write("spark", Tables(make_dirty()), sink)
    (tmp_path / "out.work").mkdir()  # of one that was killed
    told = write("spark", find_tables(str(small_shop)), sink)
    write("polars", find_tables(str(small_shop)), tmp_path / "ours")
    assert read(tmp_path / "out").equals(read(tmp_path / "ours"))
    assert told.written[0].rows == 400 and len(read(tmp_path / "out.rejected.parquet")) == 0
    manifest = (tmp_path / "out.manifest.json").read_text()
    assert Manifest.model_validate_json(manifest) == told
    assert not (tmp_path / "out.work").exists()
