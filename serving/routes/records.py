"""A record: what a caller tells of one customer, and the answer or the error it gets."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field

from contract.answers import Answer
from contract.columns import LARGEST_SUM, AttributeKind
from contract.flat import nest_parts
from serving.reasons.explain import Reason
from serving.requests import Attributes, Moment, Name, Number, Text

IGNORED = "rows_at_or_after_as_of_ignored"
UNUSED = "attributes_not_used"
UNTOLD = (None, "")


class Asked(BaseModel):
    """What a caller tells: nothing beside the names of the form."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Transaction(Asked):
    """An order line; a negative amount is a return."""

    order_id: Name
    ordered_at: Moment
    amount: Number
    product_id: Text | None = None
    quantity: Number | None = None
    unit_price: Number | None = None
    discount: Number | None = None
    channel: Text | None = None
    currency: Text | None = None


class Interaction(Asked):
    """Something that happened between the customer and the shop beside orders."""

    kind: Name
    occurred_at: Moment
    channel: Text | None = None
    value: Number | None = None
    initiated_by: Text | None = None


Row = TypeVar("Row")
# Only the first wrong row is told: a million faults would take seconds to count.
Rows = Annotated[list[Row], Field(max_length=10_000), FailFast()]


class Record(Asked):
    """One customer, and all that is known of them."""

    record_id: Name | None = None
    customer_id: Name
    transactions: Rows[Transaction] = []
    interactions: Rows[Interaction] = []
    since: Moment | None = None
    country: Text | None = None
    kind: Text | None = None
    attributes: Attributes = Field({}, description="The shop's own, as its layout names them.")
    valid_from: Moment | None = Field(
        None, description="Since when country, kind and attributes hold; always, unless told."
    )

    def use(self, kinds: Mapping[str, AttributeKind]) -> dict[str, str | float]:
        """Return the attributes told that are among these, each of its kind."""
        forms = {"text": str, "number": float}
        return {
            name: told
            for name, told in self.attributes.items()
            if told not in UNTOLD and name in kinds and isinstance(told, forms[kinds[name]])
        }


class _Result(BaseModel):
    record_id: str = Field(description="As it was told, else the record's position from 0.")
    status: str


class Scored(Answer, _Result):
    """The answer to one record."""

    status: Literal["ok"] = "ok"
    reasons: list[Reason] | None = Field(
        None, description="Where asked for: by target, the strongest first."
    )


ErrorCode = Literal["mixed_currencies", "sum_too_large", "store_down"]


class RecordError(BaseModel):
    """Why one record has no answer."""

    code: ErrorCode
    detail: str
    retryable: bool = False


class Failed(_Result):
    """One record without an answer."""

    customer_id: str
    status: Literal["error"] = "error"
    error: RecordError


def fail(key: str, record: Record) -> Failed | None:
    """Return why the record can have no answer, or None where it can."""
    lines = record.transactions
    currencies = {line.currency.upper() for line in lines if line.currency}
    sums = [
        sum(abs(n) for line in lines if (n := getattr(line, column)) is not None)
        for column in ("amount", "quantity", "discount")
    ]
    error: tuple[ErrorCode, str]
    if len(currencies) > 1:
        error = "mixed_currencies", f"There are {len(currencies)} currencies; convert to one."
    elif max(sums) > LARGEST_SUM:
        error = "sum_too_large", f"A column adds up to more than {LARGEST_SUM:,.0f}."
    else:
        return None
    return make_failed(key, record, *error)


def make_failed(key: str, record: Record, code: ErrorCode, detail: str) -> Failed:
    """Return that the record has no answer, and why."""
    error = RecordError(code=code, detail=detail, retryable=code == "store_down")
    return Failed(record_id=record.record_id or key, customer_id=record.customer_id, error=error)


def tell(key: str, record: Record, row: dict[str, Any], warnings: tuple[str, ...] = ()) -> Scored:
    """Return the answer to the record that a flat row of the scorer holds.

    Beside it are the models that answered, the attributes they know, whether rows of the store are
    late, and what else is warned of.
    """
    as_of, lines, acts = row["as_of"], record.transactions, record.interactions
    late = (
        row.get("late", False)
        or any(line.ordered_at >= as_of for line in lines)
        or any(act.occurred_at >= as_of for act in acts)
        or (record.since is not None and record.since >= as_of)
    )
    parts = nest_parts(row | {"customer_id": record.customer_id})
    ignored = (IGNORED,) if late else ()
    said = {name for name, told in record.attributes.items() if told not in UNTOLD}
    unused = (UNUSED,) if said - record.use(row["attributes"]).keys() else ()
    parts["warnings"] += ignored + unused + warnings
    named = {"record_id": record.record_id or key, "reasons": row.get("reasons")}
    return Scored.model_validate(parts | named)
