"""The data dictionary: every feature, made from its function's name, parameters and docstring."""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import narwhals.stable.v2 as nw

from features import engagement, purchases, rhythm
from features.events import SOURCES, speak_of
from features.verbs import Definition

ROOMS: tuple[ModuleType, ...] = (purchases, rhythm, engagement)

# A feature's unit is read off its name: the first of these it begins with.
UNITS: Mapping[str, str] = {
    "orders_trend": "share", "spend_trend": "share", "orders_per": "orders / 30 days",
    "order_value_trend": "ratio", "orders": "orders", "spend": "money", "returned": "money",
    "discount_ever": "money", "discount_share": "share", "mean_order": "money",
    "order_value": "money", "largest": "money", "last_order_value": "money",
    "last_order_lines": "lines", "mean_lines": "lines", "lines": "lines", "items": "items",
    "returns": "lines", "return_share": "share", "days_since": "days", "customer_age": "days",
    "gap_trend": "ratio", "mean_gap": "days", "median_gap": "days", "gap_spread": "days",
    "longest": "days", "shortest": "days", "last_gap": "days", "lateness": "ratio",
    "irregularity": "ratio", "active_months": "stretches of 30 days", "tenure": "share",
    "visits": "visits", "complaints": "complaints", "emails": "e-mails",
    "company_contacts": "contacts",
}  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """One column: what it means, what it is made of, and how it is computed."""

    name: str
    definition: Definition
    inputs: tuple[str, ...]
    meaning: str
    unit: str
    window_days: int | None
    or_zero: bool
    room: str

    @property
    def source(self) -> str | None:
        """The kind of event it is aggregated from; None if it is made of other features."""
        return next((i for i in self.inputs if i in SOURCES), None)

    def expression(self) -> nw.Expr:
        """Return the feature as an expression over its source, or over other features."""
        return self.definition(*(speak_of(i) if i in SOURCES else nw.col(i) for i in self.inputs))


def _read(room: ModuleType) -> Iterator[Feature]:
    for name, function in vars(room).items():
        if inspect.isfunction(function) and function.__module__ == room.__name__:
            yield from _expand(name, function, room.__name__.rpartition(".")[2])


def _expand(name: str, function: Definition, room: str) -> Iterator[Feature]:
    marks = function.__dict__.get("marks", {})
    inputs = tuple(p for p in inspect.signature(function).parameters if p != "days")
    meaning = inspect.getdoc(function) or ""
    unit = next((u for start, u in UNITS.items() if name.startswith(start)), "")
    for days in marks.get("windows", (None,)):
        yield Feature(
            name=f"{name}_{days}d" if days else name,
            definition=partial(function, days=days) if days else function,
            inputs=inputs,
            meaning=meaning,
            unit=unit,
            window_days=days,
            or_zero=marks.get("or_zero", False),
            room=room,
        )


FEATURES: Mapping[str, Feature] = {f.name: f for room in ROOMS for f in _read(room)}


def describe(names: tuple[str, ...] = tuple(FEATURES)) -> list[dict[str, str]]:
    """Return the dictionary entry of each feature: name, meaning, unit, source, window, missing."""
    return [_entry(FEATURES[name]) for name in names]


def _entry(feature: Feature) -> dict[str, str]:
    meaning, _, rule = feature.meaning.rstrip(".").partition("; ")
    return {
        "name": feature.name,
        "meaning": f"{meaning}.",
        "unit": feature.unit,
        "made_of": ", ".join(feature.inputs),
        "window": f"{feature.window_days} days" if feature.window_days else "",
        "missing": "0" if feature.or_zero else rule,
    }


def fingerprint(names: tuple[str, ...]) -> str:
    """Return a sha256 of the dictionary entries of these features, in this order."""
    return hashlib.sha256(json.dumps(describe(names)).encode()).hexdigest()
