"""Measures what drives each target in the invented shop: the tables of docs/shop.md.

Run: .venv/bin/python -P benchmarks/drivers.py   (half a minute)
"""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl

# With -P a script finds nothing beside it, and benchmarks are no installed package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.shop_drivers import DRIVERS, LIMITS, OUTCOMES, measure, rank  # noqa: E402
from benchmarks.shop_rows import read_targets  # noqa: E402
from shop import Plan, tell_season  # noqa: E402

CUSTOMERS, MONTHS, SEED = 50_000, 24, 1


def write_money(told: float, outcome: str) -> str:
    """Return a share with three decimals, or money without."""
    return f"{told:,.0f}" if outcome == "spent_365d" else f"{told:.3f}"


def print_drivers(target: str, rows: pl.DataFrame) -> None:
    """Print a row for each driver of a target."""
    outcome = OUTCOMES[target]
    for driver in DRIVERS[target]:
        found = measure(rows, driver, outcome)
        shows, lacks, error, same, same_error = (
            write_money(found[name], outcome)
            for name in ("shows", "lacks", "error", "same", "same_error")
        )
        within = f"{same} ± {same_error}" if driver.within else ""
        print(
            f"| `{target}` | {driver.name} | {found['number']:,} | {shows} | {lacks} "
            f"| ± {error} | {within} |"
        )


def print_limits(target: str, rows: pl.DataFrame) -> None:
    """Print how well the truth ranks the rows of a target, beside one feature."""
    outcome, (truth, feature) = OUTCOMES[target], LIMITS[target]
    base = write_money(rows.select(pl.col(outcome).cast(pl.Float64).mean()).item(), outcome)
    told = (rank(rows, by, outcome) for by in (truth, feature))
    print(f"| `{target}` | {rows.height:,} | {base} | " + " | ".join(f"{t:.3f}" for t in told), "|")


def print_season() -> None:
    """Print the planted pace of each month from November 2025 on."""
    plan = Plan(CUSTOMERS, MONTHS, SEED)
    first = plan.ends.replace(year=plan.ends.year - 1)
    while first < plan.ends:
        following = (first + timedelta(days=31)).replace(day=1)
        pace = tell_season(plan, (first - plan.starts).days, (following - first).days)
        print(f"{first:%B} {pace:.2f}", end=", " if following < plan.ends else "\n")
        first = following


def print_all() -> None:
    """Print every table; two shops are made in a temporary folder and deleted."""
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        targets = read_targets(Path(folder), Plan(CUSTOMERS, MONTHS, SEED))
    print("| target | behaviour | number | shows it | does not | error | same count and silence |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for target, rows in targets.items():
        print_drivers(target, rows)
    print("\n| target | rows | mean | by the truth | by one feature |\n|---|---:|---:|---:|---:|")
    for target, rows in targets.items():
        print_limits(target, rows)
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        targets = read_targets(Path(folder), Plan(CUSTOMERS, MONTHS, SEED, step_up=True))
    print("\nWith --step-up:")
    print_drivers("up_sell", targets["up_sell"])
    print()
    print_season()


if __name__ == "__main__":
    print_all()
