"""A batch in parts gives the rows of one in a piece, and says of every customer what became."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from contract.errors import BusyError
from contract.flat import flat_schema
from contract.settings import Settings
from contract.tables import Tables, find_tables
from features.engines import read_tables
from features.gather import read_history
from serving.batch import processes
from serving.batch.answer import answer
from serving.batch.asked import Asked, AskedError
from serving.batch.disk import digest_file
from serving.batch.manifest import Manifest
from serving.batch.planning import make_plan
from serving.batch.run import Source, run
from serving.batch.work import open_work
from serving.scorer import Scorer
from serving.sinks.opened import SinkError, open_sink
from tests.serving.kinds import make_kinds

ROOT = Path(__file__).resolve().parents[3]
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
TOLD: list[tuple[str, int, int]] = []


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(make_kinds(tmp_path_factory.mktemp("kinds")))


def find_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def list_children(process: int) -> list[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in told.split()]


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("It never came.")


def write(
    scorer: Scorer, tables: Tables, out: Path, parts: int = 3, engine: str = "polars", **asked: Any
) -> Manifest:
    wanted = Asked(**{"as_of": AS_OF, **asked})
    plan = make_plan(tables, scorer, wanted, parts)
    source = Source(read_tables(tables, engine), tables.layout)
    TOLD.clear()
    return run(
        (source, scorer, wanted), plan, open_sink(str(out), Settings()), lambda *a: TOLD.append(a)
    )


def sort(place: Path) -> pl.DataFrame:
    files = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
    return pl.concat([pl.read_parquet(f) for f in files]).sort("customer_id")


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_parts_hold_the_rows_of_the_whole(kinds, small_shop, tmp_path, engine):
    tables = find_tables(str(small_shop))
    whole = pl.from_arrow(answer(kinds, read_history(tables), Asked(AS_OF, reasons=2)))
    for place in ("one.parquet", "folder"):
        manifest = write(kinds, tables, tmp_path / place, 7, engine, reasons=2)
        assert sort(tmp_path / place).equals(whole)
        assert manifest.counts.customers == manifest.counts.answered == len(whole) == 400
    assert len(list((tmp_path / "folder").iterdir())) == 7
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "folder",
        "folder.manifest.json",
        "folder.rejected.parquet",
        "one.manifest.json",
        "one.parquet",
        "one.rejected.parquet",
    ]
    assert TOLD[-1] == ("customers", 400, 400)


def test_a_csv_holds_the_same(kinds, small_shop, tmp_path):
    write(kinds, find_tables(str(small_shop)), tmp_path / "a.csv")
    write(kinds, find_tables(str(small_shop)), tmp_path / "a.parquet")
    csv, parquet = pl.read_csv(tmp_path / "a.csv"), pl.read_parquet(tmp_path / "a.parquet")
    assert csv.columns == parquet.columns == flat_schema(("big_order",)).names
    assert csv["churn_probability"].equals(parquet["churn_probability"])


def test_the_manifest_says_what_the_rows_were_made_of(kinds, small_shop, tmp_path):
    write(kinds, find_tables(str(small_shop)), tmp_path / "a.parquet")
    told = Manifest.model_validate_json((tmp_path / "a.manifest.json").read_text())
    assert [m.target for m in told.plan.models] == list(kinds.bundles)
    assert {m.target: m.sha256 for m in told.plan.models} == json.loads(
        pq.read_schema(tmp_path / "a.parquet").metadata[b"patron_models"]
    )
    (file,) = told.written
    assert (file.name, file.rows, told.rows) == ("a.parquet", 400, 400)
    assert file.sha256 == digest_file(tmp_path / "a.parquet")
    lines = pq.read_metadata(small_shop / "transactions.parquet").num_rows
    assert told.table_rows["transactions"] == lines
    again = write(kinds, find_tables(str(small_shop)), tmp_path / "b.parquet")
    assert again.written[0].sha256 == file.sha256


def make_dirty() -> dict[str, pl.DataFrame]:
    day = AS_OF - timedelta(days=20)
    line = {"order_id": "O", "ordered_at": day, "amount": 10.0, "currency": "EUR"}
    lines = [
        {**line, "customer_id": "fine"},
        {**line, "customer_id": "fine", "currency": "eur", "order_id": "P"},
        {**line, "customer_id": "fine", "currency": None, "order_id": "Q"},
        {**line, "customer_id": "later", "ordered_at": AS_OF},
        {**line, "customer_id": "torn", "amount": None},
        {**line, "customer_id": "mixed"},
        {**line, "customer_id": "mixed", "currency": "USD", "order_id": "P"},
        {**line, "customer_id": "mixed later"},
        {**line, "customer_id": "mixed later", "currency": "USD", "ordered_at": AS_OF},
        {**line, "customer_id": "rich", "amount": 9e11},
        {**line, "customer_id": "rich", "amount": -2e11, "order_id": "P"},
        {**line, "customer_id": None},
    ]
    listed = {"customer_id": ["listed", "to come"], "since": [None, AS_OF + timedelta(days=1)]}
    schema = {"customer_id": pl.String, "since": pl.Datetime("us", "UTC")}
    return {"transactions": pl.DataFrame(lines), "customers": pl.DataFrame(listed, schema)}


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_every_customer_is_answered_or_rejected_and_why(kinds, tmp_path, engine):
    manifest = write(kinds, Tables(make_dirty()), tmp_path / "a.parquet", 2, engine)
    rejected = pl.read_parquet(tmp_path / "a.rejected.parquet").sort("customer_id")
    assert dict(rejected.select("customer_id", "code").iter_rows()) == {
        "later": "not_known_yet",
        "mixed": "mixed_currencies",
        "rich": "sum_too_large",
        "to come": "not_known_yet",
        "torn": "no_usable_row",
    }
    assert all(rejected["why"].str.ends_with("."))
    answered = pl.read_parquet(tmp_path / "a.parquet")["customer_id"].sort().to_list()
    assert answered == ["fine", "listed", "mixed later"]
    counts = manifest.counts
    assert counts.customers == 8 == counts.answered + sum(counts.rejected.values())
    assert counts.rejected["not_known_yet"] == 2
    assert manifest.table_rows == {"transactions": 12, "interactions": 0, "customers": 2}


def test_a_segment_is_answered_as_it_is_among_all(kinds, small_shop, tmp_path):
    tables = find_tables(str(small_shop))
    everyone = answer(kinds, read_history(tables), Asked(AS_OF))
    where = "orders_365d >= 2 AND stage = 'active' AND days_since_order < 60.5"
    manifest = write(kinds, tables, tmp_path / "a.parquet", where=where)
    some = sort(tmp_path / "a.parquet")
    assert 0 < len(some) < 400
    assert some.equals(pl.from_arrow(everyone).join(some, on="customer_id", how="semi"))
    assert set(some["stage"]) == {"active"}
    assert manifest.counts.outside == 400 - len(some)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("orders_365 >= 2", "Nearest: orders_365d"),
        ("orders_365d >=", "not SQL that can be read"),
        ("orders_365d + 1", "no condition"),
        ("1 = 1", "asks about no feature"),
        ("stage > 3", "cannot be asked"),
    ],
)
def test_what_is_no_condition_is_refused(kinds, small_shop, where, told):
    history = read_history(find_tables(str(small_shop)))
    with pytest.raises(AskedError, match=told):
        answer(kinds, history, Asked(AS_OF, where=where))


def test_a_text_is_asked_about_as_the_shop_writes_it(kinds):
    day = AS_OF - timedelta(days=9)
    lines = [
        {"customer_id": c, "order_id": c, "ordered_at": day, "amount": 1.0} for c in ("a", "b")
    ]
    listed = [
        {"customer_id": "a", "country": "NL", "valid_from": day - timedelta(days=2)},
        {"customer_id": "a", "country": "DE", "valid_from": day},
        {"customer_id": "b", "country": "DE", "valid_from": day},
        {"customer_id": "b", "country": "NL", "valid_from": AS_OF},
    ]
    tables = Tables({"transactions": pl.DataFrame(lines), "customers": pl.DataFrame(listed)})
    asked = Asked(AS_OF, where="country = 'DE' AND customer_id <> 'a'")
    assert answer(kinds, read_history(tables), asked)["customer_id"].to_pylist() == ["b"]


def test_targets_and_form_are_as_asked(kinds, small_shop, tmp_path):
    tables, targets = find_tables(str(small_shop)), ("churn", "lifetime_value", "big_order")
    write(kinds, tables, tmp_path / "w.parquet", targets=targets, reasons=1)
    write(kinds, tables, tmp_path / "l.parquet", targets=targets, reasons=1, long=True)
    wide, rows = sort(tmp_path / "w.parquet"), pl.read_parquet(tmp_path / "l.parquet")
    assert not [n for n in wide.columns if n.startswith(("next_", "cross_sell", "up_sell"))]
    assert len(rows) == 1200 == len(rows.unique(["customer_id", "as_of", "target"]))
    for target in targets:
        one = rows.filter(pl.col("target") == target).sort("customer_id")
        for name in ("horizon_days", "rung", "reason_1"):
            column = f"{target}_{name}"
            if column in wide.columns:
                assert one[name].equals(wide[column]), column
    worth = rows.filter(pl.col("target") == "lifetime_value").sort("customer_id")
    assert worth["predicted"].equals(wide["predicted_lifetime_value"])
    assert worth["model_version"].unique().to_list() == ["4"]
    with pytest.raises(AskedError, match="No model answers loyalty"):
        write(kinds, tables, tmp_path / "x.parquet", targets=("loyalty",))


def test_nobody_known_is_a_file_of_no_rows(kinds, small_shop, tmp_path):
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    tables = find_tables(str(small_shop))
    counts = write(kinds, tables, tmp_path / "a.parquet", as_of=long_ago, reasons=1).counts
    assert (counts.answered, counts.rejected) == (0, {"not_known_yet": 400})
    rows = pl.read_parquet(tmp_path / "a.parquet")
    assert len(rows) == 0 and "churn_reason_1" in rows.columns


def test_a_part_that_is_done_is_not_done_again(kinds, small_shop, tmp_path):
    tables, out = find_tables(str(small_shop)), tmp_path / "a.parquet"
    write(kinds, tables, tmp_path / "undisturbed" / "a.parquet", 4)
    code = f"""
import os, sys
from serving.sinks import files
from tests.serving.batch.test_run import *
put, done = files.Files.put, []
def stop(self, work, number, rows):
    if number == 2:
        os.kill(os.getpid(), 9)
    return put(self, work, number, rows)
files.Files.put = stop
scorer = Scorer(make_kinds(Path({str(tmp_path / "kinds")!r})))
write(scorer, find_tables({str(small_shop)!r}), Path({str(out)!r}), 4)
"""
    words, where = [sys.executable, "-P", "-c", code], {"cwd": ROOT, "env": find_environment()}
    killed = subprocess.run(words, capture_output=True, timeout=120, **where)
    assert killed.returncode == -9, killed.stderr
    work = tmp_path / "a.parquet.work"
    assert not out.exists() and len(list(work.glob("done-*.json"))) == 2
    first = (work / "rows" / "part-00000.parquet").stat().st_mtime_ns
    held = {}

    def look(*told: Any) -> None:
        place = work / "rows" / "part-00000.parquet"
        held["first"] = place.stat().st_mtime_ns

    asked = Asked(AS_OF)
    plan = make_plan(tables, kinds, asked, 4)
    source = Source(read_tables(tables, "polars"), tables.layout)
    run((source, kinds, asked), plan, open_sink(str(out), Settings()), look)
    assert held["first"] == first
    for name in ("a.parquet", "a.rejected.parquet", "a.manifest.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert not work.exists()


def test_several_processes_make_the_same_rows(kinds, small_shop, tmp_path, monkeypatch):
    tables = find_tables(str(small_shop))
    write(kinds, tables, tmp_path / "one.parquet", 4, reasons=1)
    monkeypatch.setattr(processes, "WORTH", 1)
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 2)
    write(kinds, tables, tmp_path / "two.parquet", 4, reasons=1)
    assert digest_file(tmp_path / "two.parquet") == digest_file(tmp_path / "one.parquet")
    write(kinds, tables, tmp_path / "x.parquet", 4)
    with pytest.raises(AskedError, match="no condition on a customer"):
        write(kinds, tables, tmp_path / "y.parquet", 4, where="orders_365d + 1")


def test_processes_end_with_the_one_that_started_them(small_shop, tmp_path):
    code = f"""
from serving.batch import processes
from tests.serving.batch.test_run import *
processes.WORTH, processes.os.cpu_count = 1, lambda: 2
if __name__ == "__main__":
    scorer = Scorer(make_kinds(Path({str(tmp_path / "kinds")!r})))
    out = Path({str(tmp_path / "a.parquet")!r})
    tables = find_tables({str(small_shop)!r})
    write(scorer, tables, out, 40, reasons=3)
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    parent = subprocess.Popen([sys.executable, "-P", str(script)], cwd=ROOT, env=find_environment())
    work = tmp_path / "a.parquet.work"
    wait_until(lambda: len(list(work.glob("done-*.json"))) > 2)
    children = list_children(parent.pid)
    parent.kill()
    parent.wait()
    assert len(children) >= 2
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    done = sorted(place.name for place in work.glob("done-*.json"))
    assert 2 < len(done) < 40


def test_work_on_another_plan_is_thrown_away(kinds, small_shop, tmp_path):
    tables = find_tables(str(small_shop))
    old = make_plan(tables, kinds, Asked(AS_OF - timedelta(days=1)), 4)
    with open_work(tmp_path / "a.parquet.work", old) as work:
        (work.rows / "part-00000.parquet").write_bytes(b"old")
        with pytest.raises(BusyError, match="Another patron score is at work"):
            write(kinds, tables, tmp_path / "a.parquet", 4)
    write(kinds, tables, tmp_path / "a.parquet", 4)
    assert len(sort(tmp_path / "a.parquet")) == 400


def test_a_place_of_no_form_is_refused():
    with pytest.raises(SinkError, match=r"answers.xlsx names no form"):
        open_sink("answers.xlsx", Settings())


def test_a_folder_of_other_things_is_refused_and_left_alone(kinds, small_shop, tmp_path):
    tables, out = find_tables(str(small_shop)), tmp_path / "shop"
    out.mkdir()
    (out / "transactions.parquet").write_bytes((small_shop / "products.parquet").read_bytes())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "part-00000.parquet").write_bytes(
        (small_shop / "products.parquet").read_bytes()
    )
    for place in (out, tmp_path / "mine"):
        held = [f.read_bytes() for f in place.iterdir()]
        with pytest.raises(SinkError, match="holds other things than the rows of a batch"):
            open_sink(str(place), Settings())[1].check(Asked(AS_OF))
        with pytest.raises(SinkError, match="holds other things"):
            write(kinds, tables, place)
        assert [f.read_bytes() for f in place.iterdir()] == held


def test_a_folder_of_an_earlier_batch_is_replaced(kinds, small_shop, tmp_path):
    tables, out = find_tables(str(small_shop)), tmp_path / "rows"
    out.mkdir()
    write(kinds, tables, out, 5)
    write(kinds, tables, out, 2, where="orders_365d >= 2")
    assert len(list(out.iterdir())) == 2 and 0 < len(sort(out)) < 400


def test_a_csv_of_parts_without_rows_holds_rows_only(kinds, small_shop, tmp_path):
    write(
        kinds, find_tables(str(small_shop)), tmp_path / "a.csv", 5, where="customer_id = 'C-000009'"
    )
    lines = (tmp_path / "a.csv").read_bytes().splitlines()
    assert len(lines) == 2 and lines[1].startswith(b'"C-000009"')


def test_what_is_left_of_work_that_was_removed_in_part_is_not_gone_on_with(
    kinds, small_shop, tmp_path
):
    """The plan goes first: without it, half a folder would pass for the tables."""
    plan = make_plan(find_tables(str(small_shop)), kinds, Asked(AS_OF), 3)
    gone: list[str] = []
    with open_work(tmp_path / "a.work", plan) as work, pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda folder: gone.extend(f.name for f in folder.iterdir()))
        work.drop()
    assert gone == ["rows"]
