"""Whether the service runs, and whether it can answer."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from serving.problems import Problem, RefusalError
from serving.scorer import Scorer

ROUTER = APIRouter(tags=["health"])


class Alive(BaseModel):
    """That the process runs."""

    status: str = "alive"


class Ready(BaseModel):
    """That requests can be answered, and for which targets."""

    status: str = "ready"
    targets: list[str]
    stale: bool | None = Field(
        None, description="True while these models may not be the champions; see reasons."
    )
    reasons: list[str] | None = Field(None, description="Why newer models may be missing.")


def find_scorer(request: Request) -> Scorer:
    """Return what answers, or refuse with the reasons why nothing can."""
    state = request.app.state
    scorer: Scorer | None = getattr(state, "scorer", None)
    if scorer is None:
        reasons = list(getattr(state, "reasons", ())) or ["The models are being loaded."]
        raise RefusalError("not_ready", "No model is loaded; see reasons.", reasons=reasons)
    return scorer


@ROUTER.get("/livez", response_model=Alive, operation_id="getLiveness")
async def get_livez() -> Any:
    """Return that the process runs."""
    return Alive()


@ROUTER.get(
    "/readyz",
    response_model=Ready,
    response_model_exclude_none=True,
    responses={503: {"model": Problem}},
    operation_id="getReadiness",
)
async def get_readyz(request: Request) -> Any:
    """Return that models are loaded, or 503 with the reasons why none is."""
    request.app.state.door.require_known(request.scope)
    targets = list(find_scorer(request).bundles)
    if reasons := list(request.app.state.reasons):
        return Ready(targets=targets, stale=True, reasons=reasons)
    return Ready(targets=targets)
