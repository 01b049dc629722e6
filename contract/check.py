"""Count every rule the tables break, before anything is learned from them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from contract.moments import EPOCH, as_micros
from contract.rules import Rule, Severity, list_rules
from contract.tables import TABLES, Layout

FEWEST_DAYS = 90

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """A rule that is broken: where, how often, one example, and what to do."""

    severity: Severity
    table: str
    column: str
    rule: str
    rows: int
    example: str
    to_do: str


@dataclass(frozen=True)
class Checked:
    """What the tables hold, and every rule they break."""

    summary: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def trainable(self) -> bool:
        """Whether no finding would make training wrong."""
        return not any(f.severity == "error" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        findings = [asdict(f) for f in self.findings]
        return {"trainable": self.trainable, "summary": dict(self.summary), "findings": findings}


def check(frames: Mapping[str, nw.LazyFrame], layout: Layout, now: datetime, tell: Tell) -> Checked:
    """Return what the typed tables hold and break; frames come with `<column>_text` beside them."""
    findings: list[Finding] = []
    rules = list_rules(layout, as_micros(now))
    for name, frame in frames.items():
        tell(f"checking {name}")
        findings += _check_rows(frame, [r for r in rules if r.table == name])
    tell("checking keys")
    findings += _check_keys(frames)
    summary = summarise(frames)
    findings += _check_history(summary)
    ranks = {"error": 0, "warning": 1, "info": 2}
    return Checked(summary, tuple(sorted(findings, key=lambda f: (ranks[f.severity], -f.rows))))


def summarise(frames: Mapping[str, nw.LazyFrame]) -> dict[str, Any]:
    """Return rows per table, customers, orders, and the first and last day of orders."""
    facts: dict[str, Any] = {
        f"{name}_rows": int(_one(frame.select(n=nw.len()))["n"]) for name, frame in frames.items()
    }
    usable = ~nw.col("customer_id").is_null() & ~nw.col("ordered_at_us").is_null()
    orders = frames["transactions"].filter(usable & (nw.col("amount") > 0))
    found = _one(
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
        **facts,
        "customers": int(found["customers"]),
        "orders": int(found["orders"]),
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
    found = _one(frame.select(rows=nw.len(), **counts))
    broken = [(r, int(found[str(i)] or 0)) for i, r in enumerate(rules)]
    return [_find(frame, r, n, n / found["rows"]) for r, n in broken if n]


def _find(frame: nw.LazyFrame, rule: Rule, rows: int, share: float) -> Finding:
    have = frame.collect_schema().names()
    column = f"{rule.column}_text" if f"{rule.column}_text" in have else rule.column
    shown = nw.col(column).cast(nw.String).min()
    value = _one(frame.filter(rule.broken().fill_null(False)).select(example=shown))["example"]
    severity: Severity = "error" if share > rule.error_above else rule.severity
    example = "(empty)" if value is None else str(value)
    return Finding(severity, rule.table, rule.column, rule.name, rows, example, rule.to_do)


def _check_keys(frames: Mapping[str, nw.LazyFrame]) -> list[Finding]:
    lines = frames["transactions"].filter(~nw.col("order_id").is_null())
    own = [c.typed_name for c in TABLES["transactions"].columns]
    owners = lines.group_by("order_id").agg(n=nw.col("customer_id").n_unique())
    return [
        *_find_repeats(lines, own, Finding(
            "warning", "transactions", "*", "exact_duplicate", 0, "",
            "Kept: without a line id a second piece looks the same. Remove them if none is real.")),
        *_find_repeats(frames["customers"], ["customer_id", "valid_from_us"], Finding(
            "warning", "customers", "customer_id", "listed_twice", 0, "",
            "The earliest `since` counts. Keep one row per customer, or give valid_from.")),
        *_find_repeats(frames["products"], ["product_id"], Finding(
            "warning", "products", "product_id", "listed_twice", 0, "",
            "Keep one row per product.")),
        *_count(owners.filter(nw.col("n") > 1), "order_id", Finding(
            "warning", "transactions", "order_id", "order_of_many_customers", 0, "",
            "Counted as one order for each. Make order ids unique.")),
        *_check_spelling(lines),
        *_check_currency(lines),
        *_check_products(frames),
    ]  # fmt: skip


def _find_repeats(frame: nw.LazyFrame, key: list[str], finding: Finding) -> list[Finding]:
    again = frame.group_by(key).agg(n=nw.len()).filter(nw.col("n") > 1)
    found = _one(again.select(rows=(nw.col("n") - 1).sum(), example=nw.col(key[0]).min()))
    return [_told(finding, found)] if found["rows"] else []


def _check_spelling(lines: nw.LazyFrame) -> list[Finding]:
    names = lines.group_by("customer_id").agg(n=nw.len())
    plain = names.with_columns(
        plain=nw.col("customer_id").str.strip_chars().str.to_lowercase()
    ).filter(~nw.col("plain").is_null())
    variants = plain.group_by("plain").agg(n=nw.len()).filter(nw.col("n") > 1)
    return _count(variants, "plain", Finding(
        "warning", "transactions", "customer_id", "spelled_in_two_ways", 0, "",
        "Ids that differ by case or blanks are different customers. Make them equal."))  # fmt: skip


def _check_currency(lines: nw.LazyFrame) -> list[Finding]:
    kinds = lines.filter(~nw.col("currency").is_null()).group_by("currency").agg(n=nw.len())
    found = _one(kinds.select(rows=nw.len(), example=nw.col("currency").max()))
    finding = Finding("error", "transactions", "currency", "many_currencies", 0, "",
                      "Convert amounts to one currency; sums of several mean nothing.")  # fmt: skip
    return [_told(finding, found)] if found["rows"] > 1 else []


def _check_products(frames: Mapping[str, nw.LazyFrame]) -> list[Finding]:
    known = frames["products"].select("product_id")
    if not _one(known.select(n=nw.len()))["n"]:
        return []
    sold = frames["transactions"].filter(~nw.col("product_id").is_null())
    return _count(sold.join(known, on="product_id", how="anti"), "product_id", Finding(
        "info", "transactions", "product_id", "not_in_products", 0, "",
        "Its category stays unknown. Add it to products."))  # fmt: skip


def _check_history(summary: Mapping[str, Any]) -> list[Finding]:
    def find(severity: Severity, rule: str, rows: int, to_do: str) -> Finding:
        return Finding(severity, "transactions", "ordered_at", rule, rows, "", to_do)

    if not summary["orders"]:
        return [find("error", "no_orders", 0, "There is no usable order line with amount > 0.")]
    if summary["days"] < FEWEST_DAYS:
        short = f"Only {summary['days']} days: give a horizon of {summary['days'] // 4} or less."
        return [find("warning", "short_history", summary["orders"], short)]
    return []


def _count(rows: nw.LazyFrame, column: str, finding: Finding) -> list[Finding]:
    found = _one(rows.select(rows=nw.len(), example=nw.col(column).min()))
    return [_told(finding, found)] if found["rows"] else []


def _told(finding: Finding, found: Mapping[str, Any]) -> Finding:
    example = "" if found["example"] is None else str(found["example"])
    told = {**asdict(finding), "rows": int(found["rows"]), "example": example}
    return Finding(**told)


def _one(frame: nw.LazyFrame) -> dict[str, Any]:
    table = frame.collect("pyarrow").to_native()
    return {name: table[name][0].as_py() for name in table.column_names}


def _day(micros: int) -> str:
    return f"{EPOCH + timedelta(microseconds=micros):%Y-%m-%d}"
