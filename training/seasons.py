"""Foretell the base rate of a window not seen yet, from windows that have closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from contract.manifest import BaseRate
from contract.models import Numbers, log_odds, logistic
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute
from features.history import History
from features.timeline import DAY_US
from training.outcomes import OUTCOME, find_outcomes
from training.targets import Target

WEEK = 7
YEAR = 364  # days: 52 weeks, so that weekdays meet their like
WARM_UP = 30  # days after the first order, before which nobody was known
MOST_WINDOWS = 160  # three years of weeks
SAMPLE = 20_000  # customers, by whom a share is off by a third of a percent at most

# How far off, in log-odds, a share is foretold where nothing can be learned from earlier windows:
# without knowing the season, and with it. Worth as many observations as STANDING says: a shop that
# has not seen a Christmas has learned little from its other months.
UNKNOWN, KNOWN, STANDING = 0.4, 0.12, 10.0
Z_95 = 1.96


@dataclass(frozen=True)
class Closed:
    """Windows that have closed: days from the first order to each one's start, and its log-odds."""

    starts: Numbers
    level: Numbers
    horizon: int

    def before(self, day: float) -> "Closed":
        """Return the windows that had closed by that day."""
        held = self.starts + self.horizon <= day
        return Closed(self.starts[held], self.level[held], self.horizon)

    def at(self, day: float) -> float | None:
        """Return the log-odds of the window from that day on, between weeks where need be."""
        if not len(self.starts) or not self.starts[0] <= day <= self.starts[-1]:
            return None
        return float(np.interp(day, self.starts, self.level))


def observe_closed(history: History, target: Target, serve: datetime, norms: Norms) -> Closed:
    """Return the target's share of outcomes in every window of a weekly grid closed at `serve`."""
    first_us, serve_us = history.find_first_order(), as_micros(serve)
    assert first_us is not None
    moments = list_weeks(first_us, serve, target.over_days)
    names = tuple(dict.fromkeys([target.eligible.feature, *target.features]))
    known = {moment: norms.model_copy(update={"as_of": moment}) for moment in moments}
    seen = history.before(serve_us).sample(SAMPLE)
    found = compute(seen, known, names, partial(find_outcomes, target))
    held = target.eligible.holds(found.columns)
    starts, place = np.unique(found.as_of_us[held], return_inverse=True)
    came = np.bincount(place, found.columns[OUTCOME][held])
    count = np.bincount(place)
    share = (came + 0.5) / (count + 1)
    return Closed((starts - first_us) / DAY_US, log_odds(share), target.over_days)


def list_weeks(first_us: int, serve: datetime, horizon: int) -> list[datetime]:
    """Return the moments of a weekly grid whose windows had closed at `serve`, the last first."""
    last = serve - timedelta(days=horizon)
    first = (as_micros(last) - first_us) / DAY_US - WARM_UP
    count = int(min(max(first // WEEK, 0) + 1, MOST_WINDOWS))
    return [last - timedelta(days=WEEK * n) for n in range(count)]


def foretell_base_rate(closed: Closed, day: float) -> BaseRate:
    """Return the share foretold for the window from that day on, with a 95 % interval.

    `closed` holds the windows that had closed by then; days count from the first order.
    """
    level, certainty = foretell(closed, day)
    spread = measure_error(closed, certainty)
    low, mid, high = logistic(level + Z_95 * spread * np.array([-1.0, 0.0, 1.0]))
    return BaseRate(share=float(mid), low=float(low), high=float(high))


def foretell(closed: Closed, day: float) -> tuple[float, float]:
    """Return the log-odds foretold for the window from that day on, and how far the year is known.

    It is that of the last closed window, moved by what the same stretch of the year moved it a year
    ago, or on the mean of earlier years. What a shop younger than a year shows is more its
    growing up than its season, so the move counts by the square of the years it had been open.
    """
    last = float(closed.starts[-1])
    moves, weights = [], []
    for years in (1, 2):
        then, before = closed.at(day - YEAR * years), closed.at(last - YEAR * years)
        if then is None or before is None:
            break
        moves.append(then - before)
        weights.append(min(1.0, (last - YEAR * years) / YEAR) ** 2)
    certainty = max(weights, default=0.0)
    if not certainty:
        return float(closed.level[-1]), 0.0
    moved = certainty * float(np.average(moves, weights=weights))
    return float(closed.level[-1]) + moved, certainty


def measure_error(closed: Closed, certainty: float) -> float:
    """Return how far off, in log-odds, the windows closed so far would have been foretold.

    Windows of which the year was known half as well as now, or less, do not count.
    """
    errors = [
        (level - told) ** 2
        for day, level in zip(closed.starts, closed.level, strict=True)
        for told, known in [_foretell_again(closed, float(day))]
        if told is not None and known >= certainty / 2
    ]
    # Windows a week apart overlap: there is as much news in them as in windows end to end.
    news = len(errors) * WEEK / max(closed.horizon, WEEK)
    usual = UNKNOWN + (KNOWN - UNKNOWN) * certainty
    return float(np.sqrt((news * np.mean(errors or [0]) + STANDING * usual**2) / (news + STANDING)))


def _foretell_again(closed: Closed, day: float) -> tuple[float | None, float]:
    seen = closed.before(day)
    return foretell(seen, day) if len(seen.starts) else (None, 0.0)
