"""What FastAPI itself finds wrong with a request, told as a problem without what was sent."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from serving.problems import RefusalError, refuse
from serving.requests import SHOWN, point

# What a message may be made with: bounds and choices of the form. All else may be of the value.
OF_FORM = frozenset(
    ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "actual_length",
     "field_type", "pattern", "expected", "max_digits", "decimal_places", "whole_digits",
     "class_name")
)  # fmt: skip
ELSE = "Another form is expected here; /openapi.json has it."


def answer_faults(app: FastAPI) -> None:
    """Make the app tell as our own problem what FastAPI would tell in a form of its own."""
    app.add_exception_handler(RequestValidationError, _on_faults)


async def _on_faults(request: Request, error: Any) -> Response:
    found = error.errors()
    if any(fault["type"] == "json_invalid" for fault in found):
        return refuse(request.scope, RefusalError("not_json", "The body is not JSON."))
    names = set(_list_names(request.scope["route"].dependant))
    told = [_tell(fault, names) for fault in found[:SHOWN]]
    detail = f"Wrong places in the request: {len(found)}; see errors for up to {SHOWN} of them."
    return refuse(request.scope, RefusalError("wrong_form", detail, errors=told))


def _list_names(dependant: Any) -> Iterator[str]:
    """Yield the names that are ours: of the route's parameters, and of the forms in them."""
    for place in ("path", "query", "header", "cookie", "body"):
        for field in getattr(dependant, f"{place}_params"):
            yield field.alias
            schema = TypeAdapter(field.field_info.annotation).json_schema()
            for part in (schema, *schema.get("$defs", {}).values()):
                yield from part.get("properties", ())
    for one in dependant.dependencies:
        yield from _list_names(one)


def _tell(fault: Any, names: set[str]) -> dict[str, str]:
    """Return the fault at its place in the query or in the body, which the first part tells."""
    _, *place = fault["loc"]
    code, made_with = fault["type"], fault.get("ctx", {})
    if code == "extra_forbidden":
        place, code = place[:-1], "unknown_name"
    ours = takewhile(lambda part: isinstance(part, int) or part in names, place)
    return point(ours, code, fault["msg"] if made_with.keys() <= OF_FORM else ELSE)
