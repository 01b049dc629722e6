"""Everything that goes wrong, told as RFC 9457 problems without a caller's data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serving.store.opened import StoreError

AWAY = "What is stored cannot be read or written now."
MEDIA_TYPE = "application/problem+json"
KEY = 'Bearer realm="patron", Basic realm="patron", charset="UTF-8"'
SIGNATURE = 'Signature realm="patron"'  # no registered scheme: each CRM signs in its own way
PLAIN = "/v2/"  # paths of the Open Inference Protocol, which has a form of error of its own


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, its title, and whether the same call may work later.

    `challenge` is what a 401 asks for, which RFC 9110 (11.6.1) lets none be without.
    """

    status: int
    title: str
    retry_after_s: int | None = None
    challenge: str = ""


KINDS: Mapping[str, Kind] = {
    "not_json": Kind(400, "The body is not JSON"),
    "idempotency_key_missing": Kind(400, "The request has no Idempotency-Key"),
    "unauthorized": Kind(401, "The request shows no key that counts", challenge=KEY),
    "wrong_signature": Kind(401, "The signature is not right", challenge=SIGNATURE),
    "forbidden": Kind(403, "The key may not do this"),
    "not_found": Kind(404, "There is no such route"),
    "unknown_model": Kind(404, "There is no such model"),
    "unknown_job": Kind(404, "There is no such job"),
    "no_answer": Kind(404, "No answer is stored"),
    "method_not_allowed": Kind(405, "The route does not know this method"),
    "body_too_slow": Kind(408, "The body did not arrive in time", retry_after_s=1),
    "body_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body is of a type that the route does not take"),
    "wrong_form": Kind(422, "The body does not have the documented form"),
    "idempotency_key_reused": Kind(422, "The Idempotency-Key came with another request before"),
    "rate_limited": Kind(429, "The key calls too often", retry_after_s=1),
    "internal": Kind(500, "The service failed"),
    "not_ready": Kind(503, "The service is not ready", retry_after_s=5),
    "store_down": Kind(503, "The store cannot be reached", retry_after_s=2),
    "busy": Kind(503, "The service has too much to do", retry_after_s=1),
    "too_slow": Kind(504, "The answer took too long", retry_after_s=1),
}


class Fault(BaseModel):
    """One place in the body that is wrong."""

    pointer: str = Field(description="Where, as a JSON pointer; never a name the caller made up.")
    code: str
    detail: str = Field(description="What is expected there.")


class Problem(BaseModel):
    """What went wrong and whether to call again."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = Field(None, description="The route, absent when there is none.")
    code: str
    request_id: str
    retryable: bool
    retry_after_s: int | None = None
    reasons: list[str] | None = Field(None, description="Why the service is not ready.")
    errors: list[Fault] | None = None


class RefusalError(Exception):
    """Raised to answer with a problem."""

    def __init__(
        self, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def refuse(scope: Any, refusal: RefusalError) -> Response:
    """Return the answer that tells the problem."""
    kind = KINDS[refusal.code]
    plain = f"{scope['path']}/".startswith(PLAIN)
    content = _tell_error(refusal) if plain else _tell_problem(scope, refusal)
    headers = {} if kind.retry_after_s is None else {"Retry-After": str(kind.retry_after_s)}
    headers |= {"WWW-Authenticate": kind.challenge} if kind.challenge else {}
    headers |= refusal.headers
    if refusal.code.startswith("body_too"):
        headers["Connection"] = "close"  # the rest of the body is not read
    media = "application/json" if plain else MEDIA_TYPE
    return Response(json.dumps(content, allow_nan=False), kind.status, headers, media)


def _tell_problem(scope: Any, refusal: RefusalError) -> dict[str, Any]:
    kind = KINDS[refusal.code]
    problem = Problem(
        type=f"urn:patron:problem:{refusal.code}",
        title=kind.title,
        status=kind.status,
        detail=refusal.detail,
        # What is not there has no name: one that is kept secret is not told from one made up.
        instance=None if refusal.code == "not_found" else find_route(scope),
        code=refusal.code,
        request_id=scope["request_id"],
        retryable=kind.retry_after_s is not None,
        retry_after_s=kind.retry_after_s,
        **refusal.more,
    )
    return problem.model_dump(exclude_none=True)


def _tell_error(refusal: RefusalError) -> dict[str, str]:
    """Return the problem as the Open Inference Protocol has it."""
    places = [f"{fault['pointer']}: {fault['detail']}" for fault in refusal.more.get("errors", ())]
    return {"error": " ".join([refusal.detail, *places, *refusal.more.get("reasons", ())])}


def find_route(scope: Any) -> str | None:
    """Return the route that was called, as we name it: a path may hold a caller's data."""
    path, state = scope["path"], scope["app"].state
    if path in state.paths:
        return str(path)
    return next((template for form, template in state.templates if form.match(path)), None)


def answer_with_problems(app: FastAPI) -> None:
    """Make the app tell everything that goes wrong as a problem."""
    app.add_exception_handler(RefusalError, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StoreError, _on_store)
    app.add_exception_handler(Exception, _on_failure)


async def _on_refusal(request: Request, refusal: Any) -> Response:
    return refuse(request.scope, refusal)


async def _on_store(request: Request, _error: Any) -> Response:
    return refuse(request.scope, RefusalError("store_down", AWAY))


async def _on_http(request: Request, error: Any) -> Response:
    if error.status_code == 405:
        # Of every route at this path: Starlette tells the first one's alone.
        allowed = ", ".join(request.app.state.methods[find_route(request.scope)])
        detail = f"This route knows {allowed}."
        answer = refuse(request.scope, RefusalError("method_not_allowed", detail))
        answer.headers["Allow"] = allowed
        return answer
    routes = ", ".join(sorted(request.app.state.paths))
    return refuse(request.scope, RefusalError("not_found", f"The routes are {routes}."))


async def _on_failure(request: Request, _error: Any) -> Response:
    return refuse(request.scope, RefusalError("internal", "It was logged under this request_id."))
