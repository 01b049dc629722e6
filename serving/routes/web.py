"""The web application: every route, and the document that describes them."""

from typing import Any

from fastapi import FastAPI

from serving.admission import Door
from serving.problems import answer_with_problems
from serving.routes import ROUTERS
from serving.routes.scores import Question

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
    app.state.reasons = []
    app.state.door = Door()
    answer_with_problems(app)
    make_openapi = app.openapi
    app.openapi = lambda: _describe_question(make_openapi())  # type: ignore[method-assign]
    return app


def _describe_question(document: dict[str, Any]) -> dict[str, Any]:
    """Add the request's form, which the route reads by itself, to the OpenAPI document."""
    made = Question.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas |= made.pop("$defs", {}) | {Question.__name__: made}
    return document
