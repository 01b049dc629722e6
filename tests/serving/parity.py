"""Random records, and their scores by the batch's way: Parquet files, tables, scorer."""

import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contract.tables import find_tables
from features.gather import read_history
from serving.scorer import Scorer

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def draw_records(customers: int) -> list[dict[str, Any]]:
    """Return records of a random shop: orders of many lines, returns, ties, acts, odd offsets."""
    draw = random.Random(11)
    return [
        {
            "record_id": f"r{i}",
            "customer_id": f"C-{draw.randrange(10**9)}-{i}",
            "transactions": [draw_line(draw, i, j) for j in range(draw.randrange(0, 14))],
            "interactions": [draw_act(draw) for _ in range(draw.randrange(0, 6))],
        }
        for i in range(customers)
    ]


def draw_moment(draw: random.Random, longest_days: int) -> str:
    zone = timezone(timedelta(minutes=draw.choice([0, 60, 120, 330, -480])))
    ago = timedelta(microseconds=draw.randrange(1, longest_days * 86_400_000_000))
    return (AS_OF - ago).astimezone(zone).isoformat()


def draw_line(draw: random.Random, customer: int, number: int) -> dict[str, Any]:
    amount = round(draw.lognormvariate(3, 1) * draw.choice([1, 1, 1, 1, -1]), 2)
    return {
        "order_id": f"O-{customer}-{number // 2}",
        "ordered_at": draw_moment(draw, 900 if customer % 7 else 3000),
        "amount": amount if number % 2 else f"{amount:.2f}",
        "quantity": draw.randrange(1, 5),
        "discount": draw.choice([None, 0.1, 2.35]),
        "currency": "EUR",
    }


def draw_act(draw: random.Random) -> dict[str, Any]:
    kind = draw.choice(["visit", "email_click", "complaint", "campaign"])
    return {"kind": kind, "occurred_at": draw_moment(draw, 120)}


def score_batch(scorer: Scorer, records: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Return the flat row of each customer, scored from Parquet files of the same rows."""
    tables = {"transactions": "ordered_at", "interactions": "occurred_at"}
    for table, time_column in tables.items():
        rows = [
            {"customer_id": r["customer_id"]}
            | row
            | {time_column: datetime.fromisoformat(row[time_column])}
            | ({"amount": float(row["amount"])} if "amount" in row else {})
            for r in records
            for row in r[table]
        ]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        columns[time_column] = pa.array(columns[time_column], pa.timestamp("us", "UTC"))
        pq.write_table(pa.table(columns), folder / f"{table}.parquet")
    customers = pa.table({"customer_id": [r["customer_id"] for r in records]})
    pq.write_table(customers, folder / "customers.parquet")
    rows = scorer.score(read_history(find_tables(str(folder))), AS_OF).to_pylist()
    return {row["customer_id"]: row for row in rows}


def flatten(result: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with the names of the batch's columns."""
    names = {
        "expected_date": "expected_next_order_date",
        "earliest": "earliest_next_order_date",
        "latest": "latest_next_order_date",
    }
    flat = {"customer_id": result["customer_id"], "stage": result["stage"]}
    for target in ("churn", "next_purchase"):
        for name, told in result.get(target, {}).items():
            flat[names.get(name, f"{target}_{name}")] = told
    return flat


def differ(result: dict[str, Any], row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return where an answer is not the batch's row, to the last bit."""
    flat = flatten(result)
    batch = {n: v if isinstance(v, str | float | int) else v.isoformat() for n, v in row.items()
             if n in flat}  # fmt: skip
    assert len(batch) == len(flat) == 2 + 8 + (6 if row["churn_probability"] is not None else 0)
    return {name: (told, batch[name]) for name, told in flat.items() if told != batch[name]}
