"""What is lost by learning from some of the customers only: docs/scale.md's table.

Run: .venv/bin/python -P benchmarks/sampling.py [customers] [--write]   (48,000: about 10 minutes)

Churn of an invented shop is learned from all customers but an eighth, and from a half, a quarter
and an eighth of all, chosen by the hash that History.sample goes by. All are judged on the eighth
that none of them saw, in the 90 days after the moment, which nobody saw either. Each is learned in
a process of its own, whose peak of memory stands beside it.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from shop import Plan, make_shop

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- begin: benchmarks/sampling.py -->", "<!-- end of sampling -->"
CUSTOMERS = 48_000
AS_OF = datetime(2026, 8, 1, tzinfo=UTC)  # the shop ends 92 days later
HELD = 8  # parts by the hash; the last is judged and never learned from
WAYS = {"all": 1, "1/2": 2, "1/4": 4, "1/8": 8}


def main() -> None:
    """Print the table, and with --write put it into the page."""
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()]
    customers = sizes[0] if sizes else CUSTOMERS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines = make_shop(folder / "shop", Plan(customers, 24, 1))["transactions"]
        found = [_run(folder, name) for name in WAYS]
        table = tell(folder, found)
    about = (
        f"{lines:,} order lines of {customers:,} customers over 24 months; judged on"
        f" {found[0]['judged']:,} customers. Load average before: {load:.1f} on"
        f" {os.cpu_count()} cores."
    )
    print(f"{about}\n\n{table}")
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        told = f"{about}\n\n{table}"
        PAGE.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}", "utf-8")


def _run(folder: Path, name: str) -> dict[str, Any]:
    words = [sys.executable, "-P", __file__, "one", str(folder), name]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    print(name, found, file=sys.stderr, flush=True)
    return found


def learn_from(folder: Path, name: str) -> dict[str, Any]:
    """Return what learning from such a share took, and keep the probabilities it gives."""
    from training.learn import learn
    from training.learned import Asked
    from training.snapshots import take_snapshots
    from training.targets import TARGETS

    history, parts = read_history(find_tables(str(folder / "shop"))), WAYS[name]
    hashes = hash_ids(history)
    seen = history.choose((hashes % parts == 0) & (hashes % HELD != HELD - 1))
    begin = time.perf_counter()
    learned = learn(seen, TARGETS["churn"].over(90), AS_OF, Asked(lambda step: None))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    held, bundle = history.choose(hashes % HELD == HELD - 1), learned.bundle
    judged = take_snapshots(held, learned.target, {AS_OF: bundle.norms})
    probability = bundle.probability(judged.columns)
    np.savez(folder / f"{parts}.npz", outcome=judged.outcome, probability=probability)
    return {
        "customers": len(seen),
        "seconds": seconds,
        "peak": peak,
        "judged": len(judged.outcome),
        "family": bundle.manifest.family,
    }


def hash_ids(history: History) -> np.ndarray[Any, Any]:
    """Return each customer's hash, as History.sample has it."""
    return np.array([zlib.crc32(name.encode()) for name in history.ids.to_pylist()])


def tell(folder: Path, found: list[dict[str, Any]]) -> str:
    """Return the table."""
    from training.evaluation import compare, evaluate

    kept = {name: np.load(folder / f"{parts}.npz") for name, parts in WAYS.items()}
    outcome, whole = kept["all"]["outcome"], kept["all"]["probability"]
    rows = [
        "| learned from | customers | Gini | log-loss | lost against all | seconds | peak GiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, held), one in zip(kept.items(), found, strict=True):
        figures = evaluate(outcome, held["probability"])
        auc, loss = figures["auc"], figures["log_loss"]
        gini = replace(auc, **{n: 2 * getattr(auc, n) - 1 for n in ("value", "low", "high")})
        lost = compare(outcome, whole, held["probability"])
        against = f"{lost.value:.4f} ({lost.low:.4f} to {lost.high:.4f})" if name != "all" else ""
        rows.append(
            f"| {name} | {one['customers']:,} | {gini} | {loss.value:.4f} ({loss.low:.4f} to"
            f" {loss.high:.4f}) | {against} | {one['seconds']:.0f} | {one['peak']:.1f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(learn_from(Path(sys.argv[2]), sys.argv[3])))
    else:
        main()
