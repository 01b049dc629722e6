"""The data dictionary: every feature, made from its function's name, parameters and docstring."""

import hashlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from graphlib import TopologicalSorter
from types import ModuleType
from typing import Any

from contract.columns import ATTRIBUTE
from features import (
    assortment,
    concessions,
    contacts,
    crosses,
    engagement,
    habits,
    lifetime,
    profile,
    purchases,
    rhythm,
)  # fmt: skip
from features.sources import SOURCES
from features.verbs import Definition

ROOMS: tuple[ModuleType, ...] = (
    purchases, concessions, rhythm, habits, assortment, engagement, contacts, profile, lifetime,
    crosses,
)  # fmt: skip

NORMS = "norms"
PLACES = ("days", "rank", "name")  # parameters of which each value makes a feature

Places = Sequence[tuple[str, dict[str, Any]]]  # how a name ends, and by which values


@dataclass(frozen=True)
class Feature:
    """One column: what it means, what it is made of, and how it is computed."""

    name: str
    definition: Definition
    inputs: tuple[str, ...]
    meaning: str
    method: str
    unit: str
    window: str
    or_zero: bool
    room: str

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The kinds of event it is made of."""
        return tuple(i for i in self.inputs if i in SOURCES)

    @property
    def features(self) -> tuple[str, ...]:
        """The features it is made of."""
        return tuple(i for i in self.inputs if i not in SOURCES and i != NORMS)


def _read(room: ModuleType) -> Iterator[Feature]:
    for name, function in vars(room).items():
        own = inspect.isfunction(function) and function.__module__ == room.__name__
        if own and "unit" in function.__dict__.get("marks", {}):
            yield from _expand(name, function, _list_places(function.__dict__["marks"]))


def _expand(name: str, function: Definition, places: Places) -> Iterator[Feature]:
    marks = function.__dict__["marks"]
    inputs = tuple(p for p in inspect.signature(function).parameters if p not in PLACES)
    meaning, _, method = (inspect.getdoc(function) or "").partition("\n\n")
    for ending, place in places:
        yield Feature(
            name=f"{name}{ending}",
            definition=partial(function, **place) if place else function,
            inputs=inputs,
            meaning=" ".join(meaning.split()),
            method=" ".join(method.split()),
            unit=marks["unit"],
            window=_tell_window(f"{name}{ending}", marks),
            or_zero=marks.get("or_zero", False),
            room=function.__module__.rpartition(".")[2],
        )


def _list_places(marks: Mapping[str, tuple[int, ...]]) -> Places:
    if "by_name" in marks:
        return []  # a shop names them: see find_feature
    for mark in ("windows", "spans", "horizons"):
        if marks.get(mark):
            return [(f"_{n}d", {"days": n}) for n in marks[mark]]
    return [(f"_{n}", {"rank": n}) for n in marks["ranks"]] if "ranks" in marks else [("", {})]


def _tell_window(name: str, marks: Mapping[str, object]) -> str:
    days = re.search(r"_(\d+)d$", name)
    if days is None or "spans" in marks or "by_name" in marks:
        return ""
    return f"{days[1]} days ahead" if "horizons" in marks else f"{days[1]} days"


FEATURES: Mapping[str, Feature] = {f.name: f for room in ROOMS for f in _read(room)}


@cache
def find_feature(name: str) -> Feature:
    """Return the feature of that name; that of a shop's own attribute is made by its name."""
    if not is_of_attribute(name):
        return FEATURES[name]
    own = name.removeprefix(ATTRIBUTE)
    (made,) = _expand("attribute", profile.attribute, [(f"_{own}", {"name": own})])
    return made


def is_of_attribute(name: str) -> bool:
    """Return whether a feature of that name is that of a shop's own attribute."""
    return name.startswith(ATTRIBUTE)


def list_features(attributes: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of all features of a shop that has these attributes of its own."""
    return (*FEATURES, *(f"{ATTRIBUTE}{name}" for name in attributes))


@cache
def list_needed(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """Return the named features and what they are made of, each after what it needs."""
    needs: dict[str, tuple[str, ...]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needs:
            needs[name] = find_feature(name).features
            waiting += needs[name]
    return tuple(find_feature(n) for n in TopologicalSorter(needs).static_order())


def describe(names: tuple[str, ...] = tuple(FEATURES)) -> list[dict[str, str]]:
    """Return the dictionary entry of each feature, ready for a page or for JSON."""
    return [_entry(find_feature(name)) for name in names]


def _entry(feature: Feature) -> dict[str, str]:
    meaning, _, rule = feature.meaning.rstrip(".").partition("; ")
    return {
        "name": feature.name,
        "meaning": f"{meaning}.",
        "unit": feature.unit,
        "made_of": ", ".join(feature.inputs),
        "window": feature.window,
        "missing": "0" if feature.or_zero else rule,
        "method": feature.method,
    }


def fingerprint(names: tuple[str, ...]) -> str:
    """Return a sha256 of the dictionary entries of these features, in this order."""
    return hashlib.sha256(json.dumps(describe(names)).encode()).hexdigest()
