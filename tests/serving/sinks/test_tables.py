"""Rows in the tables of a database: those of the file, upserted, and never another target's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sql

from contract.flat import flat_schema
from contract.settings import Settings
from contract.tables import Tables, find_tables
from serving.batch.asked import Asked
from serving.scorer import Scorer
from serving.sinks.errors import SinkError
from serving.sinks.opened import open_sink
from tests.serving.batch.batches import AS_OF, write_to
from tests.serving.kinds import make_kinds

KINDS = ["postgresql", "duckdb", "sqlite"]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(make_kinds(tmp_path_factory.mktemp("kinds")))


@dataclass
class Place:
    """A database to write to, and how it is read."""

    url: str
    settings: Settings
    read: Callable[[str], list[dict[str, Any]]]

    def write(self, scorer: Scorer, tables: Tables, table: str, **asked: Any) -> Any:
        return write_to(f"{self.url}/{table}", self.settings, scorer, tables, **asked)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    settings = Settings(home=tmp_path / "home")
    if request.param == "duckdb":
        file = str(tmp_path / "made" / "out.duckdb")

        def read(words: str) -> list[dict[str, Any]]:
            with duckdb.connect(file) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return pl.DataFrame(connection.sql(words).to_arrow_table()).to_dicts()

        return Place(file, settings, read)
    file = f"sqlite:///{tmp_path / 'out.db'}"
    url = request.getfixturevalue("scratch_database") if request.param == "postgresql" else file
    engine = sql.create_engine(url)
    request.addfinalizer(engine.dispose)

    def ask(words: str) -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(sql.text(words)).mappings()]

    return Place(url, settings, ask)


def test_a_table_holds_the_rows_of_the_file(kinds, small_shop, tmp_path, place):
    tables = find_tables(str(small_shop))
    place.write(kinds, tables, "told", reasons=1)
    write_to(str(tmp_path / "a.parquet"), place.settings, kinds, tables, reasons=1)
    file = pl.read_parquet(tmp_path / "a.parquet").sort("customer_id").to_dicts()
    rows = place.read("SELECT * FROM told ORDER BY customer_id")
    assert len(rows) == 400
    texts = ("as_of", *(n for n in file[0] if n.endswith("_date")))
    for row, expected in zip(rows, file, strict=True):
        for column in texts:  # SQLite has no type for them
            row[column] = str(row[column])[:10]
            expected[column] = str(expected[column])[:10]
    assert rows == file


def test_the_same_again_doubles_nothing_and_the_manifest_says_when_all_is_there(
    kinds, small_shop, place
):
    tables = find_tables(str(small_shop))
    manifest = place.write(kinds, tables, "again")
    first = place.read("SELECT * FROM again ORDER BY customer_id")
    place.write(kinds, tables, "again")
    assert place.read("SELECT * FROM again ORDER BY customer_id") == first
    (told,) = place.read("SELECT * FROM again_manifests")
    assert (told["answered"], told["rows"], told["plan"]) == (400, 400, manifest.plan.digest)
    assert json.loads(told["manifest"])["written"] == [{"name": "again", "rows": 400, "sha256": ""}]
    place.write(kinds, tables, "again", as_of=AS_OF - timedelta(days=1))
    assert place.read("SELECT count(*) AS n FROM again") == [{"n": 800}]
    assert place.read("SELECT count(*) AS n FROM again_manifests") == [{"n": 2}]


def test_a_batch_of_some_targets_leaves_the_others_alone(kinds, small_shop, place):
    tables = find_tables(str(small_shop))
    fewer = Scorer({n: b for n, b in kinds.bundles.items() if n in ("churn", "big_order")})
    place.write(fewer, tables, "wide", reasons=2)
    held = place.read("SELECT customer_id, churn_probability FROM wide ORDER BY 1")
    assert place.read("SELECT count(cross_sell_rung) AS n FROM wide") == [{"n": 0}]
    place.write(kinds, tables, "wide", targets=("lifetime_value",))
    assert place.read("SELECT customer_id, churn_probability FROM wide ORDER BY 1") == held
    told = place.read("SELECT count(predicted_lifetime_value) AS w, count(churn_reason_2) AS r"
                      " FROM wide")  # fmt: skip
    assert told[0]["w"] == 400 and 300 < told[0]["r"] <= 400
    manifests = place.read("SELECT * FROM wide_manifests")
    assert len(manifests) == 2  # each of its own targets
    place.write(kinds, tables, "wide", targets=("churn", "next_purchase"), reasons=1)
    told = place.read("SELECT count(churn_reason_1) AS one, count(churn_reason_2) AS two,"
                      " count(big_order_reason_2) AS own FROM wide")  # fmt: skip
    assert told[0]["one"] > 300 and told[0]["two"] == 0  # of another model's answer they would be
    assert told[0]["own"] > 300
    # The first batch is no longer whole: its churn is another batch's.
    left = [json.loads(m["manifest"])["plan"]["models"] for m in
            place.read("SELECT manifest FROM wide_manifests")]  # fmt: skip
    assert sorted([m["target"] for m in models] for models in left) == [
        ["churn", "next_purchase"], ["lifetime_value"],
    ]  # fmt: skip


def test_long_rows_have_the_target_in_their_key(kinds, small_shop, place):
    tables = find_tables(str(small_shop))
    place.write(kinds, tables, "long", targets=("churn",), long=True, reasons=2)
    place.write(kinds, tables, "long", targets=("churn", "next_purchase"), long=True)
    rows = place.read("SELECT target, count(*) AS n, count(rung) AS told, count(reason_1) AS why"
                      " FROM long GROUP BY target ORDER BY target")  # fmt: skip
    assert [tuple(r.values()) for r in rows] == [
        ("churn", 400, 326, 0), ("next_purchase", 400, 400, 0),  # 74 have never ordered
    ]  # fmt: skip
    with pytest.raises(SinkError, match="has a row for each target"):
        place.write(kinds, tables, "long")
    assert "churn_probability" not in place.read("SELECT * FROM long LIMIT 1")[0]


def test_a_customer_is_answered_or_rejected_never_both(kinds, place):
    day = AS_OF - timedelta(days=20)
    line = {"order_id": "O", "ordered_at": day, "amount": 10.0, "currency": "EUR"}
    fine = [{**line, "customer_id": c} for c in ("a", "b")]
    mixed = [*fine, {**line, "customer_id": "b", "currency": "USD", "order_id": "P"}]
    for lines, answered in ((fine, ["a", "b"]), (mixed, ["a"]), (fine, ["a", "b"])):
        place.write(kinds, Tables({"transactions": pl.DataFrame(lines)}), "people")
        rows = place.read("SELECT customer_id FROM people ORDER BY 1")
        assert [r["customer_id"] for r in rows] == answered
        rejected = place.read("SELECT customer_id, code FROM people_rejected")
        expected = [{"customer_id": "b", "code": "mixed_currencies"}]
        assert rejected == (expected if answered == ["a"] else [])


def test_columns_of_a_later_model_are_added(kinds, small_shop, place):
    tables = find_tables(str(small_shop))
    before = Scorer({"churn": kinds.bundles["churn"]})
    place.write(before, tables, "later")
    assert "big_order_probability" not in place.read("SELECT * FROM later LIMIT 1")[0]
    place.write(kinds, tables, "later")
    assert set(place.read("SELECT * FROM later LIMIT 1")[0]) == set(
        flat_schema(("big_order",)).names
    )
    assert place.read("SELECT count(big_order_rung) AS n FROM later") == [
        {"n": 326}
    ]  # those it speaks of


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("postgresql+psycopg://me:hidden1@127.0.0.1:1/db", "PostgreSQL's db does not answer"),
        ("postgresql+psycopg://me:hidden1@127.0.0.1:1/?table=x", "Rows cannot go to a postgresql"),
        ("mysql://me:hidden1@127.0.0.1:1/db", "Rows cannot go to a mysql URL as it is"),
        ("postgresql+psycopg://me:hidden1@127.0.0.1:x/db", "a URL that cannot be read"),
        ("postgresql+psycopg://me:hidden1@127.0.0.1:1/db/a b", "is no name for a table"),
    ],
)
def test_a_place_that_takes_no_rows_is_refused_without_its_password(tmp_path, out, told):
    with pytest.raises(SinkError, match=told) as refused:
        open_sink(out, Settings(home=tmp_path))[1].check(Asked(AS_OF))
    assert "hidden1" not in str(refused.value) + str(refused.value.__dict__)


def test_the_password_is_nowhere_in_what_is_kept(tmp_path, scratch_database, kinds, small_shop):
    url = scratch_database.replace("postgres@", "postgres:hidden1@") + "/kept"
    settings = Settings(home=tmp_path)
    source = scratch_database.replace("postgres@", "postgres:hidden2@")
    lines = pl.read_parquet(small_shop / "transactions.parquet").head(500)
    engine = sql.create_engine(scratch_database)
    with engine.begin() as connection:
        lines.write_database("transactions", connection)
    engine.dispose()
    kept = []

    def stop(*_: Any) -> None:
        kept.extend(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())

    from serving.batch import run as running
    from tests.serving.batch import batches

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "run", lambda a, p, w, t: running.run(a, p, w, stop))
        manifest = write_to(url, settings, kinds, find_tables(source), 1)
    assert kept and manifest.rows > 0
    everything = b"".join(kept) + manifest.model_dump_json().encode()
    everything += " ".join(map(str, tmp_path.rglob("*"))).encode()
    everything += repr(open_sink(url, settings)).encode()
    assert b"hidden" not in everything
