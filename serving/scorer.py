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
from contract.models import Numbers
from contract.moments import as_utc
from contract.norms import Norms
from contract.segments import SEGMENT_INPUTS
from features.compute import compute
from features.dictionary import FEATURES, fingerprint, is_of_attribute
from features.history import History
from serving.chances import Flat, Known, Tell, find_stages, tell_chance
from serving.choices import tell_choice
from serving.worths import tell_worth

SILENCE = "days_since_order"
OUT_OF_RANGE = "out_of_range"

TELL: Mapping[Kind, Tell] = {"chance": tell_chance, "choice": tell_choice, "worth": tell_worth}


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
        by_age = sorted((b.norms for b in self.bundles.values()), key=lambda norms: norms.as_of)
        attributes = {name: kind for n in by_age for name, kind in n.attributes.items()}
        return by_age[-1].model_copy(update={"attributes": attributes})

    @cached_property
    def shared(self) -> list[tuple[Norms, list[Bundle]]]:
        """The bundles that go by the same norms, of which features are computed once."""
        groups: list[tuple[Norms, list[Bundle]]] = []
        for bundle in self.bundles.values():
            own = next((b for norms, b in groups if norms == bundle.norms), None)
            if own is None:
                groups.append((bundle.norms, [bundle]))
            else:
                own.append(bundle)
        return groups

    def score(self, history: History, as_of: datetime, targets: Iterable[str] = ()) -> pa.Table:
        """Return a flat row per customer known before `as_of`, in the order of customer_id."""
        as_of = as_utc(as_of)
        names = tuple(targets or self.bundles)
        chosen = [self.bundles[name] for name in names]
        flat: Flat = {}
        beyond: list[np.ndarray[Any, Any]] = []
        for norms, bundles in self.shared:
            asked = [b for b in bundles if b.target in names]
            if asked:
                read = dict.fromkeys([*SEGMENT_INPUTS, *(name for b in asked for name in b.reads)])
                rows = compute(history.assume(norms.products), {as_of: norms}, read)
                known = Known(history, rows.columns, as_of)
                for bundle in asked:
                    if bundle.manifest.ranges:
                        beyond.append(bundle.manifest.ranges.exceed(rows.columns))
                    flat |= TELL[bundle.manifest.kind](bundle, known)
        silence = rows.columns[SILENCE]
        flat |= {
            "customer_id": rows.ids,
            "as_of": [as_of] * len(rows),
            "stage": find_stages(silence),
            "staleness_days": [_count_stale(chosen, as_of)] * len(rows),
            "warnings": _warn(silence, beyond),
            "model_versions": [",".join(f"{b.target}:{b.version}" for b in chosen)] * len(rows),
        }
        absent = pa.nulls(len(rows))
        schema = flat_schema(list_own(self.bundles))
        fields = {f.name: _as_arrow(flat.get(f.name, absent), f.type) for f in schema}
        return pa.table(fields, schema=schema)


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
