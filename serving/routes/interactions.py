"""Interactions as they happen: told once or often, kept once."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.routes.told import REFUSALS, Interactions, KeptRows, describe, keep
from serving.store.rows import add_interactions

ROUTER = APIRouter(tags=["interactions"])


@ROUTER.post(
    "/v1/interactions",
    response_model=KeptRows,
    responses=REFUSALS,
    operation_id="keepInteractions",
    openapi_extra=describe(Interactions),
)
async def post_interactions(request: Request) -> Response:
    """Return that 1 to 1000 interactions are kept; the next answers go by them."""
    return await keep(request, Interactions, add_interactions)
