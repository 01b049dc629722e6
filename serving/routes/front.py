"""What holds for every request before its route: an id, limits, a count."""

import asyncio
import logging
import re
from collections.abc import Iterable
from tempfile import NamedTemporaryFile
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import AWAY, RefusalError, find_route, refuse
from serving.routes.last import get_scores
from serving.routes.metrics import count_request
from serving.routes.uploads import UPLOADS, check_upload, hold_timer, is_upload, take_in
from serving.store.opened import StoreError

LOG = logging.getLogger("bentoml.patron")

LARGEST_BODY = 4 * 1024 * 1024
DRAINED = 4 * LARGEST_BODY  # read on so far: many clients listen only once they have sent all
SECONDS = 10
AT_ONCE = 64
DIRECT = ("GET", "/v1/scores")
GONE = 499  # counted for a caller who left before the answer

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Front:
    """The ASGI layer around our app: all HTTP goes to the app, all else to BentoML."""

    def __init__(self, bento: ASGIApp, app: ASGIApp) -> None:
        self.bento = bento
        self.app = app
        self.busy = self.uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self.bento(scope, receive, send)
            return
        scope.update(app=self.app, request_id=find_id(Headers(scope=scope)))
        began, statuses = perf_counter(), []  # type: tuple[float, list[int]]
        named = _name(send, scope["request_id"], statuses)
        try:
            await self._answer(scope, receive, named)
        except ClientDisconnect:
            pass
        except Exception as error:
            refusal = _explain(scope, error)
            if not statuses:
                await refuse(scope, refusal)(scope, receive, named)
        finally:
            status = statuses[0] if statuses else GONE
            count_request(scope["method"], find_route(scope), status, perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"].state.door.admit(scope)  # before its body is read or a place is taken
        if is_upload(scope):
            await self._store_upload(scope, receive, send)
            return
        probe = not scope["path"].startswith(("/v1/", "/v2/models"))
        if self.busy >= AT_ONCE and not probe:
            raise RefusalError("busy", f"{AT_ONCE} requests are being answered.")
        self.busy += 1
        try:
            if (scope["method"], scope["path"]) == DIRECT and not has_body(scope["headers"]):
                # What templates ask, thousands at a time; the app's layers would take longer.
                answer = await get_scores(Request(scope))
                await answer(scope, receive, send)
                return
            body = await read_body(Headers(scope=scope), receive)
            async with asyncio.timeout(SECONDS):
                await self.app(scope, _replay(body, receive), send)
        finally:
            self.busy -= 1

    async def _store_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what brings a body too large to hold: it comes into a file first."""
        if self.uploads >= UPLOADS:
            raise RefusalError("busy", f"{UPLOADS} uploads are coming in.")
        check_upload(scope)
        self.uploads += 1
        try:
            await hold_timer(send)
            with NamedTemporaryFile(prefix="patron-upload-") as file:
                scope["upload"] = await take_in(Headers(scope=scope), receive, file)
                await self.app(scope, _replay(b"", receive), send)
        finally:
            self.uploads -= 1


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request says that a body comes with it."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)


def find_id(headers: Headers) -> str:
    """Return the caller's request id if it is a sane one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else str(uuid4())


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Return the whole body, refused when it is too large or too slow."""
    body, size, more = bytearray(), 0, True
    declared = headers.get("content-length", "")
    if headers.get("expect", "") and declared.isdigit() and int(declared) > LARGEST_BODY:
        size, more = int(declared), False  # the caller asks before it sends
    try:
        async with asyncio.timeout(SECONDS):
            while more and size <= DRAINED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                size += len(message.get("body", b""))
                if size <= LARGEST_BODY:
                    body += message.get("body", b"")
                more = message.get("more_body", False)
    except TimeoutError:
        if size <= LARGEST_BODY:
            raise RefusalError("body_too_slow", f"Send the body within {SECONDS} s.") from None
    if size > LARGEST_BODY:
        detail = f"Send at most {LARGEST_BODY:,} bytes; split the records over more requests."
        raise RefusalError("body_too_large", detail)
    return bytes(body)


def _name(send: Send, request_id: str, statuses: list[int]) -> Send:
    """Return a `send` that adds the request id to the answer's headers and notes its status."""

    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
            name = (b"x-request-id", request_id.encode())
            message = {**message, "headers": [*message["headers"], name]}
        await send(message)

    return send_named


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body in one piece, then what the server gives."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> Message:
        return messages.pop() if messages else await receive()

    return receive_whole


def _explain(scope: Scope, error: Exception) -> RefusalError:
    """Return how to answer an error; one that nobody foresaw is logged, without its message."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, StoreError):
        return RefusalError("store_down", AWAY)
    if isinstance(error, TimeoutError):
        return RefusalError(
            "too_slow", f"No answer within {SECONDS} s; send fewer records at once."
        )
    # Neither message nor traceback: both may hold what the caller sent.
    where = f"{scope['method']} {find_route(scope) or 'unknown route'}"
    LOG.error("%s failed: %s (%s)", where, type(error).__name__, scope["request_id"])
    return RefusalError("internal", "It was logged under this request_id.")
