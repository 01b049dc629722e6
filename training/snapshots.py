"""Customers x moments: features of the past beside the target's outcome in the future."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd

from contract.answers import ACTIVE_DAYS
from contract.manifest import Priors
from contract.models import Columns, Numbers
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import Computed, compute
from features.history import History
from features.sources import Shop
from features.timeline import AS_OF, CUSTOMER
from training.targets import Target

OUTCOME = "outcome"
DAYS_UNTIL = "days_until"
BESIDE = (CUSTOMER, AS_OF, OUTCOME, DAYS_UNTIL)  # the columns that are no features


@dataclass(frozen=True)
class Snapshots:
    """Eligible customers at one or more moments: a row per customer and moment."""

    rows: pd.DataFrame

    @property
    def columns(self) -> Columns:
        """The features, as double columns with NaN for null."""
        return {str(n): self.rows[n].to_numpy(np.float64) for n in self.rows if n not in BESIDE}

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


def take_snapshots(history: History, target: Target, norms: Mapping[datetime, Norms]) -> Snapshots:
    """Return the eligible customers at each moment, in the order of moment and customer."""
    computed = compute(history, norms, None, partial(find_outcomes, target))
    frame = _as_frame(computed)
    return Snapshots(frame[target.eligible.holds(computed.columns)].reset_index(drop=True))


def find_outcomes(target: Target, shop: Shop, as_of_us: int) -> dict[str, Numbers]:
    """Return, for each customer, the outcome (0 or 1) and the days until an order."""
    ahead = shop.ahead("orders", as_of_us, target.horizon_days)
    outcome = np.asarray(target.definition(ahead), dtype=np.float64)
    return {OUTCOME: outcome, DAYS_UNTIL: ahead.first("days_ahead")}


def observe_priors(history: History, target: Target, moment: datetime) -> Priors:
    """Return the share of outcomes among customers the target does not speak of.

    Lapsed customers have ordered, prospects never; (k + 1) / (n + 2) keeps a handful off 0 and 1.
    A customer listed without `since` may not have been listed then, and is no prospect of that day.
    """
    norms = {moment: Norms(as_of=moment)}
    found = compute(history.dated(), norms, ["days_since_order"], partial(find_outcomes, target))
    seen = _as_frame(found)
    never = seen["days_since_order"].isna()
    lapsed = _smooth(seen.loc[seen["days_since_order"] > ACTIVE_DAYS, OUTCOME])
    prospects = seen.loc[never, OUTCOME]
    return Priors(lapsed=lapsed, prospect=_smooth(prospects) if len(prospects) else lapsed)


def _as_frame(computed: Computed) -> pd.DataFrame:
    keys = {CUSTOMER: pd.Series(computed.ids.to_pandas(), dtype="str"), AS_OF: computed.as_of_us}
    return pd.DataFrame({**keys, **computed.columns})


def _smooth(outcomes: "pd.Series[float]") -> float:
    return float((outcomes.sum() + 1) / (len(outcomes) + 2))
