"""What is told of an invented shop's customers, beside the chances and the worth planted in them.

Run: .venv/bin/python -P benchmarks/planted.py [--write]   (about 6 minutes)
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

# With -P a script finds nothing beside it, and benchmarks are no installed package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.shop_rows import read_targets
from contract.models import Numbers
from contract.moments import as_micros
from contract.tables import find_tables
from features.choosing import tell_choices
from features.compute import compute
from features.gather import read_history
from features.history import History
from serving.scorer import Scorer
from shop import Plan
from training.learn import learn
from training.learned import Asked, Learned
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
HORIZONS = {"churn": 90, "next_purchase": 30, "cross_sell": 90, "lifetime_value": 365}
SEEDS, CUSTOMERS, MONTHS = (3, 4, 5), 5000, 36
PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/planted.py -->", "<!-- end of planted -->"

# What is planted of a customer who is there, and what came; the lost come to nothing.
PLANTED = {
    "churn": ("true_p_order_90d", "churned"),
    "next_purchase": ("true_p_order_30d", "ordered"),
    "cross_sell": ("p_bought_90d", "bought_90d"),
    "lifetime_value": ("true_expected_spend_365d", "spent_365d"),
}


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/quality.md")
    write = parser.parse_args().write
    lines = ["| target | shop | rows | told | planted | came | slope on planted |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for seed in SEEDS:
        for line in measure(Plan(CUSTOMERS, MONTHS, seed)):
            print(line, flush=True)
            lines.append(line)
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        text = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def measure(plan: Plan) -> Iterator[str]:
    """Yield a row for each target of one shop."""
    with tempfile.TemporaryDirectory() as folder:
        rows = read_targets(Path(folder), plan)
        history = read_history(find_tables(folder))
    for name in HORIZONS:
        told, planted, came = foretell(history, name, rows[name])
        slope = np.polyfit(told, planted, 1)[0]
        means = " | ".join(f"{part.mean():,.3f}" for part in (told, planted, came))
        yield f"| `{name}` | seed {plan.seed} | {len(told):,} | {means} | {slope:.3f} |"


def foretell(history: History, name: str, rows: pl.DataFrame) -> tuple[Numbers, Numbers, Numbers]:
    """Return what is told of each row, what is planted and what came."""
    target = TARGETS[name].over(HORIZONS[name])
    told = tell(history, learn(history, target, AS_OF, Asked(lambda step: None)))
    joined = rows.join(told, on=[n for n in told.columns if n != "told"])
    column, outcome = PLANTED[name]
    truth = pl.when("true_alive").then(column).otherwise(0.0)
    planted = 1 - truth if name == "churn" else truth
    found = joined.select("told", planted, pl.col(outcome).cast(pl.Float64)).to_numpy().T
    return found[0], found[1], found[2]


def tell(history: History, learned: Learned) -> pl.DataFrame:
    """Return what is told: by customer, or by customer and category, under `told`."""
    bundle, name = learned.bundle, learned.target.name
    if bundle.shelf is None:
        answers = pl.from_arrow(Scorer({name: bundle}).score(history, AS_OF))
        column = f"{name}_probability" if learned.target.kind == "chance" else f"predicted_{name}"
        return answers.select("customer_id", told=column).drop_nulls()
    seen = history.assume(bundle.norms.products).before(as_micros(AS_OF))
    known = seen.choose(seen.known(as_micros(AS_OF)))
    customers = compute(known, {AS_OF: bundle.norms}, bundle.reads)
    told = tell_choices(bundle, known, as_micros(AS_OF), customers.columns)
    ids, names = customers.ids.to_pylist(), list(bundle.shelf.names)
    pairs = {
        "customer_id": np.repeat(ids, len(names)),
        "category": names * len(ids),
        "told": told.ravel(),
    }
    return pl.DataFrame(pairs).filter(pl.col("told") > 0)


if __name__ == "__main__":
    main()
