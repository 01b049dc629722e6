"""What goes out: one answer per customer; contract/flat.py tells it as a row."""

from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Literal

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

IN_STAGE = (
    "Percent with a lower probability of the customers who have ordered as often, once, 2 to 4"
    " times or more, lapsed ones apart; absent where the rung is prior: all of those get the same."
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


class Chance(_Answered):
    """Whether what a target of the shop's own asks comes true."""

    probability: Probability = Field(description="That it comes true within the horizon.")
    percentile: int = Field(description="Percent of customers with a lower probability.")
    percentile_in_stage: int | None = Field(None, description=IN_STAGE)
    horizon_days: int = Field(description="Days ahead the probability speaks of.")
    baseline: Probability = Field(description="What the days since the last order alone say.")
    rung: Rung = Field(description=RUNGS)


class Churn(_Answered):
    """Whether an active customer will place no order within the horizon; of active ones only."""

    probability: Probability = Field(description="That no order comes within the horizon.")
    percentile: int = Field(description="Percent of active customers with a lower probability.")
    percentile_in_stage: int | None = Field(None, description=IN_STAGE)
    band: Band = Field(description=f"high from percentile {HIGH}, medium from {MEDIUM}, else low.")
    horizon_days: int = Field(description="Days ahead the probability speaks of.")
    baseline: Probability = Field(description="What the days since the last order alone say.")
    rung: Rung = Field(description=RUNGS)


class NextPurchase(_Answered):
    """Whether and when the next order comes."""

    probability: Probability = Field(description="That an order comes within the horizon.")
    percentile: int = Field(description="Percent of customers with a lower probability.")
    percentile_in_stage: int | None = Field(None, description=IN_STAGE)
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
    percentile_in_stage: int | None = Field(None, description=IN_STAGE)
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
    receipt: str | None = Field(
        None, description="By it POST /v1/replays makes the same answer again, if it is kept."
    )
    stage: Stage = Field(
        description=f"active: ordered within {ACTIVE_DAYS} days; lapsed; prospect: never."
    )
    churn: Churn | None = None
    next_purchase: NextPurchase | None = None
    cross_sell: CrossSell | None = None
    up_sell: UpSell | None = None
    lifetime_value: LifetimeValue | None = None
    own: dict[str, Chance] | None = Field(None, description="The shop's own targets, by name.")
    staleness_days: int | None = Field(
        None,
        description="Whole days from where the data of the models end to as_of, of the model that"
        " learned longest ago; 0 where all learned later.",
    )
    warnings: tuple[str, ...] = ()
    models: tuple[ModelUsed, ...] = ()
