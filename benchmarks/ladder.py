"""Whether probabilities hold on each rung of the ladder, from 20 customers to 50,000.

Shops are invented, so the true chance of each customer is known: docs/quality.md's second table.

Run: .venv/bin/python -P benchmarks/ladder.py [--write]   (about 20 minutes)
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

import shop
from contract.errors import HistoryError
from contract.tables import find_tables
from features.gather import read_history
from progress import show_steps
from serving.scorer import Scorer
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS

# Customers of a shop, and how many shops of that size are taken together.
SIZES = {20: 60, 40: 60, 80: 40, 150: 30, 300: 20, 600: 12, 1500: 6, 5000: 3, 20_000: 1, 50_000: 1}
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
TARGET, HORIZON, MONTHS = "churn", 90, 36
PAGE = Path(__file__).resolve().parent.parent / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/ladder.py -->", "<!-- end of ladder -->"


@dataclass
class Found:
    """What was told of the active customers of some shops, what is planted, and what came."""

    rungs: Counter[str] = field(default_factory=Counter)
    told: list[np.ndarray] = field(default_factory=list)
    planted: list[np.ndarray] = field(default_factory=list)
    came: list[np.ndarray] = field(default_factory=list)
    refused: int = 0


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/quality.md")
    parser.add_argument("--most", type=int, default=max(SIZES), help="the largest shop")
    asked = parser.parse_args()
    lines = [
        "| customers | shops | active | rung (shops) | told | planted | came | slope on planted "
        "| error | of the base rate |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size in [s for s in SIZES if s <= asked.most]:
        lines.append(tabulate(size, judge(size, range(1001, 1001 + SIZES[size]))))
        print(lines[-1], flush=True)
    if asked.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        text = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def judge(size: int, seeds: Sequence[int]) -> Found:
    """Return what came of shops of one size."""
    found = Found()
    with show_steps(len(seeds)) as tell:
        for seed in seeds:
            tell(f"{size:,} customers, shop {seed}")
            with tempfile.TemporaryDirectory() as folder:
                shop.make_shop(Path(folder), shop.Plan(size, MONTHS, seed))
                add(found, Path(folder))
    return found


def add(found: Found, folder: Path) -> None:
    """Learn from one shop, and note what it tells of each active customer."""
    history = read_history(find_tables(str(folder)))
    target = TARGETS[TARGET].over(HORIZON)
    try:
        learned = learn(history, target, AS_OF, Asked(lambda step: None))
    except HistoryError:
        found.refused += 1
        return
    found.rungs[learned.bundle.manifest.rung] += 1
    told = pl.from_arrow(Scorer({TARGET: learned.bundle}).score(history, AS_OF))
    truth = pl.read_parquet(folder / "truth" / "customers.parquet")
    future = pl.read_parquet(folder / "truth" / "future.parquet")
    rows = told.join(truth, on="customer_id").join(future, on="customer_id")
    rows = rows.filter(pl.col("churn_probability").is_not_null())
    orders = pl.when("alive").then("p_order_90d").otherwise(0.0)
    found.told.append(rows["churn_probability"].to_numpy())
    found.planted.append(rows.select(1 - orders).to_series().to_numpy())
    found.came.append((rows["orders_90d"] == 0).cast(pl.Float64).to_numpy())


def tabulate(size: int, found: Found) -> str:
    """Return the row of one size; `error` is the root mean square from the planted chance."""
    told, planted, came = map(np.concatenate, (found.told, found.planted, found.came))
    slope = np.polyfit(told, planted, 1)[0] if told.std() > 0 else np.nan
    rungs = ", ".join(f"{name} ({n})" for name, n in found.rungs.most_common())
    rungs += f", refused ({found.refused})" if found.refused else ""
    error = np.sqrt(np.mean((told - planted) ** 2))
    plain = np.sqrt(np.mean((planted.mean() - planted) ** 2))
    return (
        f"| {size:,} | {SIZES[size]} | {len(told):,} | {rungs} | {told.mean():.3f} |"
        f" {planted.mean():.3f} | {came.mean():.3f} | {slope:.2f} | {error:.3f} | {plain:.3f} |"
    )


if __name__ == "__main__":
    main()
