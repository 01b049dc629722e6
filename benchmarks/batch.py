"""What a nightly batch takes, beside its parts' limits and MLflow's ways: docs/batch_speed.md.

Run: .venv/bin/python -P benchmarks/batch.py [customers ...] [--months 61] [--home DIR] [--write]

4000 and 40000 customers unless told; some 48 order lines and 64 interactions each. Of large shops
the parts, and of the largest the reasons, are left out. DIR keeps the shops and models between
runs. Each row of a table is a process of its own, measured with all that it starts: seconds by the
clock, seconds of CPU, and the memory of all of them together at its greatest.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.shop_records import AS_OF, Made, prepare  # noqa: E402

PAGE = ROOT / "docs" / "batch_speed.md"
BEGIN, END = "<!-- begin: benchmarks/batch.py -->", "<!-- end -->"
SHARED = 4_000  # customers of whom XGBoost's own contributions are asked: all would take hours
EXPLAINED, TAKEN_APART = (
    1_000_000,
    100_000,
)  # customers, up to whom reasons, and parts, are measured
CHUNK = 10_000  # rows of a pandas frame
CHANCES = ("churn", "next_purchase", "up_sell")
SCORE = [sys.executable, "-P", "-m", "cli", "score"]
GROUPS = (
    "SELECT customer_id, count(*), sum({}), min({}), max({}) FROM read_parquet('{}') GROUP BY 1"
)
EVENTS = {"transactions": ("amount", "ordered_at"), "interactions": ("value", "occurred_at")}


Took = tuple[float, float]  # seconds by the clock, and of CPU


def take(job: Callable[[], Any]) -> Took:
    """Return what a job took."""
    began, busy = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - began, time.process_time() - busy


def group(shop: Path) -> Iterator[Took]:
    """Yield the seconds of scanning and grouping each event table."""
    import duckdb

    for table, (value, at) in EVENTS.items():
        query = duckdb.sql(GROUPS.format(value, at, at, shop / f"{table}.parquet"))
        yield take(query.to_arrow_table)


def predict(shop: Path) -> Iterator[Took]:
    """Yield the seconds of XGBoost on each matrix that a batch hands to it, one thread."""
    for booster, rows, _ in record(shop, "margin"):
        yield take(partial(booster.inplace_predict, rows, predict_type="margin"))


def share(shop: Path) -> Iterator[Took]:
    """Yield the seconds of our exact contributions on each matrix that a batch asks them of."""
    for model, rows, _ in record(shop, "share"):
        model.boughs.share(rows[:1])
        yield take(partial(model.boughs.share, rows))


def contribute(shop: Path) -> Iterator[Took]:
    """Yield the seconds of XGBoost's own contributions, of some rows, as if of all."""
    import xgboost

    for model, rows, parts in record(shop, "share", most=1):
        some = xgboost.DMatrix(rows[:SHARED])
        took = take(partial(model.booster.predict, some, pred_contribs=True))
        times = parts * len(rows) / max(min(len(rows), SHARED), 1)
        yield took[0] * times, took[1] * times


def record(shop: Path, what: str, most: int = 0) -> Iterator[tuple[Any, Any, float]]:
    """Yield what trees are asked in a batch, part after part, and how many such there are."""
    from contract.bundle import load_bundles
    from contract.moments import read_moment
    from contract.tables import find_tables
    from contract.trees import Boosted
    from features.engines import pick_usable, read_tables
    from features.gather import gather
    from features.parting import open_part, part_tables
    from serving.batch.answer import answer
    from serving.batch.asked import Asked
    from serving.batch.planning import make_plan
    from serving.scorer import Scorer

    asked = Asked(read_moment(AS_OF), reasons=3 if what == "share" else 0)
    scorer = Scorer(load_bundles(Path(os.environ["BUNDLES"])))
    tables = find_tables(str(shop))
    parts = make_plan(tables, scorer, asked).parts
    held: list[tuple[Any, Any]] = []
    margin, rows = Boosted.margin, Boosted.rows

    def keep_margin(self: Any, columns: Any, base: Any) -> Any:
        held.append((self.plain[0], self.gather(columns)))
        return margin(self, columns, base)

    def keep_rows(self: Any, columns: Any) -> Any:
        held.append((self, rows(self, columns)))
        return held[-1][1]

    if what == "margin":
        Boosted.margin = keep_margin  # type: ignore[method-assign]
    else:
        Boosted.rows = keep_rows  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory(prefix="parts-") as folder:
        part_tables(read_tables(tables, "polars"), parts, Path(folder), lambda _: None)
        for number in range(most or parts):
            history = gather(pick_usable(open_part(Path(folder), number), tables.layout))
            answer(scorer, history, asked)
            for one in held:
                yield *one, parts / most if most else 1.0
            held.clear()


def by_pyfunc(shop: Path) -> Iterator[Took]:
    """Yield the seconds of each of MLflow's models on pandas chunks of finished features."""
    import mlflow.pyfunc
    import pyarrow.parquet as pq

    models = [mlflow.pyfunc.load_model(f"models:/patron-{name}@champion") for name in CHANCES]
    for batch in pq.ParquetFile(shop / "features.parquet").iter_batches(CHUNK):
        for model in models:
            yield take(lambda model=model, batch=batch: model.predict(batch.to_pandas()))


def by_spark_udf(shop: Path) -> Iterator[Took]:
    """Yield the seconds of MLflow's UDF of churn over finished features, on Spark's local[2]."""
    import mlflow.pyfunc

    from features.session import open_session

    spark = open_session()
    uri = "models:/patron-churn@champion"
    udf = mlflow.pyfunc.spark_udf(spark, uri, env_manager="local", result_type="double")
    frame = spark.read.parquet(str(shop / "features.parquet"))
    names = mlflow.pyfunc.load_model(uri).metadata.get_input_schema().input_names()
    told = frame.select("customer_id", udf(*names).alias("probability"))
    yield take(lambda: told.write.mode("overwrite").parquet(str(shop / "udf")))


PARTS: dict[str, Callable[[Path], Iterator[Took]]] = {
    "bare scan and group-by of both event tables": group,
    "raw XGBoost: `inplace_predict` on the finished matrices": predict,
    "raw exact SHAP: tables of `contract/boughs.py`": share,
    "XGBoost's own `pred_contribs`, of some, as if of all": contribute,
    "mlflow.pyfunc: 3 models of 5, finished features, pandas": by_pyfunc,
    "mlflow spark_udf: churn alone, finished features": by_spark_udf,
}
SCAN, PREDICT, SHARE, CONTRIBS, PYFUNC, UDF = PARTS
PLAIN, REASONS = "Patron, five targets", "Patron, five targets, three reasons each"


def watch(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Return what a command took and said: with all it starts, by clock, CPU and memory."""
    load, began = os.getloadavg()[0], time.perf_counter()
    process = psutil.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    peak = [0]

    def look() -> None:
        while process.poll() is None:
            try:
                held = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(p.memory_info().rss for p in held))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    before = os.times()
    told = process.stdout.read().decode()
    process.wait()
    watcher.join()
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return {"seconds": time.perf_counter() - began, "busy": busy - before.children_system,
            "peak": peak[0] / 2**20, "load": load, "told": told}  # fmt: skip


def measure(made: Made, shop: Path, customers: int) -> dict[str, dict[str, Any]]:
    """Return what each row took, those of Patron as the whole command."""
    environment = made.environment | {"BUNDLES": str(made.bundles), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    out, found = str(made.home / "answers.parquet"), {}
    words = [*SCORE, str(shop), "--as-of", AS_OF, "--json", "--out", out]
    for name in (PLAIN, REASONS) if customers <= EXPLAINED else (PLAIN,):
        found[name] = watch([*words, *(["--reasons", "3"] if name == REASONS else [])], environment)
        print(name, found[name]["seconds"], file=sys.stderr)
    parts = PARTS if customers <= TAKEN_APART else (SCAN,)
    features = [sys.executable, "-P", "-m", "cli", "features", str(shop), "--as-of", AS_OF]
    if UDF in parts and not (shop / "features.parquet").exists():
        subprocess.run([*features, "--out", str(shop / "features.parquet")], env=environment,
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    for name in parts:
        row = [sys.executable, "-P", __file__, "--row", name, "--shop", str(shop)]
        found[name] = watch(row, environment)
        seconds, busy = map(float, found[name]["told"].split()[-2:])
        found[name] |= {"seconds": seconds, "busy": busy, "peak": 0}
        print(name, found[name], file=sys.stderr)
    return found


def tabulate(found: dict[str, dict[str, Any]], customers: int, lines: int, acts: int) -> str:
    """Return the table of one size."""
    head = (
        f"### {customers:,} customers, {lines:,} order lines, {acts:,} interactions\n\n"
        "| | seconds | customers/s | CPU seconds | peak MiB | load before |\n"
        "|---|---|---|---|---|---|"
    )
    rows = []
    for name, one in found.items():
        peak = f"{one['peak']:,.0f}" if one["peak"] else ""
        busy = "" if name == UDF else f"{one['busy']:.2f}"  # Spark's are not this one's children
        rows.append(f"| {name} | {one['seconds']:.2f} | {customers / one['seconds']:,.0f}"
                    f" | {busy} | {peak} | {one['load']:.1f} |")  # fmt: skip
    beside = {
        "Patron over scan and raw prediction": ((PLAIN,), (SCAN, PREDICT)),
        "With reasons over these and our own SHAP": ((REASONS,), (SCAN, PREDICT, SHARE)),
        "With reasons over these and XGBoost's SHAP": ((REASONS,), (SCAN, PREDICT, CONTRIBS)),
        "mlflow.pyfunc, 3 of 5 targets, over Patron from raw tables": ((PYFUNC,), (PLAIN,)),
        "MLflow's UDF on Spark, 1 of 5 targets, over Patron": ((UDF,), (PLAIN,)),
    }
    ratios = ["| | times the seconds | times the CPU seconds |", "|---|---|---|"]
    whole = {n: rows for n, rows in beside.items() if {*rows[0], *rows[1]} <= found.keys()}
    ratios += [f"| {name} | {divide(found, *rows)} |" for name, rows in whole.items()]
    ratios = ratios if whole else []
    return "\n".join([head, *rows, "", *ratios])


def divide(found: dict[str, Any], ours: Sequence[str], least: Sequence[str]) -> str:
    """Return how many times the seconds, and the CPU seconds, some rows take of others."""
    seconds, busy = (
        sum(found[n][what] for n in ours) / sum(found[n][what] for n in least)
        for what in ("seconds", "busy")
    )
    return f"{seconds:.2f} | " + ("" if UDF in ours else f"{busy:.2f}")


def compare(sizes: list[int], found: list[dict[str, dict[str, Any]]]) -> str:
    """Return how many times longer the whole command takes at each size than at the one before."""
    columns = "| | from | to | times the customers | times the time |"
    lines = ["### More customers", "", columns, "|---|---|---|---|---|"]
    for name in (PLAIN, REASONS):
        for i in (i for i in range(1, len(sizes)) if name in found[i]):
            took = found[i][name]["seconds"] / found[i - 1][name]["seconds"]
            lines.append(f"| {name} | {sizes[i - 1]:,} | {sizes[i]:,}"
                         f" | {sizes[i] / sizes[i - 1]:.0f} | {took:.1f} |")  # fmt: skip
    return "\n".join(lines)


def make(home: Path, customers: int, months: int) -> tuple[Path, int, int]:
    """Return the shop of that size, made where it is not, and how many events it has."""
    import pyarrow.parquet as pq

    import shop

    place = home / f"shop-{customers}-{months}"
    if not place.exists():
        shop.make_shop(place, shop.Plan(customers, months, 1))
    lines, acts = (pq.read_metadata(place / f"{name}.parquet").num_rows for name in EVENTS)
    return place, lines, acts


def main() -> None:
    """Print the tables, or write them into the page; with --row, measure one row of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[4_000, 40_000], help="customers")
    parser.add_argument("--months", type=int, default=61)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "patron-batch")
    parser.add_argument("--write", action="store_true", help="write them into the page")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--shop", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        print(*(sum(took) for took in zip(*PARTS[asked.row](asked.shop), strict=True)))
        return
    made, sizes = prepare(asked.home), sorted(asked.sizes)
    found, tables = [], []
    for customers in sizes:
        place, lines, acts = make(asked.home, customers, asked.months)
        found.append(measure(made, place, customers))
        tables.append(tabulate(found[-1], customers, lines, acts))
        print(tables[-1], flush=True)
    tables.append(compare(sizes, found))
    print(tables[-1])
    if asked.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        told = "\n\n".join(tables)
        PAGE.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
