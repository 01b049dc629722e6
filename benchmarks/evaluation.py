"""How long figures with their intervals take: docs/report.md's table.

Run: .venv/bin/python -P benchmarks/evaluation.py [--write]   (2 minutes, 2 GB of memory)
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.evaluation import evaluate
from training.ordering import Ranking
from training.profit import measure_retention
from training.rankings import Purchases, evaluate_ranking
from training.waits import LEVELS, Waits, evaluate_waits
from training.worths import evaluate_worths

PAGE = Path(__file__).resolve().parent.parent / "docs" / "report.md"
BEGIN, END = "<!-- begin: benchmarks/evaluation.py -->", "<!-- end -->"
CUSTOMERS = (5_000, 20_000, 200_000, 1_000_000)
CATEGORIES = 50


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/report.md")
    write = parser.parse_args().write
    table = tabulate()
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table)


def tabulate() -> str:
    """Return the seconds of each evaluation, by how many customers are judged."""
    head = "| customers | " + " | ".join(f"{n:,}" for n in CUSTOMERS) + " |"
    rows = [
        f"| {name} | " + " | ".join(f"{measure(judge, n):.1f}" for n in CUSTOMERS) + " |"
        for name, judge in JUDGES.items()
    ]
    return "\n".join([head, "|---|" + "---|" * len(CUSTOMERS), *rows])


def measure(judge: Callable[[int], Callable[[], object]], customers: int) -> float:
    """Return the processor seconds that one evaluation takes, so that neighbours do not count."""
    call = judge(customers)
    start = time.process_time()
    call()
    return time.process_time() - start


def judge_probabilities(customers: int) -> Callable[[], object]:
    """Return the evaluation of so many invented probabilities."""
    ranking = _rank(customers)
    return lambda: evaluate(ranking.outcome, ranking.probability)


def judge_profit(customers: int) -> Callable[[], object]:
    """Return the expected maximum profit of so many invented churners."""
    ranking = _rank(customers)
    return lambda: measure_retention(ranking)


def judge_waits(customers: int) -> Callable[[], object]:
    """Return the evaluation of so many invented waits, half of them not watched to the end."""
    rng = np.random.default_rng(1)
    scale = rng.uniform(10, 120, customers)
    days, watched = rng.exponential(scale), rng.uniform(20, 60, customers)
    waits = Waits(np.where(days <= watched, days, np.nan), watched)
    foretold = -np.log(1 - np.array(LEVELS)) * scale[:, None]
    return lambda: evaluate_waits(waits, foretold)


def judge_lists(customers: int) -> Callable[[], object]:
    """Return the evaluation of invented lists, of `CATEGORIES` categories."""
    rng = np.random.default_rng(1)
    shown = rng.random((customers, CATEGORIES))
    bought, repeat = rng.random((2, *shown.shape)) < 0.1
    return lambda: evaluate_ranking(shown, Purchases(bought, repeat))


def judge_worths(customers: int) -> Callable[[], object]:
    """Return the evaluation of invented worths, six in ten of them nothing."""
    rng = np.random.default_rng(1)
    mean = rng.gamma(1, 50, customers)
    observed = rng.gamma(2, mean / 0.8) * (rng.random(customers) < 0.4)
    return lambda: evaluate_worths(observed, mean)


def _rank(customers: int) -> Ranking:
    rng = np.random.default_rng(1)
    probability = rng.beta(1, 4, customers)
    return Ranking((rng.random(customers) < probability).astype(np.float64), probability)


JUDGES = {
    "probabilities": judge_probabilities,
    "EMPC": judge_profit,
    "days of the next order": judge_waits,
    f"lists of {CATEGORIES} categories": judge_lists,
    "worths": judge_worths,
}

if __name__ == "__main__":
    main()
