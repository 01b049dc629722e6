"""The last answer stored on a customer, for a template that cannot wait or tell anything."""

import asyncio
import json
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import Band, Item, Money, Probability, Stage
from serving.problems import Problem, RefusalError
from serving.requests import point
from serving.routes.stored import find_store
from serving.store.answers import BESIDE, Kept, find_short
from serving.store.opened import Store

ROUTER = APIRouter(tags=["scores"])

CACHED = {"Cache-Control": "private, max-age=300"}
LONGEST = 128  # characters of an id


class ShortChance(BaseModel):
    """The main figures of a chance, probabilities with four places."""

    probability: Probability
    percentile: int
    band: Band | None = None
    horizon_days: int
    expected_date: date | None = None


class ShortCrossSell(BaseModel):
    """The likeliest categories, three at most."""

    items: list[Item]
    horizon_days: int


class ShortWorth(BaseModel):
    """The main figures of a customer's worth."""

    predicted: Money
    total: Money
    low: Money
    high: Money
    horizon_days: int


class LastAnswer(BaseModel):
    """The main figures of the last answer on a customer."""

    customer_id: str
    as_of: datetime
    stage: Stage
    receipt: str | None = None
    churn: ShortChance | None = None
    next_purchase: ShortChance | None = None
    cross_sell: ShortCrossSell | None = None
    up_sell: ShortChance | None = None
    lifetime_value: ShortWorth | None = None
    own: dict[str, ShortChance] | None = None
    out_of_date: bool = Field(description="Whether something was told of the customer since.")


def _describe(name: str, what: str, required: bool) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": what,
        "schema": schema,
    }


QUERY = [
    _describe("customer_id", "Whose answer.", True),
    _describe("targets", "Names, with commas between them; all, unless told.", False),
]


@ROUTER.get(
    "/v1/scores",
    response_model=LastAnswer,
    responses={status: {"model": Problem} for status in (404, 422, 503)},
    operation_id="getLastScore",
    openapi_extra={"parameters": QUERY},
)
async def get_scores(request: Request) -> Any:
    """Return the last answer stored on a customer, in at most 1,024 bytes."""
    store, asked = find_store(request), request.query_params
    customer_id = asked.get("customer_id", "")
    if not 0 < len(customer_id) <= LONGEST:
        fault = point(["customer_id"], "missing", f"1 to {LONGEST} characters are expected.")
        raise RefusalError("wrong_form", "The address names no customer.", errors=[fault])
    # SQLite has answered before a thread would have begun to.
    if store.embedded:
        kept = _find(store, customer_id)
    else:
        kept = await asyncio.to_thread(_find, store, customer_id)
    if kept is None:
        detail = "No answer is stored on this customer; POST /v1/scores makes one."
        raise RefusalError("no_answer", detail)
    return _tell(kept, asked.get("targets", ""), request.headers.get("if-none-match", ""))


def _find(store: Store, customer_id: str) -> Kept | None:
    with store.read() as connection:
        return find_short(connection, customer_id)


def _tell(kept: Kept, targets: str, held: str) -> Response:
    late = "true" if kept.out_of_date else "false"
    etag = f'"{kept.etag}-{late[0]}"'
    headers = CACHED | {"ETag": etag}
    if etag in held:
        return Response(status_code=304, headers=headers)
    body = kept.body
    if targets:
        chosen = {*BESIDE, *(name.strip() for name in targets.split(","))}
        told = json.loads(body)
        told = {name: part for name, part in told.items() if name in chosen}
        body = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    whole = f'{body[:-1]},"out_of_date":{late}}}'
    return Response(whole, media_type="application/json", headers=headers)
