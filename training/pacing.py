"""How soon orders come: the hazard's clock, from when the orders of earlier snapshots came."""

from datetime import datetime

import numpy as np

from contract.models import Numbers
from contract.moments import as_micros
from contract.waits import Waits
from features.sums import Mask
from features.timeline import AS_OF, DAY_US
from training.outcomes import DAYS_UNTIL
from training.snapshots import Snapshots

GROUPS = 5
STEPS = 60
FEWEST = 50  # orders in a group, below which its clock would be noise


def fit_waits(snapshots: Snapshots, chance: Numbers, seen_until: datetime) -> Waits:
    """Return the clocks of customers grouped by their chance, each a fifth of them.

    An order after `seen_until` is not known by then, and ends nobody's wait. Cumulated hazards are
    those of Nelson & Aalen (Aalen 1978, Annals of Statistics 6(4)).
    """
    days, came, watched = tell_waits(snapshots, seen_until)
    edges = np.unique(np.quantile(chance, np.arange(1, GROUPS) / GROUPS))
    grid = _list_days(snapshots.horizon, float(watched.max(initial=snapshots.horizon)))
    group = np.searchsorted(edges, chance, side="right")
    every = _run_clock((days, came), grid, snapshots.horizon)
    clocks = []
    for number in range(len(edges) + 1):
        own = group == number
        enough = np.count_nonzero(came[own] & (days[own] < snapshots.horizon)) >= FEWEST
        told = (days[own], came[own])
        clocks.append(_run_clock(told, grid, snapshots.horizon) if enough else every)
    return Waits(
        edges=tuple(edges.tolist()),
        days=tuple(grid.tolist()),
        clock=tuple(tuple(clock.tolist()) for clock in clocks),
    )


def tell_waits(snapshots: Snapshots, seen_until: datetime) -> tuple[Numbers, Mask, Numbers]:
    """Return of each row: days waited, whether an order ended the wait, and days watched."""
    at_us = snapshots.rows[AS_OF].to_numpy()
    watched = (as_micros(seen_until) - at_us) / DAY_US
    until = snapshots.rows[DAYS_UNTIL].to_numpy(np.float64)
    came = until < watched
    return np.where(came, until, watched), came, watched


def _list_days(horizon: int, longest: float) -> Numbers:
    inside = np.linspace(0, horizon, STEPS // 2 + 1)[1:]
    if longest <= horizon:
        return inside
    return np.concatenate([inside, np.linspace(horizon, longest, STEPS // 2 + 1)[1:]])


def _run_clock(waits: tuple[Numbers, Mask], grid: Numbers, horizon: int) -> Numbers:
    days, came = waits
    ordered = np.sort(days)
    times, count = np.unique(days[came], return_counts=True)
    at_risk = len(ordered) - np.searchsorted(ordered, times, side="left")
    hazard = np.cumsum(count / at_risk)
    inside = hazard[times <= horizon]
    if not len(inside):
        return np.asarray(grid / horizon)
    place = np.searchsorted(times, grid, side="right")
    return np.asarray(np.append(0, hazard)[place] / inside[-1])
