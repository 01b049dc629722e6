"""Reads an invented shop as rows that hold features, the truth and what followed side by side."""

from datetime import UTC, datetime, time
from pathlib import Path

import polars as pl

from contract.tables import find_tables
from features.compute import compute
from features.gather import read_history
from features.norms import find_norms
from shop import Plan, make_shop

FEATURES = (
    "days_since_order",
    "orders_365d",
    "orders_ever",
    "lateness",
    "irregularity",
    "visits_7d",
    "visits_30d",
    "visits_90d",
    "plain_complaints_30d",
    "days_since_email",
    "emails_opened_90d",
    "recent_order_value_365d",
    "spend_365d",
    "return_share",
    "lines_ever",
)


def read_customers(folder: Path, plan: Plan) -> pl.DataFrame:
    """Return a row per customer who has ordered; columns of the truth begin with `true_`."""
    history = read_history(find_tables(str(folder)))
    ends = datetime.combine(plan.ends, time(), UTC)
    rows = pl.DataFrame(compute(history, find_norms(history, [ends]), FEATURES).to_arrow())
    truth = pl.read_parquet(folder / "truth/customers.parquet")
    for told in (
        truth.rename({name: f"true_{name}" for name in truth.columns[1:]}),
        pl.read_parquet(folder / "truth/future.parquet"),
        pl.read_parquet(folder / "customers.parquet"),
        count_acts(folder, plan),
    ):
        rows = rows.join(told, on="customer_id", how="left", suffix="_after")
    value = pl.col("spent_90d") / pl.col("orders_90d")
    return rows.filter(pl.col("days_since_order").is_not_null()).with_columns(
        pl.col("tickets_30d", "long_visits_30d").fill_null(0),
        churned=pl.col("orders_90d") == 0,
        ordered=pl.col("orders_30d") > 0,
        rose=value > 1.25 * pl.col("recent_order_value_365d"),
    )


def count_acts(folder: Path, plan: Plan) -> pl.DataFrame:
    """Return the support tickets and the visits of ten pages or more in the last 30 days."""
    acts = pl.read_parquet(folder / "interactions.parquet")
    kind, long = pl.col("kind"), pl.col("value") >= 10
    acts = acts.filter(pl.col("occurred_at") >= pl.lit(plan.ends) - pl.duration(days=30))
    return acts.group_by("customer_id").agg(
        tickets_30d=(kind == "support_ticket").sum(),
        long_visits_30d=((kind == "visit") & long).sum(),
    )


def choose_active(rows: pl.DataFrame) -> pl.DataFrame:
    """Return those who ordered in the last 365 days."""
    return rows.filter(pl.col("orders_365d") > 0)


def choose_again(rows: pl.DataFrame) -> pl.DataFrame:
    """Return those with two orders or more in the last 365 days and one in the next 90."""
    return rows.filter(pl.col("orders_365d") > 1, pl.col("orders_90d") > 0)


def read_pairs(folder: Path, plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row per active customer and category not bought in the last 365 days."""
    lines = pl.read_parquet(folder / "transactions.parquet").filter(pl.col("amount") > 0)
    lines = lines.join(pl.read_parquet(folder / "products.parquet"), on="product_id")
    late = pl.col("ordered_at") >= pl.lit(plan.ends) - pl.duration(days=365)
    by = ["customer_id", "category"]
    bought = lines.group_by(by).agg(lately=late.any(), earlier=(~late).any())
    pairs = pl.read_parquet(folder / "truth/categories.parquet").join(bought, on=by, how="left")
    pairs = pairs.with_columns(pl.col("lately", "earlier").fill_null(False))
    return pairs.filter(~pl.col("lately")).join(choose_active(rows), on="customer_id")


def read_targets(folder: Path, plan: Plan) -> dict[str, pl.DataFrame]:
    """Return the rows each target is told of, from a shop that is made in the folder."""
    make_shop(folder, plan)
    rows = read_customers(folder, plan)
    active = choose_active(rows)
    return {
        "churn": active,
        "next_purchase": rows,
        "cross_sell": read_pairs(folder, plan, rows),
        "up_sell": choose_again(rows),
        "lifetime_value": active,
    }
