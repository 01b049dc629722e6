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
from benchmarks.shop_drivers import DRIVERS, LIMITS, OUTCOMES, measure, rank
from benchmarks.shop_rows import read_targets
from shop import Plan, tell_season

CUSTOMERS, MONTHS, SEED = 50_000, 24, 1
AGREEMENT = {
    "true_p_order_30d": pl.col("orders_30d") > 0,
    "true_p_order_90d": pl.col("orders_90d") > 0,
    "true_p_order_365d": pl.col("orders_365d_after") > 0,
    "true_expected_orders_365d": pl.col("orders_365d_after"),
    "true_expected_spend_365d": pl.col("spent_365d"),
}
"""What came, by the column of the truth that foretells it (`_after`: a feature has the name)."""


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


def print_agreement(rows: pl.DataFrame) -> None:
    """Print what the truth foretells of those not lost beside what came, and how far apart."""
    alive = rows.filter("true_alive")
    for foretold, came in AGREEMENT.items():
        told = alive.select(foretold=pl.col(foretold), came=came.cast(pl.Float64))
        means = told.mean().row(0)
        apart = told["came"] - told["foretold"]
        errors = apart.sum() / (apart**2).sum() ** 0.5
        name = foretold.removeprefix("true_")
        print(f"| `{name}` | {means[0]:,.3f} | {means[1]:,.3f} | {errors:+.1f} |")


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
    print("\n| truth | foretold | came | standard errors |\n|---|---:|---:|---:|")
    print_agreement(targets["next_purchase"])
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        targets = read_targets(Path(folder), Plan(CUSTOMERS, MONTHS, SEED, step_up=True))
    print("\nWith --step-up:")
    print_drivers("up_sell", targets["up_sell"])
    print()
    print_season()


if __name__ == "__main__":
    print_all()
