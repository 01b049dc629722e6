"""The web application: every route, and the document that describes them."""

from typing import Any

from fastapi import FastAPI

from serving.problems import answer_with_problems
from serving.receipts.library import Library
from serving.routes import ROUTERS
from serving.routes.movements import Pair
from serving.routes.replays import Receipts
from serving.routes.scores import Question
from serving.routes.told import Interactions, Transactions

FORMS = (Question, Transactions, Interactions, Receipts, Pair)
VERSION = "1"  # of the routes, as their paths have it; models tell their own


def make_app() -> FastAPI:
    """Return the web application with every route, and no model yet."""
    app = FastAPI(
        title="Patron",
        version=VERSION,
        summary="Who will leave, who will buy again and when.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    routes = [route for router in ROUTERS for route in router.routes]
    app.state.paths = {app.openapi_url, *(getattr(route, "path", "") for route in routes)}
    app.state.scorer = None
    app.state.store = None
    app.state.desk = None
    app.state.library = Library([])
    app.state.reasons = []
    answer_with_problems(app)
    make_openapi = app.openapi
    app.openapi = lambda: _describe_bodies(make_openapi())  # type: ignore[method-assign]
    return app


def _describe_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Add the forms of bodies, which routes read by themselves, to the OpenAPI document."""
    schemas = document["components"]["schemas"]
    for form in FORMS:
        made = form.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= made.pop("$defs", {}) | {form.__name__: made}
    return document
