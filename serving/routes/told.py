"""What callers tell of customers as it happens: rows that are kept and read at the next answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from contract.moments import as_micros
from serving.problems import Problem
from serving.requests import Name, read_form, require_json
from serving.routes.questions import Summary
from serving.routes.records import Asked, Interaction, Transaction
from serving.routes.stored import find_store
from serving.store.opened import Store
from serving.store.privacy import find_erased

Row = Mapping[str, Any]
Add = Callable[[Connection, Sequence[Row]], None]

MOST = 1_000

REFUSALS: dict[int | str, Any] = {
    status: {"model": Problem} for status in (400, 408, 413, 415, 422, 500, 503, 504)
}


class ToldTransaction(Transaction):
    """An order line, and whose it is."""

    transaction_id: Name = Field(description="The same line told again under it is one line.")
    customer_id: Name

    def as_row(self) -> Row:
        """Return the columns that the store has of it."""
        own = self.model_dump(exclude={"transaction_id", "ordered_at"})
        return {**own, "told_id": self.transaction_id, "at_us": as_micros(self.ordered_at)}


class ToldInteraction(Interaction):
    """An interaction, and whose it is."""

    interaction_id: Name = Field(description="The same act told again under it is one act.")
    customer_id: Name

    def as_row(self) -> Row:
        """Return the columns that the store has of it."""
        own = self.model_dump(exclude={"interaction_id", "occurred_at", "value"})
        at_us = as_micros(self.occurred_at)
        return {**own, "told_id": self.interaction_id, "at_us": at_us, "amount": self.value}


class Transactions(Asked):
    """Order lines to keep."""

    transactions: list[ToldTransaction] = Field(min_length=1, max_length=MOST)

    @property
    def listed(self) -> Sequence[ToldTransaction]:
        """The rows, whatever they are of."""
        return self.transactions


class Interactions(Asked):
    """Interactions to keep."""

    interactions: list[ToldInteraction] = Field(min_length=1, max_length=MOST)

    @property
    def listed(self) -> Sequence[ToldInteraction]:
        """The rows, whatever they are of."""
        return self.interactions


class RowError(BaseModel):
    """Why one row is not kept."""

    code: Literal["erased"]
    detail: str
    retryable: bool = False


class Kept(BaseModel):
    """One row that was told."""

    id: str = Field(description="Of the row, as it was told.")
    status: Literal["ok", "error"] = "ok"
    error: RowError | None = Field(None, description="Why it is not kept, where it is not.")


class KeptRows(BaseModel):
    """That the rows are kept, in the order they were told; the next answer goes by them."""

    request_id: str
    summary: Summary
    results: list[Kept]


def describe(form: type[BaseModel]) -> dict[str, Any]:
    """Return what the document says of a body that the route reads by itself."""
    schema = {"$ref": f"#/components/schemas/{form.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def keep(request: Request, form: type[Transactions | Interactions], add: Add) -> Response:
    """Return that the rows in the body are kept, once the store has them on disk."""
    require_json(request)
    store = find_store(request)
    body = await request.body()
    return await asyncio.to_thread(_keep, store, (body, form, add), request.scope["request_id"])


def _keep(
    store: Store, asked: tuple[bytes, type[Transactions | Interactions], Add], request_id: str
) -> Response:
    body, form, add = asked
    told = read_form(form, body)
    rows = [one.as_row() for one in told.listed]
    with store.write() as connection:
        erased = find_erased(connection, (row["customer_id"] for row in rows))
        add(connection, [row for row in rows if row["customer_id"] not in erased])
    results = [_tell(row, erased) for row in rows]
    failed = sum(result.status == "error" for result in results)
    summary = Summary(total=len(rows), succeeded=len(rows) - failed, failed=failed)
    kept = KeptRows(request_id=request_id, summary=summary, results=results)
    return Response(kept.model_dump_json(exclude_none=True), media_type="application/json")


def _tell(row: Row, erased: set[str]) -> Kept:
    if row["customer_id"] not in erased:
        return Kept(id=row["told_id"])
    error = RowError(code="erased", detail="The customer was erased; nothing of them is kept.")
    return Kept(id=row["told_id"], status="error", error=error)
