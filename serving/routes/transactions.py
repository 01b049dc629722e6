"""Order lines as they happen: told once or often, kept once."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.routes.told import REFUSALS, KeptRows, Transactions, describe, keep
from serving.store.rows import add_transactions

ROUTER = APIRouter(tags=["transactions"])


@ROUTER.post(
    "/v1/transactions",
    response_model=KeptRows,
    responses=REFUSALS,
    operation_id="keepTransactions",
    openapi_extra=describe(Transactions),
)
async def post_transactions(request: Request) -> Response:
    """Return that 1 to 1000 order lines are kept; the next answers go by them."""
    return await keep(request, Transactions, add_transactions)
