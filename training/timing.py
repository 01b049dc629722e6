"""How often the days that were foretold came true on the judged snapshot."""

from collections.abc import Mapping

import numpy as np

from contract.models import Numbers
from contract.waits import FAR_DAYS
from contract.waits import Waits as Clock
from training.estimates import Estimate
from training.outcomes import DAYS_UNTIL
from training.snapshots import Snapshots
from training.waits import Coverage, Waits, cover, evaluate_waits

SHARES = (0.1, 0.5, 0.9)


def foretell_days(clock: Clock, chance: Numbers) -> Numbers:
    """Return customers x 3: days by which a tenth, half and nine tenths have ordered."""
    days = np.stack([clock.days_until(share, chance) for share in SHARES], axis=1)
    return np.where(days >= FAR_DAYS, np.inf, days)


def cover_waits(judged: Snapshots, chance: Numbers, clock: Clock) -> Mapping[str, Coverage]:
    """Return how often orders came before, by and within the days foretold."""
    return cover(watch(judged), foretell_days(clock, chance))


def judge_waits(judged: Snapshots, chance: Numbers, clock: Clock) -> Mapping[str, Estimate]:
    """Return the figures of the days foretold."""
    return evaluate_waits(watch(judged), foretell_days(clock, chance))


def watch(judged: Snapshots) -> Waits:
    """Return how long each customer was watched, which is the horizon, and when an order came."""
    until = judged.rows[DAYS_UNTIL].to_numpy(np.float64)
    came = np.where(until < judged.horizon, until, np.nan)
    return Waits(came, np.full(len(until), float(judged.horizon)))
