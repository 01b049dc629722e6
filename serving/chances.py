"""What is answered of a chance: probability, rank, band, and the days by which an order is due."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from contract.answers import ACTIVE_DAYS, HIGH, MEDIUM
from contract.bundle import Bundle
from contract.flat import FLAT_NAMES
from contract.models import Columns, Numbers
from contract.segments import find_within
from contract.waits import Waits
from features.history import History

Flat = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What is known of the customers that are asked about: their history, and their features."""

    history: History
    columns: Columns
    as_of: datetime

    @cached_property
    def stages(self) -> np.ndarray[Any, Any]:
        """The stage of each customer."""
        return find_stages(self.columns["days_since_order"])


Tell = Callable[[Bundle, Known], Flat]


def find_stages(days_since_order: Numbers) -> np.ndarray[Any, Any]:
    """Return active (ordered within a year), lapsed (earlier) or prospect (never) of each row."""
    ordered = np.where(days_since_order <= ACTIVE_DAYS, "active", "lapsed")
    return np.where(np.isnan(days_since_order), "prospect", ordered)


def tell_chance(bundle: Bundle, known: Known) -> Flat:
    """Return the flat columns of a target of kind chance, a row per customer."""
    columns, manifest = known.columns, bundle.manifest
    stages = known.stages
    eligible = manifest.eligible.holds(columns)
    prior = np.where(stages == "prospect", manifest.priors.prospect, manifest.priors.lapsed)
    probability = np.where(eligible, bundle.probability(columns), prior)
    percentile = bundle.percentile(probability)
    own = {
        "probability": probability,
        "percentile": percentile,
        "percentile_in_stage": _find_in_stage(bundle, probability, columns),
        "band": np.where(
            percentile >= HIGH, "high", np.where(percentile >= MEDIUM, "medium", "low")
        ),
        "horizon_days": np.full(len(stages), manifest.horizon_days),
        "baseline": np.where(eligible, bundle.baseline_probability(columns), prior),
        "rung": np.where(eligible, manifest.rung, "prior"),
    }
    if manifest.waits:
        own |= _tell_dates(manifest.waits, probability, known.as_of)
    # Who has left gets a stage and no score, where the target speaks of leaving.
    if manifest.eligible.others == "stage":
        own = {name: _mask(told, ~eligible) for name, told in own.items()}
    return name_columns(bundle.target, own)


def name_columns(target: str, own: Flat) -> Flat:
    """Return what is told of a target under the names of flat columns."""
    flat = {f"{target}_{name}": told for name, told in own.items()}
    return {FLAT_NAMES.get(name, name): told for name, told in flat.items()}


def _find_in_stage(bundle: Bundle, probability: Numbers, columns: Columns) -> Any:
    """Return the percentile within the segment; of those the target does not speak of, none."""
    told = find_within(bundle.manifest.percentiles_in_stage, probability, columns)
    return _mask(told, (told < 0) | ~bundle.manifest.eligible.holds(columns))


def _mask(told: Any, hidden: np.ndarray[Any, Any]) -> Any:
    if not hidden.any():
        return told
    return np.ma.array(told, mask=np.ma.getmaskarray(told) | hidden)


def _tell_dates(waits: Waits, probability: Numbers, as_of: datetime) -> Flat:
    names = {"earliest": 0.1, "expected_date": 0.5, "latest": 0.9}
    day = np.datetime64(as_of.replace(tzinfo=None), "us")
    days = waits.days_until(np.array([*names.values()])[:, None], probability)
    dates = (day + (86_400e6 * days).astype("timedelta64[us]")).astype("datetime64[D]")
    return dict(zip(names, dates, strict=True))
