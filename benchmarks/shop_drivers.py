"""What is planted to drive each target of the invented shop, and how its size is measured.

A driver is a group that shows a behaviour before the end of the history, held against a group
that does not, by what followed the end.
"""

from dataclasses import dataclass

import polars as pl

INFINITE = float("inf")
CELLS = {
    "orders_365d": (1, 2, 3, 5, 8, 12),
    "days_since_order": (7, 15, 30, 45, 60, 90, 120, 180, 365),
}
"""Upper edges: customers in one cell ordered about as often, and last about as long ago."""


@dataclass(frozen=True)
class Driver:
    """A behaviour, who shows it, who is held against them, and whether within cells, too."""

    name: str
    shows: pl.Expr
    lacks: pl.Expr
    within: bool = True


def has(column: str, least: float, most: float = INFINITE) -> pl.Expr:
    """Return whether a column lies between two values, both included."""
    return pl.col(column).is_between(least, most)


def split(name: str, column: str, least: float = 1) -> Driver:
    """Return the driver that is a column of so much or more, held against all others."""
    return Driver(name, pl.col(column) >= least, pl.col(column) < least)


def late(name: str, among: pl.Expr, shows: pl.Expr, lacks: pl.Expr) -> Driver:
    """Return the driver that is a silence in own gaps, among customers of one kind of rhythm."""
    return Driver(name, among & shows, among & lacks, within=False)


REGULAR = has("orders_ever", 6) & has("irregularity", 0, 0.6)
UNEVEN = has("orders_ever", 6) & has("irregularity", 1)
LOOKED = pl.col("visits_90d") - pl.col("visits_30d") >= 3
OFTEN, SELDOM = has("orders_365d", 8), has("orders_365d", 1, 2)
DEAR, CHEAP = has("recent_order_value_365d", 300), has("recent_order_value_365d", 0, 120)
SILENT, RECENT = has("days_since_order", 120), has("days_since_order", 0, 30)
LUCK = pl.col("recent_order_value_365d") / pl.col("true_expected_order_value")
MANY, BACK = has("lines_ever", 20), pl.col("return_share")
LONG, DUE, EARLY = (has("lateness", *span) for span in ((2, 4), (0.7, 1.3), (0, 0.3)))

DRIVERS = {
    "churn": (
        split("a complaint in the last 30 days", "plain_complaints_30d"),
        Driver("3 visits or more in days 31 to 90: none since, against some",
               LOOKED & has("visits_30d", 0, 0), LOOKED & has("visits_30d", 1)),
        late("regular: silent for 2 to 4 own gaps, against under 1",
             REGULAR, LONG, has("lateness", 0, 1)),
        late("uneven: silent for 2 to 4 own gaps, against under 1",
             UNEVEN, LONG, has("lateness", 0, 1)),
        Driver("1 or 2 orders in 365 days, against 8 or more", SELDOM, OFTEN, False),
        Driver("mail last opened 60 to 90 days ago, against later",
               has("days_since_email", 60, 90), has("days_since_email", 0, 60)),
        split("a support ticket in the last 30 days", "tickets_30d"),
    ),
    "next_purchase": (
        split("a visit in the last 7 days", "visits_7d"),
        late("regular: silent for 0.7 to 1.3 own gaps, against under 0.3", REGULAR, DUE, EARLY),
        late("uneven: silent for 0.7 to 1.3 own gaps, against under 0.3", UNEVEN, DUE, EARLY),
        Driver("ordered in the last 30 days, against over 120 ago", RECENT, SILENT, False),
    ),
    "cross_sell": (
        Driver("shoes (14 % of lines), against wallets (4 %)",
               pl.col("category") == "shoes", pl.col("category") == "wallets"),
        Driver("bought of the category earlier, against never",
               pl.col("earlier"), ~pl.col("earlier")),
        Driver("8 orders or more in 365 days, against 1 or 2", OFTEN, SELDOM, False),
        Driver("(hidden) taste of 10 % or more, against under 2 %",
               has("taste", 0.1), has("taste", 0, 0.02)),
    ),
    "up_sell": (
        Driver("own mean under 120, against over 300", CHEAP, DEAR),
        Driver("2 or 3 orders in 365 days, against 12 or more",
               has("orders_365d", 2, 3), has("orders_365d", 12), False),
        Driver("(hidden) own mean under 0.8 of the true one, against over 1.25",
               LUCK < 0.8, LUCK > 1.25),
        split("a visit of 10 pages or more in the last 30 days", "long_visits_30d"),
    ),
    "lifetime_value": (
        Driver("8 orders or more in 365 days, against 1 or 2", OFTEN, SELDOM, False),
        Driver("own mean over 300 an order, against under 120", DEAR, CHEAP),
        Driver("reseller, against consumer",
               pl.col("kind") == "reseller", pl.col("kind") == "consumer"),
        Driver("silent for over 120 days, against under 30", SILENT, RECENT, False),
        split("a complaint in the last 30 days", "plain_complaints_30d"),
        Driver("20 lines or more: 15 % or more sent back, against under 5 %",
               MANY & (BACK >= 0.15), MANY & (BACK < 0.05)),
    ),
}  # fmt: skip
OUTCOMES = {
    "churn": "churned",
    "next_purchase": "ordered",
    "cross_sell": "bought_90d",
    "up_sell": "rose",
    "lifetime_value": "spent_365d",
}
LIMITS = {
    "churn": (-pl.col("true_p_order_90d"), pl.col("days_since_order")),
    "next_purchase": (pl.col("true_p_order_30d"), -pl.col("days_since_order")),
    "cross_sell": (pl.col("p_bought_90d"), 1 / pl.len().over("category")),
    "up_sell": (1 / LUCK, -pl.col("recent_order_value_365d")),
    "lifetime_value": (pl.col("true_expected_spend_365d"), pl.col("spend_365d")),
}
"""What the truth ranks by for each target, and what one feature does."""


def measure(rows: pl.DataFrame, driver: Driver, outcome: str) -> dict[str, float]:
    """Return the mean outcome of those who show a behaviour and of the others, with its error.

    `same` is the difference within cells of equal count and silence, weighed by those who show
    the behaviour, and `same_error` its standard error.
    """
    group = pl.when(driver.shows).then(1).when(driver.lacks).then(0)
    cells = [
        pl.sum_horizontal(pl.col(name) > edge for edge in edges).alias(f"{name}_cell")
        for name, edges in CELLS.items()
    ]
    y = pl.col(outcome).cast(pl.Float64)
    rows = rows.select(*cells, group=group, y=y).drop_nulls("group")
    told = [pl.len().alias("n"), pl.col("y").mean(), (pl.col("y").var() / pl.len()).alias("v")]
    lacks, shows = rows.group_by("group").agg(told).sort("group").to_dicts()
    by_cell = [f"{name}_cell" for name in CELLS]
    parts = rows.group_by(*by_cell, "group").agg(told).filter(pl.col("n") > 1)
    both = parts.filter(group=1).join(parts.filter(group=0), on=by_cell)
    weight = pl.col("n") / pl.col("n").sum()
    same, error = both.select(
        (weight * (pl.col("y") - pl.col("y_right"))).sum(),
        (weight**2 * (pl.col("v") + pl.col("v_right"))).sum().sqrt().alias("error"),
    ).row(0)
    told_error = (shows["v"] + lacks["v"]) ** 0.5
    return {"number": shows["n"], "shows": shows["y"], "lacks": lacks["y"],
            "error": told_error, "same": same, "same_error": error}  # fmt: skip


def rank(rows: pl.DataFrame, by: pl.Expr, outcome: str) -> float:
    """Return the AUC of a ranking, or Spearman's correlation where the outcome is money."""
    told = rows.select(by=by.rank(), y=pl.col(outcome).cast(pl.Float64))
    if outcome == "spent_365d":
        return float(told.select(pl.corr("by", pl.col("y").rank())).item())
    yes = told["y"].sum()
    over = told.filter(pl.col("y") == 1)["by"].sum() - yes * (yes + 1) / 2
    return float(over / (yes * (told.height - yes)))
