"""How much customers come to on the whole: foretold apart from who among them is worth more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
from scipy import optimize, special

from contract.models import Columns, Numbers, list_once, log_odds
from contract.moments import as_micros
from contract.norms import Norms
from contract.worth import START_INPUTS, Levels, Start, Told, begin
from features.compute import compute
from features.history import History
from features.timeline import DAY_US
from training.folds import STEP_DAYS
from training.outcomes import OUTCOME
from training.seasons import MOST_WINDOWS, SAMPLE, WARM_UP, YEAR, Closed, foretell
from training.targets import Target
from training.worth.snapshots import ORDERS, Worths, look_ahead, name_column

LEAST = 1e-9
ROUNDING = 1e-6  # days
FAR = 60.0  # log-odds, beyond which no level lies
KNOWN_AFTER = 90.0  # days: customers of a shop's first weeks are not those of later
STARTS: tuple[Start, ...] = ("probability", "flat")


@dataclass(frozen=True)
class Totals:
    """Of customers on the mean: the share that orders, days with an order, and worth."""

    chance: float
    orders: float
    worth: float


@dataclass(frozen=True)
class Course:
    """How far what came of customers was off what was begun with, window after window.

    `starts` are days from the first order to each window's first, `day` those to the moment that is
    served. `off` has, for each start and each length of windows, starts x 3: in log-odds and logs.
    """

    starts: Numbers
    day: float
    off: Mapping[tuple[Start, int], Numbers]

    def foretell(self, start: Start, days: int) -> list[float]:
        """Return how far the window of that length will be off that begins on the day served."""
        return [foretell_level(closed, self.day) for closed in self._list_closed(start, days)]

    def average(self, start: Start, days: int) -> list[float]:
        """Return how far the windows of the last year were off on the mean, closed by the day."""
        told = self._list_closed(start, days)
        return [float(c.level[c.starts > c.starts[-1] - YEAR].mean()) for c in told]

    def has_closed(self, days: int) -> bool:
        """Return whether a window of that length has closed that began when the shop was known."""
        closed = (self.starts + days <= self.day + ROUNDING).any()
        return bool(closed) and self.day - days >= KNOWN_AFTER

    def _list_closed(self, start: Start, days: int) -> list[Closed]:
        told = [Closed(self.starts, own, days) for own in self.off[start, days].T]
        return [closed.before(self.day + ROUNDING) for closed in told]


def observe_course(history: History, target: Target, norms: Norms, spans: Sequence[int]) -> Course:
    """Return the course of a shop up to the moment of its norms, which all windows go by."""
    first_us, serve_us = history.find_first_order(), as_micros(norms.as_of)
    assert first_us is not None
    seen = history.before(serve_us).sample(SAMPLE)
    day = (serve_us - first_us) / DAY_US
    count = int(max((day - WARM_UP) // STEP_DAYS, 0)) + 1
    moments = [norms.as_of - timedelta(days=STEP_DAYS * n) for n in range(count)][:MOST_WINDOWS]
    names = list_once([target.eligible.feature, *target.features, *START_INPUTS])
    known = {moment: norms.model_copy(update={"as_of": moment}) for moment in moments}
    found = compute(seen, known, names, partial(look_ahead, target, tuple(spans)))
    held = target.eligible.holds(found.columns)
    columns = {name: column[held] for name, column in found.columns.items()}
    at, place = np.unique(found.as_of_us[held], return_inverse=True)
    off = {
        (start, days): _list_levels(norms, columns, (start, days, place))
        for start in STARTS
        for days in spans
    }
    return Course((at - first_us) / DAY_US, day, off)


def _list_levels(norms: Norms, columns: Columns, asked: tuple[Start, int, np.ndarray]) -> Numbers:
    start, days, place = asked
    begun = begin(start, norms, columns, days)
    orders, worth = (columns[name_column(n, days)] for n in (ORDERS, OUTCOME))
    parts = [place == n for n in range(int(place.max()) + 1)]
    return np.array([measure_level(_cut(begun, own), _count(orders[own], worth[own]))
                     for own in parts])  # fmt: skip


def foretell_level(closed: Closed, day: float) -> float:
    """Return how far the window from that day on will be off, from those that had closed by then.

    It is as far as the last one, moved by what the same stretch of the year moved it a year ago
    (training/seasons.py); half of it, where that is known, is how far the window was off that began
    a year before. Measured in docs/decisions/0012-lifetime-value.md.
    """
    recent, _ = foretell(closed, day)
    then = closed.at(day - YEAR)
    return recent if then is None else (recent + then) / 2


def foretell_totals(course: Course, begun: Told, asked: tuple[Start, int, int]) -> Totals:
    """Return what the customers served will come to; `asked` are the start, the days and the span.

    Over days of which no window has closed yet, it is off as windows of the span were over the last
    year, so that no season counts twice.
    """
    start, days, span = asked
    known = days == span or course.has_closed(days)
    off = course.foretell(start, days) if known else course.average(start, span)
    return _apply(begun, off)


def observe_levels(worths: Worths, start: Start) -> Numbers:
    """Return moments x 3: how far what came was off what was begun with, in log-odds and logs."""
    begun = worths.begin(start, worths.horizon)
    return np.array([measure_level(_cut(begun, r), _count(worths.orders[r], worths.outcome[r]))
                     for _, r in worths.moments()])  # fmt: skip


def measure_level(told: Told, came: Totals) -> list[float]:
    """Return what to add to log-odds, and to logs, so that the means are those that came."""
    orders = max(came.orders, LEAST) / max(float(told.expected_orders.mean()), LEAST)
    worth = max(came.worth, LEAST) / max(float(told.predicted.mean()), LEAST)
    return [_shift(told.chance, came.chance), float(np.log(orders)), float(np.log(worth))]


def fit_levels(told: Told, wanted: Totals) -> Levels:
    """Return the levels at which the customers come to the totals wanted."""
    chance = _shift(told.chance, wanted.chance)
    shifted = special.expit(log_odds(told.chance) + chance)
    expected, target = told.expected_orders, max(wanted.orders, float(shifted.mean()))

    def excess(level: float) -> float:
        return float(np.maximum(expected * np.exp(level), shifted).mean() - target)

    lowest = float(np.log(np.min(shifted / expected))) - 1
    level = float(optimize.brentq(excess, lowest, FAR)) if excess(lowest) < -LEAST else lowest
    worth = np.maximum(expected * np.exp(level), shifted) * told.value
    value = max(wanted.worth, LEAST) / max(float(worth.mean()), LEAST)
    return Levels(chance=chance, orders=level, value=float(np.log(value)))


def _apply(begun: Told, off: Numbers | list[float]) -> Totals:
    chance, orders, worth = off
    return Totals(
        chance=float(special.expit(log_odds(begun.chance) + chance).mean()),
        orders=float(begun.expected_orders.mean() * np.exp(orders)),
        worth=float(begun.predicted.mean() * np.exp(worth)),
    )


def _shift(chance: Numbers, share: float) -> float:
    share, odds = float(np.clip(share, 1e-4, 1 - 1e-4)), log_odds(chance)
    return float(optimize.brentq(lambda a: special.expit(odds + a).mean() - share, -FAR, FAR))


def _cut(told: Told, rows: np.ndarray) -> Told:
    return Told(told.chance[rows], told.orders[rows], told.value[rows])


def _count(orders: Numbers, worth: Numbers) -> Totals:
    return Totals(float((orders > 0).mean()), float(orders.mean()), float(worth.mean()))
