"""An answer as a flat row, and a flat row as an answer: both from the one definition."""

import types
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from contract.answers import ITEMS, Answer, Chance

OWN, DAYS = "own", "_horizon_days"

# Where a flat column is named otherwise than <target>_<field>.
FLAT_NAMES = {
    "next_purchase_expected_date": "expected_next_order_date",
    "next_purchase_earliest": "earliest_next_order_date",
    "next_purchase_latest": "latest_next_order_date",
    "lifetime_value_predicted": "predicted_lifetime_value",
}

_ARROW = {
    Decimal: pa.float64(),
    float: pa.float64(),
    int: pa.int64(),
    str: pa.string(),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
}


@cache
def flat_schema(own: tuple[str, ...] = ()) -> pa.Schema:
    """Return the columns of a batch: every field of an answer, targets flattened to prefixes.

    Those of the shop's own targets come last.
    """
    fields = _flat_fields(Answer, "")
    return pa.schema([*fields, *(f for name in own for f in _flat_fields(Chance, f"{name}_"))])


def list_own(targets: Iterable[str]) -> tuple[str, ...]:
    """Return the targets that are the shop's own."""
    return tuple(name for name in targets if not is_ours(name))


def list_target_columns(target: str) -> dict[str, str]:
    """Return the flat columns of one target, each with what it is called where only one is told."""
    kind = _plain(Answer.model_fields[target].annotation) if is_ours(target) else Chance
    named: dict[str, str] = {}
    for name, info in kind.model_fields.items():
        if listed := _find_listed(info.annotation):
            for number in range(1, ITEMS + 1):
                own = {f"{target}_{number}_{f}": f"{f}_{number}" for f in listed.model_fields}
                named |= own
        else:
            flat = f"{target}_{name}"
            named[FLAT_NAMES.get(flat, flat)] = name
    return named


def is_ours(target: str) -> bool:
    """Return whether the target is one that every shop has, and not the shop's own."""
    return target in Answer.model_fields


def _flat_fields(model: type[BaseModel], prefix: str) -> list[pa.Field]:
    fields: list[pa.Field] = []
    for name, info in model.model_fields.items():
        kind = _plain(info.annotation)
        flat = prefix + name
        if (listed := _find_listed(info.annotation)) and flat != "models":
            for number in range(1, ITEMS + 1):
                fields += _flat_fields(listed, f"{prefix}{number}_")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            fields += _flat_fields(kind, f"{name}_")
        elif flat == "models":
            fields.append(pa.field("model_versions", pa.string()))
        elif flat == OWN:
            continue
        elif kind is tuple:
            fields.append(pa.field(flat, pa.string()))
        else:
            fields.append(pa.field(FLAT_NAMES.get(flat, flat), _ARROW[kind]))
    return fields


def _plain(annotation: Any) -> Any:
    """Return the type behind Optional, Literal and tuple."""
    origin = get_origin(annotation)
    if origin is types.UnionType:
        return next(_plain(a) for a in get_args(annotation) if a is not type(None))
    if origin is Literal:
        return str
    return origin or annotation


def _find_listed(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a tuple holds any number of, if it holds one."""
    held = get_args(annotation)[:1] if get_origin(annotation) is tuple else ()
    return next((k for k in held if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _gather(row: dict[str, Any], model: type[BaseModel], name: str) -> list[dict[str, Any]]:
    """Return what a flat row lists: every number of which something is told."""
    listed = [
        {field: row.get(column) for field, column in one} for one in _list_columns(model, name)
    ]
    return [told for told in listed if None not in told.values()]


@cache
def _list_columns(model: type[BaseModel], name: str) -> list[list[tuple[str, str]]]:
    """Return, of each number, the fields of what is listed, and the column of each."""
    numbers = range(1, ITEMS + 1)
    return [[(field, f"{name}_{n}_{field}") for field in model.model_fields] for n in numbers]


@cache
def _list_targets() -> list[tuple[str, str, list[tuple[str, str, type[BaseModel] | None]]]]:
    """Return each target's name, its column of days, and its fields: column, and what is listed."""
    found = []
    for name, info in Answer.model_fields.items():
        kind = _plain(info.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            flat = {f: FLAT_NAMES.get(f"{name}_{f}", f"{name}_{f}") for f in kind.model_fields}
            held = {f: _find_listed(i.annotation) for f, i in kind.model_fields.items()}
            found.append((name, flat["horizon_days"], [(f, flat[f], held[f]) for f in flat]))
    return found


def nest(row: dict[str, Any]) -> Answer:
    """Return the answer that a flat row holds; targets that were not asked for stay absent."""
    return Answer.model_validate(nest_parts(row))


def nest_parts(row: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer is made of, as a flat row holds it."""
    parts = {name: row[name] for name in Answer.model_fields if name in row}
    parts["warnings"] = tuple(w for w in (row["warnings"] or "").split(",") if w)
    for name, days, fields in _list_targets():
        if row.get(days) is not None:
            parts[name] = {
                field: _gather(row, held, name) if held else row[column]
                for field, column, held in fields
            }
    return {**parts, OWN: _gather_own(row) or None}


def _gather_own(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a flat row tells of the shop's own targets."""
    told = [name for name, value in row.items() if name.endswith(DAYS) and value is not None]
    return {
        name: {field: row[f"{name}_{field}"] for field in Chance.model_fields}
        for name in list_own(name.removesuffix(DAYS) for name in told)
    }
