"""What a batch on Spark costs as the shop grows, and what is moved: docs/scale.md's table.

Run: .venv/bin/python -P benchmarks/spark.py [customers ...] [--write]

36000 customers have about a million order lines in two years. Each size is scored by five
targets, in a process of its own with a new session on local[2]. What is shuffled is by Spark's own
figures of stages; CPU seconds are of all processes, Java's too. The second row has the first shop
once more, with one customer beside who has a million lines.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- begin: benchmarks/spark.py -->", "<!-- end of spark -->"
SIZES = (36_000, 144_000, 576_000)
LEARNED = 1_500  # customers of the shop that the models learn from
WHALE = 1_000_000  # lines of one customer
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
SUBMIT = "--master local[2] --driver-memory 3g --conf spark.python.worker.reuse=true pyspark-shell"
HEAD = (
    "| order lines | interactions | customers | tasks | seconds | CPU seconds | x lines | x CPU |"
    " shuffled MiB | bytes a row | bytes of answers a customer | largest worker MiB | load |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table, and with --write put it into the page."""
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()] or SIZES
    rows: list[str] = [HEAD]
    with tempfile.TemporaryDirectory() as place:
        folder, first = Path(place), None
        _call("learn", folder)
        for size in [sizes[0], 0, *sizes[1:]]:
            found = _call("one", folder, str(size or sizes[0]), *(["whale"] if not size else []))
            first = first or found
            rows.append(_tell(found, first, not size))
            print(rows[-1], file=sys.stderr, flush=True)
        plan = found["plan"]
    told = "\n".join([*rows, "", "```", plan, "```"])
    print(told)
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}", "utf-8")


def _call(*words: Any) -> Any:
    told = subprocess.run(
        [sys.executable, "-P", __file__, *map(str, words)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its processes can be told from others
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": SUBMIT, "PYSPARK_PYTHON": sys.executable},
    ).stdout
    return json.loads(told.splitlines()[-1])


def _tell(found: dict[str, Any], first: dict[str, Any], whale: bool) -> str:
    lines = found["transactions"]
    rows = lines + found["interactions"]
    name = f"{lines:,}, of one customer {WHALE:,}" if whale else f"{lines:,}"
    return (
        f"| {name} | {found['interactions']:,} | {found['customers']:,} | {found['tasks']}"
        f" | {found['seconds']:.0f} | {found['cpu']:.0f} | {lines / first['transactions']:.1f}"
        f" | {found['cpu'] / first['cpu']:.1f} | {found['shuffled'] / 2**20:,.0f}"
        f" | {found['shuffled'] / rows:.0f} | {found['written'] / found['customers']:.0f}"
        f" | {found['peak'] / 1024:,.0f} | {found['load']:.1f} |"
    )


def learn_all(folder: Path) -> dict[str, Any]:
    """Learn every target on a small shop, and lay the bundles out as the registry does."""
    from contract.bundle import save_bundle
    from contract.tables import find_tables
    from features.gather import read_history
    from shop import Plan, make_shop
    from training.horizons import find_horizon
    from training.learn import learn
    from training.learned import Asked
    from training.targets import TARGETS

    make_shop(folder / "small", Plan(LEARNED, 24, 2))
    history = read_history(find_tables(str(folder / "small")))
    for name, target in TARGETS.items():
        whole = find_horizon(history, target, AS_OF)
        learned = learn(history, whole, AS_OF, Asked(lambda step: None))
        save_bundle(learned.bundle, folder / "bundles" / name / "1")
    return {"targets": [*TARGETS]}


def score(folder: Path, customers: int, whale: bool) -> dict[str, Any]:
    """Return what scoring such a shop took, as Spark tells it."""
    from contract.packed import pack_bundles, unpack_bundles
    from contract.tables import find_tables
    from features.engines import read_tables
    from features.session import open_session
    from serving.batch.asked import Asked
    from serving.batch.on_spark import bring_together, count_tasks, run_on_spark
    from serving.batch.planning import make_plan
    from serving.batch.run import Source
    from serving.scorer import Scorer
    from serving.sinks.spark_folder import LocalFolder
    from shop import Plan, make_shop

    place = folder / f"shop{customers}"
    if not place.exists():
        make_shop(place, Plan(customers, 24, 1))
    if whale:
        add_whale(place)
    session, asked = open_session(), Asked(AS_OF)
    session.range(10).count()
    tables, packed = find_tables(str(place)), pack_bundles(folder / "bundles")
    load, begin, ended = os.getloadavg()[0], time.perf_counter(), Event()
    seen: dict[int, tuple[float, int]] = {}
    _look(seen)
    before = sum(cpu for cpu, _ in seen.values())
    watcher = Thread(target=_watch, args=(seen, ended), daemon=True)
    watcher.start()
    source = Source(read_tables(tables, "spark"), tables.layout)
    plan = make_plan(tables, Scorer(unpack_bundles(packed)), asked, count_tasks(tables))
    told = run_on_spark((source, packed, asked), plan, LocalFolder(folder / "out"), lambda *_: None)
    seconds = time.perf_counter() - begin
    ended.set()
    watcher.join()
    cpu = sum(cpu for cpu, _ in seen.values()) - before
    rows = bring_together(source.raw, source.layout, plan.parts)
    return {
        **told.table_rows,
        "customers": told.counts.customers,
        "tasks": plan.parts,
        "seconds": seconds,
        "cpu": cpu,
        "shuffled": sum(_list_shuffled(session)),
        "written": sum(file.stat().st_size for file in (folder / "out").iterdir()),
        "peak": max(peak for _, peak in seen.values()),
        "load": load,
        "plan": _explain(rows),
    }


def add_whale(place: Path) -> None:
    """Give the shop a customer of very many lines."""
    import polars as pl

    file = place / "transactions.parquet"
    lines = pl.read_parquet(file)
    own = lines.sample(WHALE, with_replacement=True, seed=1)
    own = own.with_columns(
        pl.lit("whale").alias("customer_id"),
        pl.format("W{}", pl.int_range(pl.len())).alias("order_id"),
    )
    pl.concat([lines, own]).write_parquet(file)


def _list_shuffled(session: Any) -> list[int]:
    """Return the bytes that each stage has written for the next."""
    context = session.sparkContext
    jvm, none = context._jvm, context._gateway.new_array(context._jvm.double, 0)
    store = context._jsc.sc().statusStore()
    stages = store.stageList(None, False, False, none, jvm.java.util.ArrayList())
    return [stages.apply(n).shuffleWriteBytes() for n in range(stages.size())]


def _explain(rows: Any) -> str:
    plan = rows._jdf.queryExecution().simpleString().splitlines()
    return "\n".join(line[:100] for line in plan if line.strip())


def _watch(seen: dict[int, tuple[float, int]], ended: Event) -> None:
    while not ended.wait(0.2):
        _look(seen)


def _look(seen: dict[int, tuple[float, int]]) -> None:
    """Keep the CPU seconds of every process of ours, and the most memory of each Python of Spark.

    Workers that end are told of by what was seen last of them.
    """
    ours, hertz = os.getsid(0), os.sysconf("SC_CLK_TCK")
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(place.name)) != ours:
                continue
            spent = place.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
            words = place.joinpath("cmdline").read_bytes()
            status = place.joinpath("status").read_text()
        except OSError:
            continue
        peak = int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0
        worker = b"pyspark" in words and b"daemon" in words
        seen[int(place.name)] = sum(map(int, spent)) / hertz, peak if worker else 0


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or [""]
    if what == "learn":
        print(json.dumps(learn_all(Path(rest[0]))))
    elif what == "one":
        print(json.dumps(score(Path(rest[0]), int(rest[1]), "whale" in rest)))
    else:
        main()
