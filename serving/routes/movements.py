"""Why an answer moved: time that passed, rows that came, another model."""

import asyncio
import json
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from serving.problems import RefusalError
from serving.receipts import sentences
from serving.receipts.kept import Kept, find_kept
from serving.receipts.movement import Movement, find_movements, is_as_told
from serving.receipts.replay import CHANGED, DETAILS
from serving.requests import Name, point, read_form, require_json
from serving.routes.records import Asked
from serving.routes.replays import serve, write_waiting
from serving.routes.stored import find_store
from serving.routes.told import describe
from serving.store.opened import Store

ROUTER = APIRouter(tags=["receipts"])

Part = Literal["data", "time", "model"]


class Pair(Asked):
    """Two receipts of one customer."""

    model_config = ConfigDict(**Asked.model_config, validate_by_alias=True)

    first: Name = Field(alias="from")
    last: Name = Field(alias="to")


class MovementPart(BaseModel):
    """What one of the three adds to a movement."""

    part: Part
    change: float
    log_odds: float | None = Field(None, description="The same, in log-odds; of a probability.")
    text: str


class Moved(BaseModel):
    """How far a figure moved, and by what."""

    target: str
    category: str | None = Field(None, description="Where the target ranks categories.")
    measure: Literal["probability", "predicted"]
    first: float | None = Field(None, alias="from", description="Absent where none was told.")
    last: float | None = Field(None, alias="to", description="Absent where none was told.")
    change: float | None = Field(None, description="Absent where one end tells no figure.")
    parts: list[MovementPart] = Field(description="They add up to the change.")


class Movements(BaseModel):
    """How far each figure that both answers tell moved, and by what."""

    request_id: str
    customer_id: str
    movements: list[Moved]
    warnings: list[str]


@ROUTER.post(
    "/v1/movements",
    response_model=Movements,
    operation_id="explainMovements",
    openapi_extra=describe(Pair),
)
async def post_movements(request: Request) -> Response:
    """Return why the figures of a customer moved between two receipts."""
    require_json(request)
    store = find_store(request)
    pair = read_form(Pair, await request.body())
    told = await asyncio.to_thread(_explain, store, request.app.state, pair)
    told = {"request_id": request.scope["request_id"], **told}
    return Response(json.dumps(told, allow_nan=False), media_type="application/json")


def _explain(store: Store, state: Any, pair: Pair) -> dict[str, Any]:
    write_waiting(state.desk)
    ends = _find_ends(store, pair)
    found = [state.library.find_all(kept.form, serve(state)) for kept in ends]
    gone = [side for side, models in zip(SIDES, found, strict=True) if None in models.values()]
    if gone:
        _refuse(gone, "model_not_here")
    models = (found[0], found[1])
    same = all(is_as_told(kept, own) for kept, own in zip(ends, models, strict=True))
    moved = find_movements(ends, models)
    return {
        "customer_id": ends[0].customer_id,
        "movements": [tell_movement(movement, ends) for movement in moved],
        "warnings": [] if same else [CHANGED],
    }


SIDES = ("from", "to")


def _find_ends(store: Store, pair: Pair) -> tuple[Kept, Kept]:
    asked = (pair.first, pair.last)
    kept = find_kept(store, asked)
    gone = [side for side, one in zip(SIDES, asked, strict=True) if one not in kept]
    if gone:
        _refuse(gone, "unknown_receipt")
    first, last = (kept[one] for one in asked)
    if first.customer_id != last.customer_id:
        _refuse(["to"], "another_customer")
    return first, last


def _refuse(sides: list[str], code: str) -> None:
    told = {**DETAILS, "another_customer": "The receipts are of two customers."}
    faults = [point([side], code, told[code]) for side in sides]
    raise RefusalError("wrong_form", "These two receipts cannot be compared.", errors=faults)


def tell_movement(movement: Movement, ends: tuple[Kept, Kept]) -> dict[str, Any]:
    """Return a movement as it is told in JSON."""
    target, category = movement.key
    told = {
        "target": target,
        "category": category,
        "measure": movement.measure,
        "from": movement.first,
        "to": movement.last,
    }
    if movement.shares is not None and movement.first is not None and movement.last is not None:
        told["change"] = movement.last - movement.first
    return {n: v for n, v in told.items() if v is not None} | {"parts": _tell(movement, ends)}


def _tell(movement: Movement, ends: tuple[Kept, Kept]) -> list[dict[str, Any]]:
    if movement.shares is None:
        return []
    texts = {
        "data": sentences.tell_data(*ends),
        "time": sentences.tell_time(*ends),
        "model": sentences.tell_model(*ends, movement.key[0]),
    }
    parts: list[dict[str, Any]] = []
    for part, text in texts.items():
        told: dict[str, Any] = {"part": part, "change": getattr(movement.shares, part)}
        told |= {"log_odds": getattr(movement.log_odds, part)} if movement.log_odds else {}
        parts.append(told | {"text": text})
    return parts
