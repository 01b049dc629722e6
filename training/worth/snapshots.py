"""Customers x moments, beside what each came to over one or more spans of days ahead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial

import numpy as np
import pandas as pd

from contract.models import Columns, Numbers
from contract.moments import as_micros
from contract.norms import Norms
from contract.trees import Floats, rank
from contract.worth import START_INPUTS, Start, Told, begin
from features.compute import compute
from features.history import History
from features.sources import Shop
from features.timeline import AS_OF, CUSTOMER
from training.outcomes import DAYS_UNTIL, OUTCOME, find_outcomes
from training.ranks import find_knots
from training.snapshots import BESIDE, Snapshots
from training.targets import Target

ORDERS = "orders_ahead"  # days with an order within the span
SPENT = "spent_before"  # what came in over as many days before, less returns
OWN = (*BESIDE, ORDERS, SPENT)


@dataclass(frozen=True)
class Worths(Snapshots):
    """Customers who have ordered, at one or more moments; the outcome is what they came to.

    `horizon` is the span of the outcome. `ranks` are rows x features, each told by its rank among
    the customers of its own moment.
    """

    ranks: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    @cached_property
    def columns(self) -> Columns:
        """The features, as double columns with NaN for null."""
        return {str(n): self.rows[n].to_numpy(np.float64) for n in self.rows if n not in OWN}

    @cached_property
    def orders(self) -> Numbers:
        """The days with an order that came within the span."""
        return np.asarray(self.rows[ORDERS], dtype=np.float64)

    @cached_property
    def spent(self) -> Numbers:
        """What came in over as many days before the moment."""
        return np.asarray(self.rows[SPENT], dtype=np.float64)

    def at(self, moments: Sequence[datetime]) -> "Worths":
        """Return the rows at these moments only."""
        kept = self.rows[AS_OF].isin([as_micros(m) for m in moments]).to_numpy()
        norms = {m: self.norms[m] for m in moments if m in self.norms}
        rows = self.rows[kept].reset_index(drop=True)
        return replace(self, rows=rows, norms=norms, ranks=self.ranks[kept])

    def deal(self, seed: int) -> "Worths":
        """Return the same rows, with what came of the customers of each moment dealt out anew."""
        rng, dealt = np.random.default_rng(seed), self.rows.copy()
        came = [OUTCOME, ORDERS]
        for places in self.rows.groupby(AS_OF).indices.values():
            dealt.loc[places, came] = self.rows.loc[rng.permutation(places), came].to_numpy()
        return replace(self, rows=dealt)

    def begin(self, start: Start, days: int) -> Told:
        """Return what each customer's worth over so many days is begun with, by its moment."""
        moments = self.rows[AS_OF].to_numpy()
        parts = []
        for moment in sorted(self.norms):
            own = moments == as_micros(moment)
            columns = {name: self.columns[name][own] for name in START_INPUTS}
            parts.append(begin(start, self.norms[moment], columns, days))
        joined = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("chance", "orders", "value")
        )
        return Told(*joined)

    def moments(self) -> list[tuple[datetime, np.ndarray]]:
        """Return each moment with the rows that are of it."""
        told = self.rows[AS_OF].to_numpy()
        return [(m, np.flatnonzero(told == as_micros(m))) for m in sorted(self.norms)]


def take_worths(
    history: History, target: Target, norms: Mapping[datetime, Norms], spans: Sequence[int]
) -> dict[int, Worths]:
    """Return the eligible customers at each moment, beside what came of them over each span."""
    spans = tuple(dict.fromkeys(spans))
    computed = compute(history, norms, None, partial(look_ahead, target, spans))
    keys = {CUSTOMER: pd.Series(computed.ids.to_pandas(), dtype="str"), AS_OF: computed.as_of_us}
    kept = target.eligible.holds(computed.columns)
    frame = pd.DataFrame({**keys, **computed.columns})[kept].reset_index(drop=True)
    extra = {days: [name_column(n, days) for n in (OUTCOME, ORDERS, SPENT)] for days in spans}
    shared = frame.drop(columns=[name for names in extra.values() for name in names])
    ranks = _rank(shared)
    return {
        days: Worths(
            rows=shared.assign(
                **dict(zip((OUTCOME, ORDERS, SPENT), (frame[n] for n in names), strict=True))
            ),
            horizon=days,
            norms=dict(norms),
            ranks=ranks,
        )
        for days, names in extra.items()
    }


def name_column(column: str, days: int) -> str:
    """Return the name of what is told over so many days, before one span is chosen."""
    return f"{column} {days}"


def look_ahead(
    target: Target, spans: Sequence[int], shop: Shop, as_of_us: int, columns: Columns
) -> dict[str, Numbers]:
    """Return what comes of each customer over each span, and what came in as long before."""
    told: dict[str, Numbers] = {}
    past = {name: shop.past(name, as_of_us) for name in ("orders", "returns")}
    for days in spans:
        found = find_outcomes(target.over(days), shop, as_of_us, columns)
        ahead = shop.ahead("orders", as_of_us, days)
        told |= {
            DAYS_UNTIL: found[DAYS_UNTIL],
            name_column(OUTCOME, days): found[OUTCOME],
            name_column(ORDERS, days): ahead.count(ahead.new_day > 0),
            name_column(SPENT, days): past["orders"].within(days).total("amount")
            - past["returns"].within(days).total("amount"),
        }
    return told


def _rank(shared: pd.DataFrame) -> Floats:
    """Return rows x features, each told by its rank among the customers of its own moment."""
    names = [n for n in shared if n not in OWN]
    ranks = np.empty((len(shared), len(names)), dtype=np.float32)
    for places in shared.groupby(AS_OF).indices.values():
        rows = shared.iloc[places][names].to_numpy(np.float32)
        ranks[places] = rank(rows, find_knots(rows))
    return ranks
