"""Over which span a worth is learned, and how its level is foretold: the tables of decision 12.

Run: .venv/bin/python -P benchmarks/worth_choices.py   (needs ../shared/data; about 4 minutes)
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

import shop
from contract.moments import as_micros
from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from training.folds import all_moments, find_first_order, split_stages
from training.seasons import YEAR, Closed, foretell
from training.targets import TARGETS
from training.worth.judging import judge
from training.worth.levels import foretell_level, observe_course
from training.worth.snapshots import take_worths

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TARGET = TARGETS["lifetime_value"]
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
RETAIL_ENDS = datetime(2011, 8, 31, tzinfo=UTC)
YEAR_BACK, HORIZON = 390, 365
SPANS = (60, 90, 120, 180, 240)
WINDOWS, EVERY = 8, 45  # windows foretold, so many days apart

Foretell = Callable[[Closed, float], float | None]
WAYS: Mapping[str, Foretell] = {
    "last": lambda closed, day: float(closed.level[-1]),
    "moved": lambda closed, day: foretell(closed, day)[0],
    "a year ago": lambda closed, day: closed.at(day - YEAR),
    "half and half": foretell_level,
}


def main() -> None:
    """Print both tables."""
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to judge on.")
    invented = [invent(months=40, seed=seed) for seed in (3, 5)]
    print("| shop | learned over | training moments | normalised Gini of the year | RMSE |")
    print("|---|---|---|---|---|")
    for seed, history in zip((3, 5), invented, strict=True):
        for row in compare_spans(f"invented, seed {seed}", history):
            print(row, flush=True)
    retail = read_history(find_tables(str(DATA / "online_retail_ii"), "online_retail_ii"))
    shops = {
        "invented, 40 months": [(history, AS_OF) for history in invented],
        "invented, 24 months": [(invent(months=24, seed=7), AS_OF)],
        "Online Retail II": [(retail, RETAIL_ENDS)],
    }
    print(f"\n| shop, window | windows | {' | '.join(WAYS)} |\n|---|---|{'---|' * len(WAYS)}")
    for name, histories in shops.items():
        for days in (60, 120):
            print(compare_levels(f"{name}, {days} days", histories, days), flush=True)


def invent(months: int, seed: int) -> History:
    """Return the history of an invented shop."""
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(customers=1500, months=months, seed=seed))
        return read_history(find_tables(folder))


def compare_spans(name: str, history: History) -> Iterator[str]:
    """Yield a row for each span: how good the year is that is told by what it learned."""
    seen, serve = history.before(as_micros(AS_OF)), AS_OF - timedelta(days=YEAR_BACK)
    first = find_first_order(seen)
    stages = {span: split_stages(first, serve, span) for span in SPANS}
    moments = all_moments(list(stages.values()))
    norms = find_norms(seen, moments, serve)
    taken = take_worths(seen, TARGET, norms, [*SPANS, HORIZON])
    for span in SPANS:
        course = observe_course(seen, TARGET, norms[serve], [span, HORIZON])
        judged = judge((taken[span], taken[HORIZON]), (stages[span], course), taken[HORIZON])
        found = judged.metrics["parts"]
        gini, rmse = found["normalised_gini"].value, found["rmse"].value
        moments_held = len(stages[span].train)
        yield f"| {name} | {span} days | {moments_held} | {gini:.4f} | {rmse:,.0f} |"
    plain = judged.metrics["probability"]
    gini, rmse = plain["normalised_gini"].value, plain["rmse"].value
    yield f"| {name} | probability models alone | | {gini:.4f} | {rmse:,.0f} |"


def compare_levels(name: str, histories: list[tuple[History, datetime]], days: int) -> str:
    """Return a row: the error of each way, where all of them say something."""
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    for history, ends in histories:
        for closed, day, came in list_windows(history, ends, days):
            told = {way: say(closed, day) for way, say in WAYS.items()}
            for way, level in told.items():
                if None not in told.values():
                    errors[way].append(float(level or 0.0) - came)
    cells = [f"{np.sqrt(np.mean(np.square(own))):.3f}" for own in errors.values()]
    return f"| {name} | {len(errors['last'])} | {' | '.join(cells)} |"


def list_windows(
    history: History, ends: datetime, days: int
) -> Iterator[tuple[Closed, float, float]]:
    """Yield what had closed before a window, its first day, and how far it was off."""
    first = find_first_order(history)
    for number in range(WINDOWS):
        serve = ends - timedelta(days=days + EVERY * number)
        if (serve - first).days < 2 * days + 60:
            return
        norms = find_norms(history.before(as_micros(serve)), [serve])[serve]
        if norms.repeating is None:
            return
        told = norms.model_copy(update={"as_of": serve + timedelta(days=days)})
        course = observe_course(history, TARGET, told, [days])
        day, own = course.day - days, course.off["probability", days][:, 2]
        came = own[np.argmin(np.abs(course.starts - day))]
        yield Closed(course.starts, own, days).before(day), day, float(came)


if __name__ == "__main__":
    main()
