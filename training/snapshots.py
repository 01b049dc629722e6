"""Customers x moments: features of the past beside the target's outcome in the future."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial

import numpy as np
import pandas as pd

from contract.answers import ACTIVE_DAYS
from contract.manifest import Priors
from contract.models import Columns, Numbers, list_once
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import Computed, compute
from features.history import History
from features.timeline import AS_OF, CUSTOMER
from training.folds import halve
from training.outcomes import DAYS_UNTIL, HALF, OUTCOME, find_both, find_outcomes
from training.targets import Target

BESIDE = (CUSTOMER, AS_OF, OUTCOME, HALF, DAYS_UNTIL)  # the columns that are no features


@dataclass(frozen=True)
class Snapshots:
    """Eligible customers at one or more moments: a row per customer and moment.

    `horizon` is how many days ahead the outcome lies; `norms` are what was usual in the shop as of
    each moment; `leaving` is whether the outcome is that customers leave.
    """

    rows: pd.DataFrame
    horizon: int
    norms: Mapping[datetime, Norms] = field(default_factory=dict)
    leaving: bool = False

    @cached_property
    def columns(self) -> Columns:
        """The features, as double columns with NaN for null."""
        return {str(n): self.rows[n].to_numpy(np.float64) for n in self.rows if n not in BESIDE}

    @cached_property
    def outcome(self) -> Numbers:
        """1 where the target came true, else 0."""
        return np.asarray(self.rows[OUTCOME], dtype=np.float64)

    @cached_property
    def base_rate(self) -> Numbers:
        """For each row, the share of outcomes at its own moment."""
        by_moment = self.rows.groupby(AS_OF)[OUTCOME]
        return np.asarray(by_moment.transform("mean"), dtype=np.float64)

    def at(self, moments: Sequence[datetime]) -> "Snapshots":
        """Return the rows at these moments only."""
        kept = self.rows[AS_OF].isin([as_micros(m) for m in moments])
        norms = {m: self.norms[m] for m in moments if m in self.norms}
        rows = self.rows[kept].reset_index(drop=True)
        return replace(self, rows=rows, norms=norms)

    def halve(self) -> "Snapshots":
        """Return the same rows with what came of them in the first half of the window."""
        rows = self.rows.assign(**{OUTCOME: self.rows[HALF]})
        return replace(self, rows=rows, horizon=halve(self.horizon))

    def split(self) -> Iterator["Snapshots"]:
        """Yield the rows of each moment, the earliest first."""
        for _, rows in self.rows.groupby(AS_OF, sort=True):
            yield replace(self, rows=rows.reset_index(drop=True))

    def shuffle(self, seed: int) -> "Snapshots":
        """Return the same rows with the outcomes of each moment dealt out anew."""
        rng, dealt = np.random.default_rng(seed), self.rows.copy()
        by_moment = self.rows.groupby(AS_OF)[OUTCOME]
        dealt[OUTCOME] = by_moment.transform(lambda o: rng.permutation(o.to_numpy()))
        return replace(self, rows=dealt)

    @property
    def latest(self) -> Norms:
        """What was usual in the shop as of the last moment."""
        return self.norms[max(self.norms)]

    def digest(self) -> str:
        """Return a sha256 of the rows, the same whenever the same data is read."""
        return digest_rows(self.rows)


def digest_rows(rows: pd.DataFrame) -> str:
    """Return a sha256 of the rows."""
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    return hashlib.sha256(hashes.tobytes()).hexdigest()


def take_snapshots(history: History, target: Target, norms: Mapping[datetime, Norms]) -> Snapshots:
    """Return the eligible customers at each moment, in the order of moment and customer."""
    computed = compute(history, norms, None, partial(find_both, target))
    frame = _as_frame(computed)
    kept = target.eligible.holds(computed.columns)
    return Snapshots(
        rows=frame[kept].reset_index(drop=True),
        horizon=target.over_days,
        norms=dict(norms),
        leaving=target.eligible.others == "stage",
    )


def observe_priors(history: History, target: Target, norms: Norms) -> Priors:
    """Return the share of outcomes among customers the target does not speak of.

    Lapsed customers have ordered, prospects never; (k + 1) / (n + 2) keeps a handful off 0 and 1.
    A customer listed without `since` may not have been listed then, and is no prospect of that day.
    """
    names = list_once(["days_since_order", *target.features])
    told = {norms.as_of: norms}
    found = compute(history.dated(), told, names, partial(find_outcomes, target))
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
