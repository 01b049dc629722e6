"""The web application: every route, and the documents that describe them."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import Response

from serving.admission import Door
from serving.documents import openapi_30, swagger_20
from serving.faults import answer_faults
from serving.problems import Problem, answer_with_problems
from serving.receipts.library import Library
from serving.requests import Attribute
from serving.routes import ROUTERS
from serving.routes.compat import Invocations
from serving.routes.movements import Pair
from serving.routes.new_jobs import JobQuestion
from serving.routes.privacy import Erasures, Export
from serving.routes.questions import Question
from serving.routes.replays import Receipts
from serving.routes.told import Interactions, Transactions
from serving.tensors import InferenceError, InferenceRequest

VERSION = "1"  # of the routes, as their paths have it; models tell their own

# What routes read from a body, or answer with, by themselves, so that FastAPI does not know it.
FORMS: tuple[type[BaseModel], ...] = (
    Attribute,
    Question,
    Transactions,
    Interactions,
    Erasures,
    Export,
    Invocations,
    InferenceRequest,
    Receipts,
    JobQuestion,
    Pair,
    Problem,
    InferenceError,
)


def make_app() -> FastAPI:
    """Return the web application with every route, and no model yet."""
    app = FastAPI(
        title="Patron",
        version=VERSION,
        summary="Who will leave, who will buy again and when.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    make_openapi = app.openapi
    app.openapi = lambda: _add_forms(make_openapi())  # type: ignore[method-assign]
    published = _publish(app)
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    app.state.paths = {*published, *(route.path for route in routes)}
    app.state.methods = {path: ["GET"] for path in published}
    for route in routes:
        known = app.state.methods.get(route.path, ())
        app.state.methods[route.path] = sorted({*known, *route.methods})
    app.state.templates = [(r.path_regex, r.path) for r in routes if "{" in r.path]
    app.state.scorer = None
    app.state.store = None
    app.state.desk = None
    app.state.library = Library([])
    app.state.reader = None
    app.state.reasons = []
    app.state.door = Door()
    answer_with_problems(app)
    answer_faults(app)
    return app


def _publish(app: FastAPI) -> tuple[str, ...]:
    """Serve the documents, which are made once, and return their paths."""
    told = openapi_30(app.openapi())
    documents = {"/openapi.json": told, "/swagger.json": swagger_20(told)}
    for path, content in documents.items():
        app.add_api_route(path, _give(json.dumps(content).encode()), include_in_schema=False)
    return tuple(documents)


def _give(content: bytes) -> Any:
    async def get_document() -> Response:
        return Response(content, media_type="application/json")

    return get_document


def _add_forms(document: dict[str, Any]) -> dict[str, Any]:
    """Add the forms that routes read and tell by themselves to the OpenAPI document."""
    schemas = document["components"]["schemas"]
    for form in FORMS:
        made = form.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= made.pop("$defs", {}) | {form.__name__: made}
    return document
