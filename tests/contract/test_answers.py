"""An answer is one thing in two forms: nested for the web, flat for a batch."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pydantic import ValidationError

from contract.answers import (
    Answer,
    Churn,
    CrossSell,
    Item,
    LifetimeValue,
    ModelUsed,
    NextPurchase,
    UpSell,
)
from contract.flat import flat_schema, nest

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
CHURN = Churn(
    probability=0.31,
    percentile=72,
    percentile_in_stage=64,
    band="medium",
    horizon_days=90,
    baseline=0.35,
    rung="full_model",
)
NEXT = NextPurchase(
    probability=0.52,
    percentile=60,
    percentile_in_stage=51,
    horizon_days=30,
    baseline=0.4,
    rung="full_model",
    expected_date=date(2026, 12, 14),
    earliest=date(2026, 12, 2),
    latest=date(2027, 1, 20),
)
UP_SELL = UpSell(probability=0.07, percentile=44, horizon_days=90, baseline=0.09, rung="full_model")
ITEMS = (Item(category="belts", probability=0.18), Item(category="hats", probability=0.05))
CROSS_SELL = CrossSell(items=ITEMS, horizon_days=30, rung="full_model")
WORTH = LifetimeValue(
    historic=812.4,
    predicted=214.3,
    total=1026.7,
    low=150.1,
    high=301.0,
    horizon_days=365,
    order_probability=0.8,
    orders_if_any=2.5,
    expected_orders=2.0,
    expected_order_value=107.15,
    rung="full_model",
)
FLAT = {
    "customer_id": "C-1",
    "as_of": AS_OF,
    "receipt": "0f3c",
    "stage": "active",
    "churn_probability": 0.31,
    "churn_percentile": 72,
    "churn_percentile_in_stage": 64,
    "churn_band": "medium",
    "churn_horizon_days": 90,
    "churn_baseline": 0.35,
    "churn_rung": "full_model",
    "next_purchase_probability": 0.52,
    "next_purchase_percentile": 60,
    "next_purchase_percentile_in_stage": 51,
    "next_purchase_horizon_days": 30,
    "next_purchase_baseline": 0.4,
    "next_purchase_rung": "full_model",
    "expected_next_order_date": date(2026, 12, 14),
    "earliest_next_order_date": date(2026, 12, 2),
    "latest_next_order_date": date(2027, 1, 20),
    "cross_sell_1_category": "belts",
    "cross_sell_1_probability": 0.18,
    "cross_sell_2_category": "hats",
    "cross_sell_2_probability": 0.05,
    **{f"cross_sell_{n}_{field}": None for n in (3, 4, 5) for field in ("category", "probability")},
    "cross_sell_horizon_days": 30,
    "cross_sell_rung": "full_model",
    "up_sell_probability": 0.07,
    "up_sell_percentile": 44,
    "up_sell_percentile_in_stage": None,
    "up_sell_horizon_days": 90,
    "up_sell_baseline": 0.09,
    "up_sell_rung": "full_model",
    "lifetime_value_historic": 812.4,
    "predicted_lifetime_value": 214.3,
    "lifetime_value_total": 1026.7,
    "lifetime_value_low": 150.1,
    "lifetime_value_high": 301.0,
    "lifetime_value_horizon_days": 365,
    "lifetime_value_order_probability": 0.8,
    "lifetime_value_orders_if_any": 2.5,
    "lifetime_value_expected_orders": 2.0,
    "lifetime_value_expected_order_value": 107.15,
    "lifetime_value_rung": "full_model",
    "staleness_days": 12,
    "warnings": "one,two",
    "model_versions": "churn:3,next_purchase:7",
}
WHOLE = Answer(
    customer_id="C-1",
    as_of=AS_OF,
    receipt="0f3c",
    stage="active",
    churn=CHURN,
    next_purchase=NEXT,
    cross_sell=CROSS_SELL,
    up_sell=UP_SELL,
    lifetime_value=WORTH,
    staleness_days=12,
    warnings=("one", "two"),
)


def through_arrow(row):
    return pa.Table.from_pylist([row], schema=flat_schema()).to_pylist()[0]


def test_a_flat_row_has_just_these_columns_in_this_order():
    assert flat_schema().names == list(FLAT)


def test_no_column_has_a_name_that_misleads():
    assert not {"recency", "frequency", "monetary", "score", "value"} & {*flat_schema().names}


def test_columns_have_the_types_of_the_answers_fields():
    types = {f.name: str(f.type) for f in flat_schema()}
    assert types["as_of"] == "timestamp[us, tz=UTC]"
    assert types["churn_probability"] == "double"
    assert types["churn_percentile"] == "int64"
    assert types["expected_next_order_date"] == "date32[day]"
    assert types["predicted_lifetime_value"] == "double"
    assert types["warnings"] == types["model_versions"] == types["stage"] == "string"


def test_a_flat_row_nests_into_the_answer_it_was_made_of():
    assert nest(through_arrow(FLAT)) == WHOLE


def test_every_number_of_an_answer_is_in_its_flat_row():
    flat = through_arrow(FLAT)
    told = nest(flat)
    for part in (told.churn, told.next_purchase, told.up_sell):
        assert set(part.model_dump().values()) <= set(flat.values())


def test_who_has_bought_everything_is_shown_nothing_and_told_so():
    none = {f"cross_sell_{n}_{f}": None for n in (1, 2) for f in ("category", "probability")}
    answer = nest(through_arrow(FLAT | none))
    assert answer.cross_sell == CROSS_SELL.model_copy(update={"items": ()})
    assert '"cross_sell":{"items":[],"horizon_days":30' in answer.model_dump_json()


@pytest.mark.parametrize("warnings", ["", None])
def test_no_warning_is_an_empty_list(warnings):
    assert nest(through_arrow(FLAT | {"warnings": warnings})).warnings == ()


def test_a_target_that_was_not_asked_for_is_absent():
    asked = {name: v for name, v in FLAT.items() if "next" not in name}
    answer = nest(through_arrow(asked))
    assert answer.churn == CHURN
    assert answer.next_purchase is None


def test_an_answer_survives_json():
    whole = WHOLE.model_copy(
        update={"models": (ModelUsed(target="churn", version="3", sha256="x"),)}
    )
    assert Answer.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize("probability", [-0.01, 1.01, float("nan")])
def test_a_probability_lies_between_0_and_1(probability):
    with pytest.raises(ValidationError, match="probability"):
        nest(FLAT | {"churn_probability": probability})


def test_money_is_text_with_two_places():
    told = WHOLE.model_dump(mode="json")["lifetime_value"]
    assert [told[n] for n in ("historic", "predicted", "total", "low", "high")] == [
        "812.40",
        "214.30",
        "1026.70",
        "150.10",
        "301.00",
    ]
    assert nest(FLAT | {"predicted_lifetime_value": 0.005}).lifetime_value.predicted == 0


@pytest.mark.parametrize("amount", [float("nan"), float("inf")])
def test_money_is_a_number(amount):
    with pytest.raises(ValidationError, match="predicted"):
        nest(FLAT | {"predicted_lifetime_value": amount})


def test_an_unknown_stage_is_no_answer():
    with pytest.raises(ValidationError, match="stage"):
        nest(FLAT | {"stage": "sleeping"})
