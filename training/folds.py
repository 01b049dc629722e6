"""Splits by time, purged: every label of a stage closes before the next stage begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contract.errors import HistoryError
from contract.moments import EPOCH
from features.history import History

STEP_DAYS = 30
FOLDS = 3
LEAST_HALF = 15  # days: in fewer than these too little comes to learn from
MOST_MOMENTS = 24  # two years of monthly moments; older ones add little and cost as much


@dataclass(frozen=True)
class Stages:
    """Moments of one fit: train, then calibrate, both closed before the moment that is served.

    Where half of the window is learned from, more moments have closed: `half_train` by the
    calibrating one, `half_closed` by the serving one.
    """

    train: tuple[datetime, ...]
    calibrate: datetime
    closed: tuple[datetime, ...]
    serve: datetime
    half_train: tuple[datetime, ...] = ()
    half_closed: tuple[datetime, ...] = ()

    def list_learned(self, half: bool) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
        """Return the moments closed by the calibrating one, and by the serving one."""
        return (self.half_train, self.half_closed) if half else (self.train, self.closed)


def split_stages(first: datetime, serve: datetime, horizon: int) -> Stages:
    """Return the moments to learn from for answers at `serve`, the newest first.

    Moments lie 30 days apart, from the last whose label is closed at `serve` back to one horizon
    after the first order. The last closed one calibrates; those whose labels closed before it
    train.
    """
    span = timedelta(days=horizon)
    last = serve - span
    closed = [last - timedelta(days=STEP_DAYS * n) for n in range(MOST_MOMENTS)]
    closed = [m for m in closed if m >= first + span]
    train = tuple(m for m in closed if m + span <= last)
    halves = (_list_half((last, *closed[1:]), end, horizon) for end in (last, serve))
    half_train, half_closed = (tuple(m for m in h if m >= first + span) for h in halves)
    return Stages(train, last, tuple(closed), serve, half_train, half_closed)


def halve(horizon: int) -> int:
    """Return the days of the first half of a window; of a short one, all of it."""
    return max(horizon // 2, min(horizon, LEAST_HALF))


def _list_half(grid: Sequence[datetime], end: datetime, horizon: int) -> list[datetime]:
    """Return the moments whose half window has closed by the end, the newest just now."""
    half, step = timedelta(days=halve(horizon)), timedelta(days=STEP_DAYS)
    newer = [grid[0] + step * n for n in range(1, -(-horizon // STEP_DAYS))]
    return sorted({end - half, *(m for m in (*newer, *grid) if m + half <= end)}, reverse=True)


def split_folds(
    stages: Stages, horizon: int, half: bool = False
) -> list[tuple[tuple[datetime, ...], datetime]]:
    """Return for up to FOLDS validating moments the moments whose labels had closed by each.

    All of them lie before the calibration snapshot, which tuning does not see. The latest is first.
    """
    span = timedelta(days=halve(horizon) if half else horizon)
    seen, _ = stages.list_learned(half)
    folds = [(tuple(m for m in seen if m + span <= v), v) for v in stages.train]
    return [(train, moment) for train, moment in folds if train][:FOLDS]


def refuse_short(first: datetime, as_of: datetime, horizon: int) -> None:
    """Raise where the history does not hold a training moment for the judged recipe."""
    days = (as_of - first).days
    if days >= count_days(horizon):
        return
    fitting = [h for h in range(1, horizon) if count_days(h) <= days]
    to_do = f"Give a --horizon of at most {fitting[-1]}, or" if fitting else "Give"
    raise HistoryError(
        f"{days} days of orders before {as_of:%Y-%m-%d} are too few for a horizon of {horizon}"
        f" days: a warm-up, training, calibration and judging take {count_days(horizon)}.",
        f"{to_do} a longer history.",
    )


def count_days(horizon: int) -> int:
    """Return the days of history that a horizon needs: four of it, one rounded up to a step."""
    return 3 * horizon + STEP_DAYS * -(-horizon // STEP_DAYS)


def find_report_moment(as_of: datetime, horizon: int) -> datetime:
    """Return the last moment whose label is closed at `as_of`: the one the report is made on."""
    return as_of - timedelta(days=horizon)


def find_first_order(history: History) -> datetime:
    """Return when the first order was placed."""
    at_us = history.find_first_order()
    if at_us is None:
        raise HistoryError(
            "There is no order before as_of.", "Check the dates of transactions, or --as-of."
        )
    return EPOCH + timedelta(microseconds=at_us)


def all_moments(stages: Sequence[Stages], half: bool = False) -> tuple[datetime, ...]:
    """Return every moment that some stage needs features for, in order; with those of halves."""
    halves = [m for s in stages for m in s.half_closed] if half else []
    return tuple(sorted({*halves, *(m for s in stages for m in (*s.closed, s.serve))}))
