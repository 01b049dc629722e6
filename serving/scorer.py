"""Champions in memory: rows to features to probabilities to answers, for routes and batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from contract.answers import ACTIVE_DAYS, HIGH, MEDIUM, flat_schema
from contract.bundle import Bundle
from contract.errors import BundleError
from contract.models import Columns, Numbers
from contract.moments import as_utc
from contract.norms import Norms
from features.compute import compute
from features.dictionary import FEATURES, fingerprint, is_of_attribute
from features.history import History

SILENCE = "days_since_order"
FAR_DAYS = 1825  # a date further off than five years says no more than "not soon"

Flat = dict[str, Any]


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
        for norms, bundles in self.shared:
            asked = [b for b in bundles if b.target in names]
            if asked:
                read = dict.fromkeys([SILENCE, *(name for b in asked for name in b.reads)])
                rows = compute(history.assume(norms.products), {as_of: norms}, read)
                for bundle in asked:
                    flat |= _answer(bundle, rows.columns, as_of)
        silence = rows.columns[SILENCE]
        flat |= {
            "customer_id": rows.ids,
            "as_of": [as_of] * len(rows),
            "stage": find_stages(silence),
            "warnings": _warn(silence),
            "model_versions": [",".join(f"{b.target}:{b.version}" for b in chosen)] * len(rows),
        }
        absent = pa.nulls(len(rows))
        fields = {f.name: pa.array(flat.get(f.name, absent), f.type) for f in flat_schema()}
        return pa.table(fields, schema=flat_schema())


def find_stages(days_since_order: Numbers) -> np.ndarray[Any, Any]:
    """Return active (ordered within a year), lapsed (earlier) or prospect (never) of each row."""
    ordered = np.where(days_since_order <= ACTIVE_DAYS, "active", "lapsed")
    return np.where(np.isnan(days_since_order), "prospect", ordered)


def _answer(bundle: Bundle, columns: Columns, as_of: datetime) -> Flat:
    stages = find_stages(columns["days_since_order"])
    eligible = bundle.manifest.eligible.holds(columns)
    priors = bundle.manifest.priors
    prior = np.where(stages == "prospect", priors.prospect, priors.lapsed)
    probability = np.where(eligible, bundle.probability(columns), prior)
    percentile = bundle.percentile(probability)
    own = {
        "probability": probability,
        "percentile": percentile,
        "band": np.select([percentile >= HIGH, percentile >= MEDIUM], ["high", "medium"], "low"),
        "horizon_days": np.full(len(stages), bundle.manifest.horizon_days),
        "baseline": np.where(eligible, bundle.baseline_probability(columns), prior),
        "rung": np.where(eligible, "full_model", "prior"),
    }
    flat = {f"{bundle.target}_{name}": values for name, values in own.items()}
    if bundle.target == "next_purchase":
        flat |= _dates(bundle, probability, as_of)
    return flat


def _dates(bundle: Bundle, probability: Numbers, as_of: datetime) -> Flat:
    names = {"earliest": 0.1, "expected": 0.5, "latest": 0.9}
    day = np.datetime64(as_of.replace(tzinfo=None), "us")
    return {
        f"{name}_next_order_date": (
            day + (86_400e6 * days_until(share, probability, bundle)).astype("timedelta64[us]")
        ).astype("datetime64[D]")
        for name, share in names.items()
    }


def days_until(share: float, probability: Numbers, bundle: Bundle) -> Numbers:
    """Return the days by which `share` of customers with this probability have ordered.

    Of customers who order within the horizon h with probability p, 1 - (1 - p)^((d/h)^pace) order
    within d days: a Weibull law through (h, p), its pace fitted to all customers together.
    """
    kept = np.clip(probability, 1e-9, 1 - 1e-9)
    times = np.log(1 - share) / np.log(1 - kept)
    days = bundle.manifest.horizon_days * times ** (1 / bundle.manifest.pace)
    return np.asarray(np.minimum(days, FAR_DAYS))


def _warn(days_since_order: Numbers) -> list[str]:
    return ["no_order_before_as_of" if np.isnan(d) else "" for d in days_since_order]
