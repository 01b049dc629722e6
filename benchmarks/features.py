"""How fast features are on each engine, beside a bare group-by and peers: docs/speed.md's tables.

Run: .venv/bin/python -P benchmarks/features.py [customers ...] [--write]

36000 customers, the default, are about a million order lines. Each row of a table is measured in a
process of its own, which loads only what the row needs. FEATURETOOLS_PYTHON names the Python of an
environment that has featuretools, which Patron does not depend on.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- begin: benchmarks/features.py -->", "<!-- end -->"

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
YEAR = [AS_OF - timedelta(days=30 * n) for n in range(12)]
REPEATS = 3
MOST_ROWS = 2_500_000  # of one pass: with 220 features 4 GB, and what it is made from
WINDOWS = (7, 14, 30, 60, 90, 180, 365)
PARTS = ("reading", "norms", "features")

GROUPS = (
    "SELECT customer_id, count(*), sum({}), min({}), max({}) FROM read_parquet('{}') GROUP BY 1"
)
EVENTS = {"transactions": ("amount", "ordered_at"), "interactions": ("value", "occurred_at")}

Made = tuple[int, int]  # rows and columns


def group(folder: Path, *tables: str) -> Callable[[], Made]:
    """Return the bare group-by of each of these tables."""
    import duckdb

    def job() -> Made:
        for table in tables:
            value, at = EVENTS[table]
            query = GROUPS.format(value, at, at, folder / f"{table}.parquet")
            made = duckdb.sql(query).to_arrow_table()
        return made.num_rows, 4 * len(tables)

    return job


def ours(folder: Path, engine: str, moments: list[datetime]) -> Callable[[], Any]:
    """Return the whole catalogue as of these moments, which says what each part of it took."""
    from contract.tables import find_tables
    from features.compute import compute
    from features.gather import read_history
    from features.norms import find_norms

    if engine == "spark":
        from features.session import open_session

        open_session().range(10).count()

    def job() -> tuple[int, int, list[float]]:
        at = [time.perf_counter()]
        history = read_history(find_tables(str(folder)), engine)
        at.append(time.perf_counter())
        norms = find_norms(history, moments)
        at.append(time.perf_counter())
        made = compute(history, norms).to_arrow()
        at.append(time.perf_counter())
        parts = [b - a for a, b in pairwise(at)]
        return made.num_rows, made.num_columns - 2, parts

    return job


def by_pandas(folder: Path) -> Callable[[], Made]:
    """Return orders, spend, items and lines over each window and ever, gaps, and days since."""
    import pandas as pd

    as_of, day = pd.Timestamp(AS_OF).tz_localize(None), pd.Timedelta(days=1)
    asked = ["customer_id", "order_id", "ordered_at", "amount", "quantity"]
    summed = ["orders", "amount", "quantity", "lines"]

    def job() -> Made:
        lines = pd.read_parquet(folder / "transactions.parquet", columns=asked)
        lines = lines[lines["ordered_at"] < as_of]
        lines["customer_id"], ids = lines["customer_id"].factorize()
        lines["orders"], lines["lines"] = ~lines["order_id"].duplicated(), 1
        orders = lines.loc[lines["orders"], ["customer_id", "ordered_at"]]
        made = [lines.groupby("customer_id")[summed].sum()]
        for days in reversed(WINDOWS):
            lines = lines[lines["ordered_at"] >= as_of - days * day]
            made.append(lines.groupby("customer_id")[summed].sum())
        orders = orders.sort_values(["customer_id", "ordered_at"])
        gaps = orders.groupby("customer_id")["ordered_at"].diff() / day
        made.append(gaps.groupby(orders["customer_id"]).agg(["mean", "std"]))
        ends = orders.groupby("customer_id")["ordered_at"].agg(["min", "max"])
        made.append((as_of - ends) / day)
        return pd.concat(made, axis=1).reindex(range(len(ids))).shape

    return job


def by_featuretools(folder: Path) -> Callable[[], Made]:
    """Return what featuretools makes of both tables unasked, without windows."""
    import warnings

    import featuretools as ft
    import pandas as pd

    warnings.simplefilter("ignore")
    values = {"transactions": ["amount", "quantity", "product_id"],
              "interactions": ["value", "kind", "channel"]}  # fmt: skip

    def job() -> Made:
        shop, ids = ft.EntitySet("shop"), []
        for name, columns in values.items():
            at = EVENTS[name][1]
            rows = pd.read_parquet(
                folder / f"{name}.parquet", columns=["customer_id", at, *columns]
            )
            ids.append(rows["customer_id"])
            rows["row"] = range(len(rows))
            shop.add_dataframe(rows, name, index="row", time_index=at)
        known = pd.DataFrame({"customer_id": pd.concat(ids).unique()})
        shop.add_dataframe(known, "customers", index="customer_id")
        for name in values:
            shop.add_relationship("customers", "customer_id", name, "customer_id")
        as_of = pd.Timestamp(AS_OF).tz_localize(None)
        asked = {"target_dataframe_name": "customers", "trans_primitives": []}
        return ft.dfs(entityset=shop, cutoff_time=as_of, **asked)[0].shape

    return job


ROWS: dict[str, Callable[[Path], Callable[[], Any]]] = {
    "bare group-by of order lines": lambda f: group(f, "transactions"),
    "bare group-by of both event tables": lambda f: group(f, *EVENTS),
    "Patron on polars": lambda f: ours(f, "polars", [AS_OF]),
    "Patron on polars, rows shuffled": lambda f: ours(f / "shuffled", "polars", [AS_OF]),
    "Patron on duckdb": lambda f: ours(f, "duckdb", [AS_OF]),
    "Patron on spark": lambda f: ours(f, "spark", [AS_OF]),
    "Patron on polars, 12 moments": lambda f: ours(f, "polars", YEAR),
    "pandas": by_pandas,
    "featuretools": by_featuretools,
}
BARE, BOTH, ONE, _, _, SPARK, TWELVE, _, DFS = ROWS
ONCE = (SPARK, TWELVE, DFS)


def make(folder: Path, customers: int) -> dict[str, int]:
    """Return the rows of the tables of a shop that is made there, and again in random order."""
    import polars as pl

    import shop

    rows = shop.make_shop(folder, shop.Plan(customers, 24, 1))
    (folder / "shuffled").mkdir()
    for file in folder.glob("*.parquet"):
        mixed = pl.read_parquet(file).sample(fraction=1, shuffle=True, seed=1)
        mixed.write_parquet(folder / "shuffled" / file.name)
    return {"lines": rows["transactions"], "acts": rows["interactions"]}


def measure(job: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Return the least seconds of a few runs, their parts, what was made, and the first's peak."""
    runs, peak = [], 0.0
    for _ in range(repeats):
        began, busy = time.perf_counter(), time.process_time()
        rows, columns, *parts = job()
        runs.append((time.perf_counter() - began, time.process_time() - busy, *parts))
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, busy, *parts = min(runs)
    return {"seconds": seconds, "parts": parts[0] if parts else [], "values": rows * columns,
            "columns": columns, "peak": peak, "busy": busy}  # fmt: skip


def run(name: str, folder: Path, number: int) -> dict[str, Any] | str:
    """Return what a process of its own says of a row, or the last line of why it failed."""
    python = os.environ["FEATURETOOLS_PYTHON"] if name == DFS else sys.executable
    command = [python, "-P", __file__, "--row", name, "--folder", str(folder), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2]
    told = done.stdout.strip().rpartition("\n")[2]
    print(name, told, file=sys.stderr, flush=True)
    return dict(json.loads(told))


def find_reason(name: str, customers: int, smallest: bool) -> str:
    """Return why a row is not measured, or nothing."""
    if name in (SPARK, DFS) and not smallest:
        return "only at the smallest size"
    if name == SPARK and not (find_spec("pyspark") and shutil.which("java")):
        return "no PySpark or no Java here"
    if name == DFS and "FEATURETOOLS_PYTHON" not in os.environ:
        return "FEATURETOOLS_PYTHON is not set"
    if name == TWELVE and customers * len(YEAR) > MOST_ROWS:
        return "their result alone fills the memory of this machine"
    return ""


def measure_size(customers: int, smallest: bool, repeats: int) -> tuple[str, dict[str, float]]:
    """Return the table of one size, and the seconds of each of its rows."""
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        load = os.getloadavg()[0]
        size = run("make", Path(folder), customers)
        if isinstance(size, str):
            sys.exit(size)
        found = {
            name: find_reason(name, customers, smallest)
            or run(name, Path(folder), 1 if name in ONCE else repeats)
            for name in ROWS
        }
    seconds = {name: one["seconds"] for name, one in found.items() if isinstance(one, dict)}
    lines = list(tabulate(found, (seconds[BARE], seconds[BOTH])))
    head = (
        f"### {size['lines']:,} order lines, {size['acts']:,} interactions,"
        f" {customers:,} customers\n\nLeast of {repeats}, those of {', '.join(ONCE)} once."
        f" Load average before: {load:.1f} on {os.cpu_count()} cores.\n\n"
        "| | features | seconds | x bare | x bare of both | CPU seconds | peak MiB |"
        " µs per 1,000 values |\n|---|---|---|---|---|---|---|---|"
    )
    ratio = seconds[TWELVE] / seconds[ONE] if TWELVE in seconds else None
    told = [] if ratio is None else ["", f"12 moments take {ratio:.2f} times what one takes."]
    return "\n".join([head, *lines, *told]), seconds


def tabulate(found: dict[str, Any], bare: tuple[float, float]) -> Iterator[str]:
    """Yield a line for each row, and for each part of the first of ours."""

    def times(seconds: float) -> str:
        return " | ".join([f"{seconds:.2f}", *(f"{seconds / least:.1f}" for least in bare)])

    for name, one in found.items():
        if isinstance(one, str):
            yield f"| {name} | | not run: {one} | | | | | |"
            continue
        if name == ONE:
            for part, took in zip(PARTS, one["parts"], strict=True):
                yield f"| … {part} | | {times(took)} | | | |"
        each = one["seconds"] * 1e9 / one["values"]
        yield (
            f"| {name} | {one['columns']} | {times(one['seconds'])}"
            f" | {one['busy']:.2f} | {one['peak']:,.0f} | {each:,.0f} |"
        )


def compare(sizes: list[int], seconds: list[dict[str, float]]) -> str:
    """Return how many times longer each row takes at the largest size than at the smallest."""
    title = (
        f"### {max(sizes):,} customers over {min(sizes):,}:"
        f" {max(sizes) / min(sizes):.0f} times the rows"
    )
    both = [n for n in ROWS if n in seconds[0] and n in seconds[-1]]
    lines = [f"| {n} | {seconds[-1][n] / seconds[0][n]:.1f} |" for n in both]
    return "\n".join([title, "", "| | times longer |", "|---|---|", *lines])


def main() -> None:
    """Print the tables, or write them into the page; with --row, measure one row of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[36_000], help="customers")
    parser.add_argument("--write", action="store_true", help="write them into docs/speed.md")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        number = asked.sizes[0]
        job = None if asked.row == "make" else ROWS[asked.row](asked.folder)
        print(json.dumps(measure(job, number) if job else make(asked.folder, number)))
        return
    sizes, tables, seconds = sorted(asked.sizes), [], []
    for customers in sizes:
        repeats = REPEATS - 1 if customers == sizes[-1] and len(sizes) > 1 else REPEATS
        table, took = measure_size(customers, customers == sizes[0], repeats)
        tables.append(table)
        seconds.append(took)
        print(table, flush=True)
        if asked.write:
            write(tables)
    if len(sizes) > 1:
        tables.append(compare(sizes, seconds))
        print(tables[-1])
        if asked.write:
            write(tables)


def write(tables: list[str]) -> None:
    """Put the tables into the page, between their markers."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    told = "\n\n".join(tables)
    PAGE.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
