"""Count every rule the tables break, before anything is learned from them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from contract.findings import Checked, Finding, take_one
from contract.keys import check_keys
from contract.moments import EPOCH, as_micros
from contract.rules import Rule, Severity, list_rules
from contract.tables import Layout

FEWEST_DAYS = 90

Tell = Callable[[str], None]


def check(frames: Mapping[str, nw.LazyFrame], layout: Layout, now: datetime, tell: Tell) -> Checked:
    """Return what the typed tables hold and break; frames come with `<column>_text` beside them."""
    findings: list[Finding] = []
    rules = list_rules(layout, as_micros(now))
    for name, frame in frames.items():
        tell(f"checking {name}")
        findings += _check_rows(frame, [r for r in rules if r.table == name])
    tell("checking keys")
    findings += check_keys(frames)
    summary = summarise(frames)
    findings += _check_history(summary)
    ranks = {"error": 0, "warning": 1, "info": 2}
    return Checked(summary, tuple(sorted(findings, key=lambda f: (ranks[f.severity], -f.rows))))


def summarise(frames: Mapping[str, nw.LazyFrame]) -> dict[str, Any]:
    """Return rows per table, customers, orders, and the first and last day of orders."""
    lengths = {name: take_one(frame.select(n=nw.len()))["n"] for name, frame in frames.items()}
    usable = ~nw.col("customer_id").is_null() & ~nw.col("ordered_at_us").is_null()
    orders = frames["transactions"].filter(usable & (nw.col("amount") > 0))
    found = take_one(
        orders.select(
            customers=nw.col("customer_id").n_unique(),
            orders=nw.col("order_id").n_unique(),
            first=nw.col("ordered_at_us").min(),
            last=nw.col("ordered_at_us").max(),
        )
    )
    days = [None if found[k] is None else _day(found[k]) for k in ("first", "last")]
    span = 0 if None in days else (found["last"] - found["first"]) // 86_400_000_000
    return {
        **{f"{name}_rows": int(length) for name, length in lengths.items()},
        "customers": int(found["customers"] or 0),
        "orders": int(found["orders"] or 0),
        "first_order": days[0],
        "last_order": days[1],
        "days": int(span),
    }


def _check_rows(frame: nw.LazyFrame, rules: list[Rule]) -> list[Finding]:
    have = frame.collect_schema().names()
    rules = [r for r in rules if not r.optional or f"{r.column}_text" in have]
    if not rules:
        return []
    counts = {str(i): r.broken().fill_null(False).cast(nw.Int64).sum() for i, r in enumerate(rules)}
    found = take_one(frame.select(rows=nw.len(), **counts))
    broken = [(r, int(found[str(i)] or 0)) for i, r in enumerate(rules)]
    return [_find(frame, r, n, n / found["rows"]) for r, n in broken if n]


def _find(frame: nw.LazyFrame, rule: Rule, rows: int, share: float) -> Finding:
    have = frame.collect_schema().names()
    column = f"{rule.column}_text" if f"{rule.column}_text" in have else rule.column
    shown = nw.col(column).cast(nw.String).min()
    value = take_one(frame.filter(rule.broken().fill_null(False)).select(example=shown))["example"]
    severity: Severity = "error" if share > rule.error_above else rule.severity
    example = "(empty)" if value is None else str(value)
    return Finding(severity, rule.table, rule.column, rule.name, rows, example, rule.to_do)


def _check_history(summary: Mapping[str, Any]) -> list[Finding]:
    def find(severity: Severity, rule: str, rows: int, to_do: str) -> Finding:
        return Finding(severity, "transactions", "ordered_at", rule, rows, "", to_do)

    if not summary["orders"]:
        return [find("error", "no_orders", 0, "No usable order line has an amount > 0.")]
    if summary["days"] < FEWEST_DAYS:
        short = f"Only {summary['days']} days: give a horizon of {summary['days'] // 4} or less."
        return [find("warning", "short_history", summary["orders"], short)]
    return []


def _day(micros: int) -> str:
    return f"{EPOCH + timedelta(microseconds=micros):%Y-%m-%d}"
