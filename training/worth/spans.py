"""Over how many days the parts of a worth are learned, and from when a whole horizon is judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from features.history import History
from training.folds import (
    STEP_DAYS,
    Stages,
    count_days,
    find_first_order,
    refuse_short,
    split_stages,
)

# Days. Carried to a year, what was learned over 120 ranks customers as well as over more, of which
# a history holds fewer windows, and of those a year ago fewer still (docs/decisions/0012).
LONGEST = 120
SHORTEST_OF_YEAR = 90  # days of span: what was learned over fewer says little of a year


@dataclass(frozen=True)
class Judging:
    """Stages whose serving moment lies a whole horizon back, and the span they learn over."""

    stages: Stages
    span: int


def find_span(history: History, horizon: int, as_of: datetime) -> int:
    """Return the longest span, up to 120 days and in steps of 30, that the history holds.

    Raises where not even the shortest fits: a warm-up, training, calibration and judging take four.
    """
    first = find_first_order(history)
    spans = list_spans(horizon)
    for span in spans:
        if (as_of - first).days >= count_days(span):
            return span
    refuse_short(first, as_of, spans[-1])
    raise AssertionError("refuse_short raises for a span that does not fit")


def list_spans(horizon: int) -> list[int]:
    """Return the spans that may be learned over for a horizon, the longest first."""
    if horizon <= STEP_DAYS:
        return [horizon]
    longest = min(horizon, LONGEST)
    return list(range(longest - longest % STEP_DAYS, 0, -STEP_DAYS))


def plan_judging(history: History, asked: tuple[int, int], as_of: datetime) -> Judging | None:
    """Return how the whole horizon is judged, or None where the history is too short for it.

    `asked` are the horizon and the span. The moment lies on the same grid of 30 days as the others,
    so that features are computed once. Its own span may be shorter: the history before it is.
    """
    horizon, span = asked
    first = find_first_order(history)
    back = timedelta(days=STEP_DAYS * -(-horizon // STEP_DAYS))
    serve = as_of - back
    for own in list_spans(span):
        if (serve - first).days >= 3 * own:
            enough = own >= min(SHORTEST_OF_YEAR, span)
            return Judging(split_stages(first, serve, own), own) if enough else None
    return None


def count_back(history: History, horizon: int, as_of: datetime) -> int:
    """Return how many days before `as_of` the earliest moment lies that is judged."""
    span = find_span(history, horizon, as_of)
    year = plan_judging(history, (horizon, span), as_of)
    return (as_of - year.stages.serve).days if year else span
