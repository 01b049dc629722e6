"""How well the next window's base rate is foretold: docs/decisions/0011-season.md's table.

Run: .venv/bin/python -P benchmarks/season.py   (needs ../shared/data; about 3 minutes)
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

import shop
from contract.norms import Norms
from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from training.folds import find_first_order
from training.seasons import YEAR, Closed, foretell, foretell_base_rate, observe_closed
from training.targets import TARGETS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
HORIZONS = (30, 90)
SEEDS = (3, 4, 5)

Foretell = Callable[[Closed, float], float]


def go_by_last(closed: Closed, day: float) -> float:
    """Return the log-odds of the last closed window."""
    return float(closed.level[-1])


def move(share: float) -> Foretell:
    """Return the way that moves the last window by a share of what moved it a year ago."""

    def told(closed: Closed, day: float) -> float:
        then, before = closed.at(day - YEAR), closed.at(closed.starts[-1] - YEAR)
        known = then is not None and before is not None
        return float(closed.level[-1]) + (share * (then - before) if known else 0.0)

    return told


WAYS: Mapping[str, Foretell] = {
    "last": go_by_last,
    "whole": move(1.0),
    "half": move(0.5),
    "square": lambda closed, day: foretell(closed, day)[0],
}


def main() -> None:
    """Print the tables."""
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to foretell.")
    print(f"| shop, horizon | windows | {' | '.join(WAYS)} | inside the 95 % interval |")
    print("|---|---|" + "---|" * (len(WAYS) + 1))
    for name, histories in list_shops().items():
        for horizon in HORIZONS:
            print(measure(f"{name}, {horizon} days", histories, horizon), flush=True)


def list_shops() -> Mapping[str, list[tuple[History, int]]]:
    """Return the histories by name, each with the first day that is foretold."""
    invented = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            shop.make_shop(Path(folder), shop.Plan(customers=4000, months=36, seed=seed))
            invented.append((read_history(find_tables(folder)), 730))
    real = {
        name: [(read_history(find_tables(str(DATA / name), name)), 0)]
        for name in ("online_retail_ii", "completejourney")
    }
    return {"invented, third year": invented, **real}


def measure(name: str, histories: list[tuple[History, int]], horizon: int) -> str:
    """Return a row: the error of each way over all windows, and how often the interval held."""
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    held: list[bool] = []
    for history, begins in histories:
        for closed, day, level in list_windows(history, horizon):
            if day < begins:
                continue
            for way, told in WAYS.items():
                errors[way].append(told(closed, day) - level)
            rate = foretell_base_rate(closed, day)
            held.append(rate.low <= 1 / (1 + np.exp(-level)) <= rate.high)
    cells = [f"{np.sqrt(np.mean(np.square(errors[way]))):.3f}" for way in WAYS]
    return f"| {name} | {len(held)} | {' | '.join(cells)} | {np.mean(held):.0%} |"


def list_windows(history: History, horizon: int) -> Iterator[tuple[Closed, float, float]]:
    """Yield for each window what had closed before it, its first day, and its log-odds."""
    target = TARGETS["churn"].over(horizon)
    last = datetime.fromtimestamp(history.lines["at_us"].max() / 1e6, UTC)
    serve = last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert find_first_order(history) < serve
    closed = observe_closed(history, target, serve, Norms(as_of=serve))
    for day, level in zip(closed.starts, closed.level, strict=True):
        seen = closed.before(day)
        if len(seen.starts) >= 4:
            yield seen, float(day), float(level)


if __name__ == "__main__":
    main()
