"""Answers made again from their receipts, to show that nothing of them has changed."""

import asyncio
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import Answer
from contract.bundle import Bundle
from serving.problems import RefusalError
from serving.receipts.desk import Desk
from serving.receipts.replay import replay_all, tell_replay
from serving.requests import Name, read_form, require_json
from serving.routes.questions import Summary
from serving.routes.records import Asked
from serving.routes.stored import find_store
from serving.routes.told import describe
from serving.scorer import Scorer
from serving.store.opened import Store

ROUTER = APIRouter(tags=["receipts"])


class Receipts(Asked):
    """Receipts of answers to make again."""

    receipts: list[Name] = Field(min_length=1, max_length=1000)


class ReplayError(BaseModel):
    """Why an answer cannot be made again."""

    code: Literal["unknown_receipt", "model_not_here"]
    detail: str
    retryable: bool = False


class Replayed(BaseModel):
    """An answer made again."""

    status: Literal["ok"] = "ok"
    receipt: str
    equal: bool = Field(description="Whether all that was told is the same, to the last bit.")
    differences: list[str] = Field(description="Where it is not, as columns of the batch.")
    told: Answer = Field(description="As it was told.")
    again: Answer = Field(description="As it is made again.")
    dictionary: str = Field(description="A sha256 of what the features meant.")
    rows_sha256: str = Field(description="The fingerprint of the rows that were read.")
    warnings: list[str]


class NotReplayed(BaseModel):
    """A receipt whose answer cannot be made again."""

    status: Literal["error"] = "error"
    receipt: str
    error: ReplayError


ReplayResult = Annotated[
    Replayed | NotReplayed,
    Field(
        discriminator="status",
        title="ReplayResult",
        description="An answer made again, or with status error why it cannot be.",
    ),
]


class Replays(BaseModel):
    """The answers made again, in the order of the receipts."""

    request_id: str
    summary: Summary
    results: list[ReplayResult]


@ROUTER.post(
    "/v1/replays",
    response_model=Replays,
    operation_id="replayScores",
    openapi_extra=describe(Receipts),
)
async def post_replays(request: Request) -> Response:
    """Return whether the answers of 1 to 1000 receipts come out the same."""
    require_json(request)
    store = find_store(request)
    form = read_form(Receipts, await request.body())
    results = await asyncio.to_thread(_replay, store, request.app.state, form.receipts)
    failed = sum(result["status"] == "error" for result in results)
    told = {
        "request_id": request.scope["request_id"],
        "summary": {"total": len(results), "succeeded": len(results) - failed, "failed": failed},
        "results": results,
    }
    # As it was kept, whatever an answer has come to be since.
    return Response(json.dumps(told, allow_nan=False), media_type="application/json")


def _replay(store: Store, state: Any, receipts: list[str]) -> list[dict[str, Any]]:
    write_waiting(state.desk)
    return [tell_replay(one) for one in replay_all(store, receipts, state.library, serve(state))]


def write_waiting(desk: Desk | None) -> None:
    """See to it that the receipts of answers that were given already can be found."""
    if desk and not desk.flush():
        raise RefusalError("store_down", "Receipts wait to be written.")


def serve(state: Any) -> tuple[Bundle, ...]:
    """Return the models that answer now."""
    scorer: Scorer | None = state.scorer
    return tuple(scorer.bundles.values()) if scorer else ()
