"""The rules that rows of the tables must keep: what breaks them, how bad it is, what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import narwhals.stable.v2 as nw

from contract.columns import LARGEST, TABLES
from contract.tables import Layout, list_columns

Severity = Literal["error", "warning", "info"]

YEAR_1990_US = 631_152_000_000_000


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a row; above `error_above` of the rows it is an error."""

    table: str
    column: str
    name: str
    severity: Severity
    broken: Callable[[], nw.Expr]
    to_do: str
    error_above: float = 1.0
    optional: bool = False


def list_rules(layout: Layout, now_us: int) -> list[Rule]:
    """Return every rule for single rows under this layout, with `now_us` as the present."""
    return [
        *_rules_of_reading(layout),
        *_rules_of_time(now_us),
        *_rules_of_amounts(layout),
        *_rules_of_attributes(layout),
    ]


def _rules_of_reading(layout: Layout) -> list[Rule]:
    rules = []
    for table in TABLES.values():
        for c in list_columns(table.name, layout):
            if c.kind != "text":
                form = "an ISO 8601 time" if c.kind == "time" else "a number"
                rules.append(
                    Rule(table.name, c.name, "unreadable", "warning",
                         _unreadable(f"{c.name}_text", c.typed_name),
                         f"Left out or unknown. Write it as {form}.", error_above=0.01,
                         optional=True)
                )  # fmt: skip
            if c.required:
                rules.append(
                    Rule(table.name, c.name, "missing", "warning", _missing(c.typed_name),
                         "Left out. Fill it where the source knows it.", error_above=0.99)
                )  # fmt: skip
    return rules


def _rules_of_time(now_us: int) -> list[Rule]:
    future = "Cut off by --as-of. Look for a swapped day and month, or a wrong time zone."
    ancient = "A default date of some system? Correct it, or the customer seems decades old."
    return [
        rule
        for table, column in (("transactions", "ordered_at"), ("interactions", "occurred_at"))
        for rule in (
            Rule(table, column, "in_the_future", "warning", _above(f"{column}_us", now_us), future),
            Rule(table, column, "before_1990", "warning", _below(f"{column}_us", YEAR_1990_US),
                 ancient),
        )
    ]  # fmt: skip


def _rules_of_amounts(layout: Layout) -> list[Rule]:
    amount, price = nw.col("amount"), nw.col("unit_price")
    non_goods = list(layout.non_goods) or ["\0"]
    return [
        Rule("transactions", "amount", "return", "info", lambda: amount < 0,
             "Counts as a return, not as an order."),
        Rule("transactions", "amount", "zero", "info", lambda: amount == 0,
             "Counts neither as an order nor as a return: samples, write-offs."),
        Rule("transactions", "amount", "beyond_a_billion", "error",
             lambda: (amount > 1e9) | (amount < -1e9), "Correct it; sums would lose their cents."),
        Rule("transactions", "unit_price", "not_above_zero", "info", lambda: price <= 0,
             "Nothing to do: features read amount."),
        Rule("transactions", "quantity", "sign_differs_from_amount", "warning",
             lambda: (nw.col("quantity") * amount) < 0,
             "Amount decides what is a return. Correct the sign of the other."),
        Rule("transactions", "product_id", "non_goods", "info",
             lambda: nw.col("product_id").is_in(non_goods),
             "Left out: the layout's non_goods lists it."),
    ]  # fmt: skip


def _rules_of_attributes(layout: Layout) -> list[Rule]:
    undated = [
        Rule("customers", column, "undated", "warning", _undated(column),
             "Not used: what is said today may tell what came later. Give valid_from.")
        for column in ("country", "kind", *layout.attributes)
    ]  # fmt: skip
    return undated + [
        Rule("customers", column, "beyond_a_billion", "warning", _beyond(column, LARGEST),
             "Not used. Tell it in a larger unit.")
        for column, kind in layout.attributes.items()
        if kind == "number"
    ]  # fmt: skip


def _beyond(column: str, limit: float) -> Callable[[], nw.Expr]:
    return lambda: (nw.col(column) > limit) | (nw.col(column) < -limit)


def _undated(column: str) -> Callable[[], nw.Expr]:
    return lambda: ~nw.col(column).is_null() & nw.col("valid_from_us").is_null()


def _unreadable(text: str, typed: str) -> Callable[[], nw.Expr]:
    return lambda: (nw.col(text).fill_null("") != "") & nw.col(typed).is_null()


def _missing(typed: str) -> Callable[[], nw.Expr]:
    return lambda: nw.col(typed).is_null()


def _above(column: str, limit: int) -> Callable[[], nw.Expr]:
    return lambda: nw.col(column) >= limit


def _below(column: str, limit: int) -> Callable[[], nw.Expr]:
    return lambda: nw.col(column) < limit
