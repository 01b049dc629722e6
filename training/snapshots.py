"""Customers x moments: features of the past beside the target's outcome in the future."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from contract.answers import ACTIVE_DAYS
from contract.manifest import Priors
from contract.models import Columns, Numbers
from contract.moments import as_micros
from features.compute import compute
from features.dictionary import FEATURES
from features.engines import Frames
from features.events import Events, coming_orders
from features.timeline import AS_OF, KEYS
from training.targets import Target

OUTCOME = "outcome"
DAYS_UNTIL = "days_until"


@dataclass(frozen=True)
class Snapshots:
    """Eligible customers at one or more moments: a row per customer and moment."""

    rows: pd.DataFrame

    @property
    def columns(self) -> Columns:
        """The features, as double columns with NaN for null."""
        return {n: self.rows[n].to_numpy(np.float64) for n in FEATURES if n in self.rows}

    @property
    def outcome(self) -> Numbers:
        """1 where the target came true, else 0."""
        return np.asarray(self.rows[OUTCOME], dtype=np.float64)

    @property
    def base_rate(self) -> Numbers:
        """For each row, the share of outcomes at its own moment."""
        by_moment = self.rows.groupby(AS_OF)[OUTCOME]
        return np.asarray(by_moment.transform("mean"), dtype=np.float64)

    def at(self, moments: Sequence[datetime]) -> "Snapshots":
        """Return the rows at these moments only."""
        kept = self.rows[AS_OF].isin([as_micros(m) for m in moments])
        return Snapshots(self.rows[kept].reset_index(drop=True))

    def digest(self) -> str:
        """Return a sha256 of the rows, the same whenever the same data is read."""
        hashes = pd.util.hash_pandas_object(self.rows, index=False).to_numpy()
        return hashlib.sha256(hashes.tobytes()).hexdigest()


def take_snapshots(frames: Frames, target: Target, moments: Sequence[datetime]) -> Snapshots:
    """Return the eligible customers at each moment, in the order of moment and customer."""
    features = compute(frames, moments)
    known = nw.col(target.eligible.feature)
    limit = target.eligible.at_most
    eligible = features.filter(~known.is_null() if limit is None else known <= limit)
    outcomes = find_outcomes(frames, target, moments)
    rows = eligible.join(outcomes, on=list(KEYS), how="left", suffix="_found")
    kept = rows.select(*KEYS, *FEATURES, OUTCOME, DAYS_UNTIL)
    frame = kept.sort(AS_OF, "customer_id").collect("pyarrow").to_native().to_pandas()
    return Snapshots(frame)


def find_outcomes(frames: Frames, target: Target, moments: Sequence[datetime]) -> nw.LazyFrame:
    """Return, for each known customer and moment, the outcome (0 or 1) and days_until an order."""
    as_table = frames.moments(moments)
    everyone = compute(frames, moments, ())
    ahead = coming_orders(frames, as_table, target.horizon_days)
    joined = everyone.join(ahead, on=list(KEYS), how="left", suffix="_found")
    return joined.group_by(*KEYS).agg(
        target.definition(Events(("days_ahead",))).cast(nw.Float64).alias(OUTCOME),
        nw.col("days_ahead").min().alias(DAYS_UNTIL),
    )


def observe_priors(frames: Frames, target: Target, moment: datetime) -> Priors:
    """Return the share of outcomes among customers the target does not speak of.

    Lapsed customers have ordered, prospects never; (k + 1) / (n + 2) keeps a handful off 0 and 1.
    A customer listed without `since` may not have been listed then, and is no prospect of that day.
    """
    dated = frames.customers.filter(~nw.col("since_us").is_null())
    frames = replace(frames, customers=dated)
    silence = compute(frames, moment, ["days_since_order"])
    joined = silence.join(find_outcomes(frames, target, [moment]), on=list(KEYS), how="left")
    seen = joined.select("days_since_order", OUTCOME).collect("pyarrow").to_native().to_pandas()
    never = seen["days_since_order"].isna()
    lapsed = _smooth(seen.loc[seen["days_since_order"] > ACTIVE_DAYS, OUTCOME])
    prospects = seen.loc[never, OUTCOME]
    return Priors(lapsed=lapsed, prospect=_smooth(prospects) if len(prospects) else lapsed)


def _smooth(outcomes: "pd.Series[float]") -> float:
    return float((outcomes.sum() + 1) / (len(outcomes) + 2))
