"""Champions in memory: rows to features to probabilities to answers, for routes and batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from contract.bundle import Bundle
from contract.errors import BundleError
from contract.flat import flat_schema, list_own
from contract.manifest import Kind
from contract.models import Numbers, find_few, list_once
from contract.moments import as_utc
from contract.norms import Norms
from contract.segments import SEGMENT_INPUTS
from features.compute import compute
from features.dictionary import FEATURES, fingerprint, is_of_attribute
from features.history import History
from serving.chances import Flat, Known, Tell, tell_chance
from serving.choices import tell_choice
from serving.worths import tell_worth

SILENCE = "days_since_order"
OUT_OF_RANGE = "out_of_range"

Group = tuple[Norms, list[Bundle]]

TELL: Mapping[Kind, Tell] = {"chance": tell_chance, "choice": tell_choice, "worth": tell_worth}


@dataclass(frozen=True)
class Seen:
    """All that models read of some customers; bundles that go by the same norms share a part."""

    ids: Any
    as_of: datetime
    parts: tuple[tuple[tuple[Bundle, ...], Known], ...]
    names: tuple[str, ...]

    @property
    def bundles(self) -> list[Bundle]:
        """Every bundle that answers."""
        return [bundle for bundles, _ in self.parts for bundle in bundles]


@dataclass(frozen=True)
class Scorer:
    """The bundles that answer; immutable, so that an answer is always by one whole set."""

    bundles: Mapping[str, Bundle]

    def __post_init__(self) -> None:
        """Refuse a bundle whose features mean something else here than when it was trained."""
        for bundle in self.bundles.values():
            known = all(name in FEATURES or is_of_attribute(name) for name in bundle.reads)
            if not known or fingerprint(bundle.manifest.inputs) != bundle.manifest.dictionary:
                raise BundleError(
                    f"The model of {bundle.target} was trained on other features than these.",
                    "Train it anew with this version of Patron, or serve it with its own.",
                )

    @cached_property
    def norms(self) -> Norms:
        """What is usual in the shop, by the model that was trained last; all models' attributes."""
        return find_norms(self.bundles.values())

    @cached_property
    def shared(self) -> list[Group]:
        """The bundles that go by the same norms, of which features are computed once."""
        return share(self.bundles.values())

    def score(self, history: History, as_of: datetime, targets: Iterable[str] = ()) -> pa.Table:
        """Return a flat row per customer known before `as_of`, in the order of customer_id."""
        return tell_flat(self.look(history, as_of, targets), list_own(self.bundles))

    def look(self, history: History, as_of: datetime, targets: Iterable[str] = ()) -> Seen:
        """Return what the models of the targets read of every customer known before `as_of`."""
        names = tuple(targets or self.bundles)
        groups = self.shared if set(names) == {*self.bundles} else self._choose(names)
        return look(history, as_utc(as_of), groups, names)

    def _choose(self, names: tuple[str, ...]) -> list[Group]:
        asked = [(norms, [b for b in own if b.target in names]) for norms, own in self.shared]
        return [(norms, own) for norms, own in asked if own]


def share(bundles: Iterable[Bundle]) -> list[Group]:
    """Return the bundles in groups that go by the same norms."""
    groups: list[Group] = []
    for bundle in bundles:
        own = next((b for norms, b in groups if norms == bundle.norms), None)
        if own is None:
            groups.append((bundle.norms, [bundle]))
        else:
            own.append(bundle)
    return groups


def look(history: History, as_of: datetime, groups: list[Group], names: tuple[str, ...]) -> Seen:
    """Return what these groups of bundles read of every customer known before `as_of`."""
    parts = []
    for norms, bundles in groups:
        rows = compute(history.assume(norms.products), {as_of: norms}, list_read(bundles))
        parts.append((tuple(bundles), Known(history, find_few(rows.columns), as_of)))
    return Seen(rows.ids, as_of, tuple(parts), names)


def find_norms(bundles: Iterable[Bundle]) -> Norms:
    """Return the norms of the bundle that was trained last, with the attributes of all."""
    by_age = sorted((bundle.norms for bundle in bundles), key=lambda norms: norms.as_of)
    attributes = {name: kind for n in by_age for name, kind in n.attributes.items()}
    return by_age[-1].model_copy(update={"attributes": attributes})


def list_read(bundles: Iterable[Bundle]) -> tuple[str, ...]:
    """Return the features that these bundles answer by, which go by the same norms."""
    return list_once([*SEGMENT_INPUTS, *(name for b in bundles for name in b.reads)])


def tell_flat(seen: Seen, own: Iterable[str] = ()) -> pa.Table:
    """Return a flat row per customer of whom this was seen; `own` are the shop's own targets."""
    flat = tell_columns(seen)
    absent = pa.nulls(len(seen.ids))
    schema = flat_schema(tuple(own))
    fields = {f.name: _as_arrow(flat.get(f.name, absent), f.type) for f in schema}
    return pa.table(fields, schema=schema)


def list_rows(seen: Seen) -> list[dict[str, Any]]:
    """Return the rows of `tell_flat` as Python has them, but for what was not asked for."""
    flat = tell_columns(seen)
    columns = [told if isinstance(told, list) else told.tolist() for told in flat.values()]
    return [dict(zip(flat, row, strict=True)) for row in zip(*columns, strict=True)]


def tell_columns(seen: Seen) -> Flat:
    """Return the columns of `tell_flat`, but for what was not asked for."""
    flat: Flat = {}
    beyond: list[np.ndarray[Any, Any]] = []
    for bundles, known in seen.parts:
        for bundle in bundles:
            if bundle.manifest.ranges:
                beyond.append(bundle.manifest.ranges.exceed(known.columns))
            flat |= TELL[bundle.manifest.kind](bundle, known)
    silence, versions = known.columns[SILENCE], {b.target: b.version for b in seen.bundles}
    flat |= {
        "customer_id": seen.ids.to_pylist(),
        "as_of": [seen.as_of] * len(silence),
        "stage": known.stages,
        "staleness_days": [_count_stale(seen.bundles, seen.as_of)] * len(silence),
        "warnings": _warn(silence, beyond),
        "model_versions": [",".join(f"{t}:{versions[t]}" for t in seen.names)] * len(silence),
    }
    return flat


def _count_stale(bundles: list[Bundle], as_of: datetime) -> int:
    """Return the whole days since the data ended that the oldest of the models learned from."""
    oldest = min(bundle.manifest.as_of for bundle in bundles)
    return max((as_of - oldest).days, 0)


def _as_arrow(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, kind, mask=values.mask)
    return pa.array(values, kind)


def _warn(days_since_order: Numbers, beyond: list[np.ndarray[Any, Any]]) -> list[str]:
    """Return the codes of each row: no order at all, a feature beyond what a model has seen."""
    told = ["no_order_before_as_of" if np.isnan(d) else "" for d in days_since_order]
    if beyond:
        for place in np.flatnonzero(np.any(beyond, axis=0)):
            told[place] = f"{told[place]},{OUT_OF_RANGE}".removeprefix(",")
    return told
