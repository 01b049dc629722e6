"""Killed at any moment, on a full disk, cut off from its database: the same command ends the same.

The commands are `patron score` as it is, in processes of their own.
"""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sql

from tests.serving.kinds import make_kinds

ROOT = Path(__file__).resolve().parents[3]
PARTS = 8
PLACES = {"parquet": 9, "folder": 9, "csv": 8, "postgresql": 8, "duckdb": 8, "store": 8}  # kills
MARK = "done-*.json"


class Runner:
    """Runs patron score, and kills it where asked."""

    def __init__(self, models: Path, shop: Path, home: Path) -> None:
        self.shop, self.home = shop, home
        words = [sys.executable, "-P", "-m", "tests.serving.batch.killing", str(models)]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PATRON_HOME": str(home),
               "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, cwd=ROOT, env=env, text=True
        )

    def score(
        self, out: str, after: float | None = None, *more: str, **meanwhile: Any
    ) -> dict[str, Any]:
        parts = () if "--parts" in more else ("--parts", str(PARTS))
        words = [str(self.shop), "--as-of", "2026-11-01", "--out", out, *parts, *more]
        self.process.stdin.write(json.dumps({"words": words, "after": after, **meanwhile}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, small_shop: Path) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("faults")
    make_kinds(folder / "models")
    made = Runner(folder / "models", small_shop, folder / "home")
    yield made
    made.end()


def read_bytes(out: Path) -> dict[str, bytes]:
    """All files of a batch, by what they are called."""
    files = [f for f in out.parent.iterdir() if f.is_file() and f.name.startswith(out.stem)]
    files += [f for f in out.iterdir() if f.is_file()] if out.is_dir() else []
    return {str(f.relative_to(out.parent)): f.read_bytes() for f in files}


def look_at_file(out: Path) -> int | None:
    """How many rows a reader finds; None where there is nothing."""
    try:
        if out.suffix == ".csv":
            return len(pl.read_csv(out.read_bytes()))
        if out.is_dir():
            files = sorted(out.iterdir())
            return sum(len(pl.read_parquet(f.read_bytes())) for f in files)
        return len(pl.read_parquet(out.read_bytes()))
    except FileNotFoundError:
        return None


def ask(url: str, words: str) -> list[tuple[Any, ...]]:
    if url.endswith(".duckdb"):
        with duckdb.connect(url, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.sql(words).pl().rows() if words else []
    engine = sql.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sql.text(words))]
    finally:
        engine.dispose()


def read_table(url: str, table: str) -> list[Any]:
    if table == "patron_answers":  # but for when they were made
        return ask(url, "SELECT customer_id, as_of_us, whole, short FROM patron_answers ORDER BY 1")
    return [
        ask(url, f"SELECT * FROM {table} ORDER BY customer_id"),
        ask(url, f"SELECT as_of, plan, answered, rows FROM {table}_manifests"),
        ask(url, f"SELECT * FROM {table}_rejected"),
    ]


def look_at_table(url: str) -> int | None:
    """How many rows a reader finds who reads what has a manifest only."""
    words = ("SELECT CASE WHEN EXISTS (SELECT 1 FROM told_manifests)"
             " THEN (SELECT count(*) FROM told) END")  # fmt: skip
    try:
        return int(ask(url, words)[0][0])
    except (sql.exc.ProgrammingError, TypeError):
        return None  # no table, no manifest


def forget_answers(url: str) -> None:
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sql.text("DELETE FROM patron_answers"))
    engine.dispose()


@contextmanager
def polling(look: Callable[[], int | None]) -> Iterator[Counter]:
    """Look again and again, and count what was seen."""
    seen: Counter = Counter()
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            seen[look()] += 1
            time.sleep(0.003)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def find_phase(work: Path) -> str:
    if not (work / "plan.json").exists():
        return "outside"
    if not (work / "tables").exists():
        return "spilling"
    return "parts" if len(list(work.glob(MARK))) < PARTS else "publishing"


@pytest.fixture(scope="module")
def phases() -> Counter:
    return Counter()


@pytest.mark.parametrize("kind", PLACES)
def test_killed_at_random_it_ends_as_if_nothing_had_been(runner, tmp_path, request, phases, kind):
    """Fifty kills in all. At every look meanwhile, what is under its name is whole."""
    rng = random.Random(kind)
    url, table = "", "told"
    if kind == "postgresql":
        url = request.getfixturevalue("scratch_database")
        places = [f"{url}/{name}" for name in ("calm", "told")]
    elif kind == "duckdb":
        url = str(tmp_path / "told.duckdb")
        places = [f"{tmp_path / name}.duckdb/{name}" for name in ("calm", "told")]
    elif kind == "store":
        url, table = f"sqlite:///{runner.home / 'patron.db'}", "patron_answers"
        places = ["store", "store"]
    else:
        ending = "" if kind == "folder" else f".{kind}"
        places = [str(tmp_path / name / f"answers{ending}") for name in ("calm", "told")]
    calm = runner.score(places[0])
    assert calm["status"] == 0, calm["told"]
    if kind == "store":
        expected = read_table(url, table)
        forget_answers(url)
    elif url:
        expected = read_table(url.replace("told.duckdb", "calm.duckdb"), "calm")
    else:
        expected = read_bytes(Path(places[0]))

    work = Path(f"{places[1]}.work")
    if url:
        batches = runner.home / "batches"

    def look() -> int | None:
        if kind == "postgresql":
            return look_at_table(url)
        return None if url else look_at_file(Path(places[1]))

    kills = 0
    with polling(look) as seen:
        while kills < PLACES[kind]:
            run = runner.score(places[1], rng.uniform(0.02, calm["took"]))
            if url:
                held = [f for f in batches.iterdir() if f.is_dir()]
                work = held[0] if held else batches / "none"
            if run["status"] == -9:
                kills += 1
                phases[find_phase(work)] += 1
            else:
                assert run["status"] == 0, run["told"]
        last = runner.score(places[1])
    assert last["status"] == 0, last["told"]
    assert set(seen) <= {None, 400} and sum(seen.values()) > 50
    if url:
        assert read_table(url, table) == expected
    else:
        assert read_bytes(Path(places[1])) == expected
        assert len(expected) >= 3 and not work.exists()


def test_kills_were_spread_over_the_work(phases):
    if len(phases) == 0:
        pytest.skip("needs the kills above")
    assert sum(phases.values()) == 50
    assert phases["spilling"] + phases["outside"] >= 3 and phases["parts"] >= 10, phases


def test_killed_at_every_move_it_ends_as_if_nothing_had_been(runner, tmp_path):
    """A folder of two parts: each time a file or folder gets its name, it ends there once."""
    calm, out = tmp_path / "calm" / "answers", tmp_path / "told" / "answers"
    assert runner.score(str(calm), None, "--parts", "2")["status"] == 0
    at, seen = 0, 0
    while True:
        at += 1
        run = runner.score(str(out), None, "--parts", "2", kill_at_move=at)
        assert run["status"] in (-9, 0), run["told"]
        if run["status"] == 0:
            break
        seen += 1
        assert runner.score(str(out), None, "--parts", "2")["status"] == 0
        assert read_bytes(out) == read_bytes(calm), at
    # The plan, the tables and their count, of each part its rows, rejects and mark, the folder, ...
    assert seen >= 12


def test_a_power_cut_finds_every_named_file_on_disk(runner, tmp_path):
    """The calls of a real run, in their order: content, then name, then the folder's names."""
    out = tmp_path / "told.parquet"
    run = runner.score(str(out), None, "--parts", "2", record=True)
    assert run["status"] == 0, run["told"]
    calls = [tuple(call) for call in run["calls"]]
    moves = [n for n, call in enumerate(calls) if call[0] == "move"]
    assert [calls[n][2] for n in moves][-3:] == [
        str(out), str(out.with_suffix(".rejected.parquet")), str(out.with_suffix(".manifest.json"))
    ]  # fmt: skip
    for n in moves:
        _, source, place = calls[n]
        before = calls[:n]
        if calls[n][1].endswith("tables.unfinished"):
            spilled = [c[1] for c in before if c[0] == "sync" and c[1].endswith(".arrow")]
            assert len({Path(name).name for name in spilled}) >= 7
        else:
            assert ("sync", source) in before, source
        assert calls[n + 1] == ("sync", str(Path(place).parent)), calls[n + 1]
    done = [n for n in moves if "done-" in calls[n][2]]
    rows = [n for n in moves if "/rows/" in calls[n][2]]
    assert len(done) == len(rows) == 2 and rows[0] < done[0] < rows[1] < done[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip("needs to be let mount a file system")
    assert done.returncode == 0, done.stderr
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("name", ["a.parquet", "a", "a.csv", "a.duckdb"])
def test_a_full_disk_is_told_and_with_room_the_same_command_goes_on(
    runner, tmp_path, small_disk, name
):
    more = ("--reasons", "2")
    calm, out, ballast = tmp_path / "calm" / name, small_disk / name, small_disk / "ballast"
    assert runner.score(str(calm), None, *more)["status"] == 0
    failed = 0
    for free in (20_000, 120_000, 400_000, 900_000, 1_400_000, 2_000_000):
        ballast.unlink(missing_ok=True)
        room = os.statvfs(small_disk)
        ballast.write_bytes(bytes(max(0, room.f_bavail * room.f_bsize - free)))
        run = runner.score(str(out), None, *more)
        if run["status"] == 0:
            break
        failed += 1
        assert run["status"] == 1 and run["said"] == ""
        (line,) = run["told"].splitlines()
        where = "DuckDB's a.duckdb" if name.endswith("duckdb") else str(small_disk)
        assert line.startswith(f"patron: The disk of {where} is full"), line
        assert "the same command" in line
        if not name.endswith("duckdb"):
            assert look_at_file(out) is None
            assert not list(small_disk.glob("a*.unfinished"))
    assert failed >= 2
    ballast.unlink()
    run = runner.score(str(out), None, *more)
    assert run["status"] == 0, run["told"]
    if name.endswith("duckdb"):
        assert read_table(str(out), "answers") == read_table(str(calm), "answers")
    else:
        assert read_bytes(out) == read_bytes(calm)


def test_a_disk_that_is_read_only_is_told(runner, small_disk):
    words = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(words, check=True, capture_output=True)
    for name in ("a.parquet", "folder", "a.duckdb"):
        run = runner.score(str(small_disk / name))
        (line,) = run["told"].splitlines()
        assert run["status"] == 1 and line.startswith("patron: "), line
        assert name.split(".")[0] in line or "does not answer" in line


class Proxy:
    """Hands on to PostgreSQL what comes, until so many bytes went by; then cuts all."""

    def __init__(self) -> None:
        self.left: float = float("inf")
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            if self.left <= 0:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", 5432))
            self.held += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while told := one.recv(8192):
                self.left -= len(told)
                if self.left <= 0:
                    break
                other.sendall(told)
        except OSError:
            pass
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # a close alone waits for who reads from it
            end.close()

    def end(self) -> None:
        self.server.close()
        for one in self.held:
            one.close()


def test_a_connection_that_is_cut_is_told_and_loses_nothing(runner, scratch_database):
    proxy, calm = Proxy(), f"{scratch_database}/calm_cut"
    url = scratch_database.replace(
        "postgres@127.0.0.1:5432", f"postgres:hidden1@127.0.0.1:{proxy.port}"
    )
    assert runner.score(calm)["status"] == 0
    for left in (100, 9_000, 60_000, 150_000):
        proxy.left = left
        run = runner.score(f"{url}/cut")
        (line,) = run["told"].splitlines()
        assert run["status"] == 1 and "does not answer" in line, line
        assert "same command goes on" in line and "hidden1" not in line
    proxy.left = float("inf")
    run = runner.score(f"{url}/cut")
    assert run["status"] == 0, run["told"]
    assert read_table(scratch_database, "cut") == read_table(scratch_database, "calm_cut")
    proxy.end()


def test_a_backend_that_is_terminated_is_told_and_loses_nothing(runner, scratch_database):
    """It waits for a row of the fifth part of eight, and is terminated while it does."""
    url, told = f"{scratch_database}/gone", []
    assert runner.score(url)["status"] == 0
    expected = read_table(scratch_database, "gone")
    who = next(row[0] for row in expected[0] if zlib.crc32(row[0].encode()) % PARTS == 4)
    run = threading.Thread(target=lambda: told.append(runner.score(url)))
    terminate = sql.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    engine = sql.create_engine(scratch_database)
    with engine.begin() as holder, engine.connect() as other:
        other = other.execution_options(isolation_level="AUTOCOMMIT")
        other.execute(sql.text("DELETE FROM gone WHERE customer_id <> :who"), {"who": who})
        holder.execute(sql.text("SELECT 1 FROM gone FOR UPDATE"))
        run.start()
        while not other.execute(terminate).all():
            time.sleep(0.01)
        run.join()
        counts = [other.execute(sql.text(f"SELECT count(*) FROM gone{n}")).scalar_one()
                  for n in ("", "_manifests")]  # fmt: skip
    engine.dispose()
    (line,) = told[0]["told"].splitlines()
    assert told[0]["status"] == 1 and "does not answer (" in line, line
    four = sum(zlib.crc32(row[0].encode()) % PARTS < 4 for row in expected[0])
    assert counts == [four + 1, 0]  # what is not whole has no manifest
    assert runner.score(url)["status"] == 0
    assert read_table(scratch_database, "gone") == expected


def test_a_second_run_on_the_same_place_is_told_apart(runner, tmp_path, small_shop):
    from datetime import UTC, datetime

    from contract.tables import find_tables
    from serving.batch.asked import Asked
    from serving.batch.planning import make_plan
    from serving.batch.work import open_work
    from serving.scorer import Scorer

    scorer = Scorer(make_kinds(tmp_path / "kinds"))
    plan = make_plan(find_tables(str(small_shop)), scorer, Asked(datetime(2026, 11, 1, tzinfo=UTC)))
    with open_work(tmp_path / "a.parquet.work", plan):
        run = runner.score(str(tmp_path / "a.parquet"))
    (line,) = run["told"].splitlines()
    assert run["status"] == 3 and "Another patron score is at work" in line


def test_json_is_one_object_and_all_there_is_on_standard_output(runner, tmp_path):
    run = runner.score(str(tmp_path / "a.parquet"), None, "--json")
    assert json.loads(run["said"])["counts"]["answered"] == 400 and run["told"] == ""
    run = runner.score("store", None, "--json", "--dry-run")
    told = json.loads(run["said"])
    lines = pl.scan_parquet(runner.shop / "transactions.parquet").select(pl.len()).collect().item()
    assert told["table_rows"]["transactions"] == lines and told["out"] == "the store"
    assert told["parts"] == PARTS and len(told["models"]) == 5
    assert runner.score("a.xlsx", None, "--json")["said"] == ""
