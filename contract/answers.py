"""What goes out: one answer per customer, as JSON and as a flat row from one definition."""

import types
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Literal, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Band = Literal["low", "medium", "high"]
Stage = Literal["active", "lapsed", "prospect"]
Rung = Literal["full_model", "probability_model", "rfm_rule", "prior"]

HIGH, MEDIUM = 80, 40
ACTIVE_DAYS = 365
ITEMS = 5  # categories in an answer

RUNGS = (
    "What answers, by how many customers the shop has: full_model, probability_model, rfm_rule, or"
    " prior, the share among customers like this."
)

Probability = Annotated[float, Field(ge=0, le=1)]


def round_money(amount: Any) -> Any:
    """Return the amount with two places, as it is written where a customer's money is told."""
    plain = isinstance(amount, float | int) and isfinite(amount)
    return Decimal(str(amount)).quantize(CENT) if plain else amount


CENT = Decimal("0.01")
# Written as text, "812.40", so that no reader's arithmetic loses a cent.
Money = Annotated[Decimal, BeforeValidator(round_money)]


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class Churn(_Answered):
    """Whether an active customer will place no order within the horizon; of active ones only."""

    probability: Probability = Field(description="That no order comes within the horizon.")
    percentile: int = Field(description="Percent of active customers with a lower probability.")
    band: Band = Field(description=f"high from percentile {HIGH}, medium from {MEDIUM}, else low.")
    horizon_days: int = Field(description="Days ahead the probability speaks of.")
    baseline: Probability = Field(description="What the days since the last order alone say.")
    rung: Rung = Field(description=RUNGS)


class NextPurchase(_Answered):
    """Whether and when the next order comes."""

    probability: Probability = Field(description="That an order comes within the horizon.")
    percentile: int = Field(description="Percent of customers with a lower probability.")
    horizon_days: int = Field(description="Days ahead the probability speaks of.")
    baseline: Probability = Field(description="What the days since the last order alone say.")
    rung: Rung = Field(description=RUNGS)
    expected_date: date = Field(
        description="By this day an order is as likely to have come as not."
    )
    earliest: date = Field(description="By this day 1 in 10 such customers have ordered.")
    latest: date = Field(description="By this day 9 in 10 such customers have ordered, or later.")


class Item(_Answered):
    """A category that the customer may buy."""

    category: str = Field(
        description="Named as in the products table; a product where it has none."
    )
    probability: Probability = Field(description="That an order within the horizon is of it.")


class CrossSell(_Answered):
    """Which categories an active customer will buy, the likeliest first."""

    items: tuple[Item, ...] = Field(
        description=f"Up to {ITEMS} categories of those the model was trained to show.",
        max_length=ITEMS,
    )
    horizon_days: int = Field(description="Days ahead the probabilities speak of.")
    rung: Rung = Field(description=RUNGS)


class UpSell(_Answered):
    """Whether the next orders will be clearly larger than the customer's own."""

    probability: Probability = Field(
        description="That orders come within the horizon, each worth a quarter more than expected."
    )
    percentile: int = Field(description="Percent of active customers with a lower probability.")
    horizon_days: int = Field(description="Days ahead the probability speaks of.")
    baseline: Probability = Field(description="What the days since the last order alone say.")
    rung: Rung = Field(description=RUNGS)


class LifetimeValue(_Answered):
    """What a customer has been worth, and will be: chance x orders if any x value of an order."""

    historic: Money = Field(description="Spent so far, less what was returned.")
    predicted: Money = Field(
        description="Expected within the horizon: order_probability x orders_if_any x"
        " expected_order_value."
    )
    total: Money = Field(description="historic and predicted together.")
    low: Money = Field(description="1 in 10 such customers come to less.")
    high: Money = Field(description="1 in 10 such customers come to more.")
    horizon_days: int = Field(description="Days ahead the prediction speaks of.")
    order_probability: Probability = Field(description="That an order comes within the horizon.")
    orders_if_any: float = Field(description="Days with an order, of those who order at all.")
    expected_orders: float = Field(description="Days with an order on the mean, none among them.")
    expected_order_value: Money = Field(description="Money of a day with an order, less returns.")
    rung: Rung = Field(description=RUNGS)


class ModelUsed(_Answered):
    """Which model gave a part of the answer."""

    target: str
    version: str
    sha256: str


class Answer(_Answered):
    """What is foretold of one customer as of a moment."""

    customer_id: str
    as_of: datetime
    stage: Stage = Field(
        description=f"active: ordered within {ACTIVE_DAYS} days; lapsed; prospect: never."
    )
    churn: Churn | None = None
    next_purchase: NextPurchase | None = None
    cross_sell: CrossSell | None = None
    up_sell: UpSell | None = None
    lifetime_value: LifetimeValue | None = None
    warnings: tuple[str, ...] = ()
    models: tuple[ModelUsed, ...] = ()


# Where a flat column is named otherwise than <target>_<field>.
FLAT_NAMES = {
    "next_purchase_expected_date": "expected_next_order_date",
    "next_purchase_earliest": "earliest_next_order_date",
    "next_purchase_latest": "latest_next_order_date",
    "lifetime_value_predicted": "predicted_lifetime_value",
}

_ARROW = {
    Decimal: pa.float64(),
    float: pa.float64(),
    int: pa.int64(),
    str: pa.string(),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
}


def flat_schema() -> pa.Schema:
    """Return the columns of a batch: every field of an answer, targets flattened to prefixes."""
    return pa.schema(_flat_fields(Answer, ""))


def _flat_fields(model: type[BaseModel], prefix: str) -> list[pa.Field]:
    fields: list[pa.Field] = []
    for name, info in model.model_fields.items():
        kind = _plain(info.annotation)
        flat = prefix + name
        if (listed := _find_listed(info.annotation)) and flat != "models":
            for number in range(1, ITEMS + 1):
                fields += _flat_fields(listed, f"{prefix}{number}_")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            fields += _flat_fields(kind, f"{name}_")
        elif flat == "models":
            fields.append(pa.field("model_versions", pa.string()))
        elif kind is tuple:
            fields.append(pa.field(flat, pa.string()))
        else:
            fields.append(pa.field(FLAT_NAMES.get(flat, flat), _ARROW[kind]))
    return fields


def _plain(annotation: Any) -> Any:
    """Return the type behind Optional, Literal and tuple."""
    origin = get_origin(annotation)
    if origin is types.UnionType:
        return next(_plain(a) for a in get_args(annotation) if a is not type(None))
    if origin is Literal:
        return str
    return origin or annotation


def _find_listed(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a tuple holds any number of, if it holds one."""
    held = get_args(annotation)[:1] if get_origin(annotation) is tuple else ()
    return next((k for k in held if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _gather(row: dict[str, Any], model: type[BaseModel], name: str) -> list[dict[str, Any]]:
    """Return what a flat row lists: every number of which something is told."""
    listed = [
        {field: row.get(f"{name}_{number}_{field}") for field in model.model_fields}
        for number in range(1, ITEMS + 1)
    ]
    return [told for told in listed if None not in told.values()]


def nest(row: dict[str, Any]) -> Answer:
    """Return the answer that a flat row holds; targets that were not asked for stay absent."""
    parts: dict[str, Any] = {}
    for name, info in Answer.model_fields.items():
        kind = _plain(info.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            flat = {f: FLAT_NAMES.get(f"{name}_{f}", f"{name}_{f}") for f in kind.model_fields}
            if row.get(flat["horizon_days"]) is not None:
                listed = {f: _find_listed(i.annotation) for f, i in kind.model_fields.items()}
                parts[name] = {
                    f: _gather(row, held, name) if (held := listed[f]) else row[column]
                    for f, column in flat.items()
                }
        elif name == "warnings":
            parts[name] = tuple(w for w in (row[name] or "").split(",") if w)
        elif name in row:
            parts[name] = row[name]
    return Answer.model_validate(parts)
