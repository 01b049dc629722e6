"""Customers of whom nothing can be foretold, and why: told in the words of every engine."""

from collections.abc import Mapping
from typing import Literal, get_args

import narwhals.stable.v2 as nw

from contract.columns import LARGEST_SUM
from contract.tables import Layout
from features.engines import leave_out
from features.timeline import CUSTOMER

Code = Literal["no_usable_row", "not_known_yet", "mixed_currencies", "sum_too_large"]
CODES: tuple[Code, ...] = get_args(Code)

WHY: Mapping[Code, str] = {
    "no_usable_row": "No row of the customer has all that the contract requires; see patron check.",
    "not_known_yet": "Every row of the customer is of the moment or later.",
    "mixed_currencies": "Order lines are in several currencies; convert them to one.",
    "sum_too_large": f"A column of order lines adds up to more than {LARGEST_SUM:,.0f}.",
}

TIMES = {"transactions": "ordered_at_us", "interactions": "occurred_at_us", "customers": "since_us"}
SUMMED = ("amount", "quantity", "discount")


def find_rejects(raw: Mapping[str, nw.LazyFrame], layout: Layout, as_of_us: int) -> nw.LazyFrame:
    """Return customer_id and `code` of every customer in the tables who can have no answer.

    `raw` are the typed tables with all their rows. Only lines before the moment are judged.
    """
    usable = {name: leave_out(name, raw[name], layout) for name in TIMES}
    everyone = _join([raw[name].select(CUSTOMER) for name in TIMES]).unique()
    rows = _join([_find_known(usable[name], TIMES[name], as_of_us) for name in TIMES])
    seen = rows.group_by(CUSTOMER).agg(nw.col("known").max())
    lines = usable["transactions"].filter(nw.col("ordered_at_us") < as_of_us)
    told = everyone.filter(~nw.col(CUSTOMER).is_null()).join(seen, on=CUSTOMER, how="left")
    told = told.join(_judge(lines), on=CUSTOMER, how="left")
    known, currencies, most = (nw.col(name) for name in ("known", "currencies", "most"))
    too_large = nw.when(most > LARGEST_SUM).then(nw.lit(CODES[3]))
    mixed = nw.when(currencies > 1).then(nw.lit(CODES[2])).otherwise(too_large)
    late = nw.when(known == 0).then(nw.lit(CODES[1])).otherwise(mixed)
    code = nw.when(known.is_null()).then(nw.lit(CODES[0])).otherwise(late)
    return told.select(CUSTOMER, code.alias("code")).filter(~nw.col("code").is_null())


def _find_known(table: nw.LazyFrame, time: str, as_of_us: int) -> nw.LazyFrame:
    """Return 1 for rows from before the moment, or of no moment; 0 for later ones."""
    past = nw.when(nw.col(time) >= as_of_us).then(nw.lit(0)).otherwise(nw.lit(1))
    return table.select(CUSTOMER, past.alias("known"))


def _judge(lines: nw.LazyFrame) -> nw.LazyFrame:
    """Return how many currencies each customer's lines have, and the largest of their sums."""
    currency = nw.col("currency").str.to_uppercase()
    sums = [nw.col(name).abs().fill_null(0.0).sum().alias(name) for name in SUMMED]
    told = lines.with_columns(currency.alias("currency")).group_by(CUSTOMER)
    summed = told.agg(nw.col("currency").n_unique().alias("names"),
                      nw.col("currency").is_null().max().alias("unnamed"), *sums)  # fmt: skip
    unnamed = nw.when(nw.col("unnamed")).then(nw.lit(1)).otherwise(nw.lit(0))
    most = nw.max_horizontal(*SUMMED)
    return summed.select(
        CUSTOMER, (nw.col("names") - unnamed).alias("currencies"), most.alias("most")
    )


def _join(frames: list[nw.LazyFrame]) -> nw.LazyFrame:
    return nw.concat(frames, how="vertical")
