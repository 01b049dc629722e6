"""A CRM's webhook: kept on disk before it is answered, read a moment later."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serving.hooks.addresses import find_hook
from serving.hooks.forms import find_form
from serving.hooks.signatures import Sent
from serving.problems import RefusalError
from serving.requests import read_json
from serving.routes.stored import find_store
from serving.store import inbox
from serving.store.opened import Store

ROUTER = APIRouter(tags=["hooks"])

# Threads of their own: questions take tens of milliseconds each, and a CRM waits for one second.
KEEPERS = ThreadPoolExecutor(4, "patron-hooks")


class Accepted(BaseModel):
    """That the body is on disk."""

    request_id: str
    accepted: bool = True


# Not in the OpenAPI document: the bodies have the form that the CRM gives them.
@ROUTER.post("/v1/hooks/{source}/{token}", status_code=202, include_in_schema=False)
async def post_hook(request: Request, source: str, token: str) -> Response:
    """Return that the webhook's body is kept, once the store has it on disk."""
    store, body = find_store(request), await request.body()
    host = request.headers.get("host", "")
    came = datetime.now(UTC)
    sent = Sent(request.headers, body, f"https://{host}{request.scope['path']}", came)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(KEEPERS, _keep, store, (source, token), sent)
    if reader := request.app.state.reader:
        reader.wake()
    accepted = Accepted(request_id=request.scope["request_id"])
    return Response(accepted.model_dump_json(), 202, media_type="application/json")


def _keep(store: Store, address: tuple[str, str], sent: Sent) -> None:
    with store.read() as connection:
        hook = find_hook(connection, *address)
    if hook is None:
        raise HTTPException(404)  # as of a route that does not exist
    form = find_form(hook.form)
    if len(sent.body) > form.largest:
        raise RefusalError("body_too_large", f"Send at most {form.largest:,} bytes.")
    if hook.secret and form.verify and not form.verify(hook.secret, sent):
        raise RefusalError(
            "wrong_signature", "Sign the body as it is sent, with the hook's secret."
        )
    read_json(sent.body)
    with store.write() as connection:
        inbox.keep(connection, hook.source, sent.body)
