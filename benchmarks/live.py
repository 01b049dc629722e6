"""How long the whole catalogue takes for one customer alone: docs/speed.md's second table.

Run: .venv/bin/python -P benchmarks/live.py [--write]   (half a minute)
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any

import numpy as np
import polars as pl

import shop
from contract.moments import as_micros
from contract.norms import Norms
from contract.tables import Tables, find_tables
from features.compute import compute, compute_one
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from features.sources import Shop
from features.sums import Whole
from features.timeline import DAY_US
from features.told import Act, Line, tell_history

PAGE = Path(__file__).resolve().parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- begin: benchmarks/live.py -->", "<!-- end -->"

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = tuple(FEATURES)
CUSTOMERS = 1_000
ORDERS, LINES_EACH, ACTS = 10, 2, 20
KINDS = ("visit", "email_open", "email_click", "complaint", "support_ticket", "campaign")
CHANNELS = ("web", "email", "app")

Rows = tuple[list[Line], list[Act]]


def learn_norms() -> Norms:
    """Return what is usual in an invented shop, its products included, as a bundle holds it."""
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(CUSTOMERS, 24, 1))
        history = read_history(find_tables(folder))
    norms = find_norms(history, [AS_OF])[AS_OF]
    return norms.model_copy(update={"products": history.list_products()})


def tell_rows(customer: int, norms: Norms) -> Rows:
    """Return 10 orders of 2 lines and 20 interactions, drawn by chance over two years."""
    draw = np.random.default_rng(customer)
    products = sorted(norms.products)
    now = as_micros(AS_OF)
    ordered, occurred = (now - draw.integers(0, 700 * DAY_US, n) for n in (ORDERS, ACTS))
    lines = [
        Line(0, int(at_us), f"O-{customer}-{n}", round(float(draw.gamma(2, 20)), 2),
             float(draw.integers(1, 4)), 0.0, str(draw.choice(products)))
        for n, at_us in enumerate(ordered) for _ in range(LINES_EACH)
    ]  # fmt: skip
    kinds = [str(draw.choice(KINDS)) for _ in occurred]
    acts = [
        Act(0, int(at_us), kind, str(draw.choice(CHANNELS)), None,
            "company" if kind == "campaign" else "customer")
        for at_us, kind in zip(occurred, kinds, strict=True)
    ]  # fmt: skip
    return lines, acts


def tell_one(rows: Rows, norms: Norms) -> Any:
    """Return the history of one customer's rows."""
    return tell_history(["C"], *rows, [], [None], norms)


def tell_all(all_rows: list[Rows], norms: Norms) -> Any:
    """Return the history of all of these customers' rows at once."""
    lines = [x._replace(customer=i) for i, rows in enumerate(all_rows) for x in rows[0]]
    acts = [x._replace(customer=i) for i, rows in enumerate(all_rows) for x in rows[1]]
    ids = [f"C-{i:04}" for i in range(len(all_rows))]
    return tell_history(ids, lines, acts, [], [None] * len(ids), norms)


def frame(rows: Rows) -> Tables:
    """Return one customer's rows as Polars frames, under the contract's names."""
    at = pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC")
    bought, done = (
        pl.DataFrame(part, infer_schema_length=None)
        .with_columns(at, customer_id=pl.lit("C"))
        .drop("customer")
        for part in rows
    )
    return Tables({"transactions": bought.rename({"at_us": "ordered_at"}),
                   "interactions": done.rename({"at_us": "occurred_at"})})  # fmt: skip


def tell_features(history: Any, norms: Norms) -> Any:
    """Return the whole catalogue of a history."""
    return compute_one(Shop(history), as_micros(AS_OF), norms, NAMES)


def tell_frames(tables: Tables, norms: Norms) -> Any:
    """Return the whole catalogue of frames."""
    return compute(read_history(tables).assume(norms.products), {AS_OF: norms}).columns


def measure(job: Callable[[Any, Norms], Any], given: list[Any], norms: Norms) -> Whole:
    """Return the nanoseconds of each run, by the clock and of CPU, after some that do not count."""
    took = []
    for one in given[: max(1, len(given) // 5)] + given:
        began = time.perf_counter_ns(), time.process_time_ns()
        job(one, norms)
        took.append((time.perf_counter_ns() - began[0], time.process_time_ns() - began[1]))
    return np.array(took[-len(given) :])


def measure_ways() -> Iterator[tuple[str, Whole, int]]:
    """Yield a name, the nanoseconds of each run, and how many customers a run is of."""
    norms = learn_norms()
    everyone = [tell_rows(i, norms) for i in range(CUSTOMERS)]
    some = everyone[:500]
    alone = [tell_one(rows, norms) for rows in some]
    frames = [frame(rows) for rows in everyone[:50]]
    together = tell_all(everyone, norms)
    check(tell_features(alone[0], norms), tell_frames(frames[0], norms))
    check(tell_features(alone[0], norms), tell_features(together, norms))
    gc.collect()  # and then seldom, as the service does
    gc.freeze()
    gc.set_threshold(50_000)

    def turn_one(rows: Rows, norms: Norms) -> Any:
        return tell_features(tell_one(rows, norms), norms)

    def turn_all(all_rows: list[Rows], norms: Norms) -> Any:
        return tell_features(tell_all(all_rows, norms), norms)

    yield "alone: history to features", measure(tell_features, alone, norms), 1
    yield "alone: rows to features", measure(turn_one, some, norms), 1
    batch = f"one among {CUSTOMERS:,}:"
    yield f"{batch} history to features", measure(tell_features, [together] * 20, norms), CUSTOMERS
    yield f"{batch} rows to features", measure(turn_all, [everyone] * 10, norms), CUSTOMERS
    yield "alone: Polars frames to features", measure(tell_frames, frames, norms), 1


def tabulate() -> str:
    """Return the table, of ways that all say the same of a customer."""
    load = os.getloadavg()[0]
    lines = []
    for name, took, among in measure_ways():
        each = took / 1e3 / among
        p50, p95 = np.quantile(each[:, 0], [0.5, 0.95])
        cpu = np.median(each[:, 1])
        lines.append(f"| {name} | {len(each)} | {p50:,.0f} | {p95:,.0f} | {cpu:,.0f} |")
    head = (
        f"{len(NAMES)} features of a customer with {ORDERS * LINES_EACH} order lines and {ACTS}"
        f" interactions. Load average before: {load:.1f} on {os.cpu_count()} cores; an empty call"
        f" of Python took {time_call():.0f} ns, adding two arrays of twenty numbers"
        f" {time_sum():.0f} ns.\n\n"
        "| | runs | p50, µs | p95, µs | p50 of CPU, µs |\n|---|---|---|---|---|"
    )
    return "\n".join([head, *lines])


def time_call(times: int = 200_000) -> float:
    """Return the nanoseconds of an empty call: how fast this machine is at the time."""
    return timeit(lambda: None, number=times) / times * 1e9


def time_sum(times: int = 200_000) -> float:
    """Return the nanoseconds of adding two arrays of twenty numbers."""
    return timeit(partial(np.add, *np.ones((2, 20))), number=times) / times * 1e9


def check(one: Any, other: Any) -> None:
    """Refuse to time ways that differ in what they say of the first customer."""
    for name in NAMES:
        assert np.array_equal(one[name][:1], other[name][:1], equal_nan=True), name


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/speed.md")
    write = parser.parse_args().write
    table = tabulate()
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table)


if __name__ == "__main__":
    main()
