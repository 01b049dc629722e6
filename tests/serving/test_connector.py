"""/swagger.json holds to what a Power Platform custom connector takes: less than Swagger 2.0.

Beyond the specification: names of members are closed, formats are a list of Microsoft's own, and of
the extensions only theirs and only in their places.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.documents import openapi_30, swagger_20
from serving.routes.web import make_app

Json = dict[str, Any]

FORMATS = {
    "int32", "int64", "float", "double", "byte", "binary", "date", "date-time", "password",
    "date-no-tz", "email", "html", "uri", "uuid",
}  # fmt: skip
BOUNDS = {
    "format", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
}  # fmt: skip
SCHEMA = BOUNDS | {
    "$ref", "title", "description", "maxProperties", "minProperties", "required", "type", "items",
    "additionalProperties", "allOf", "properties", "discriminator", "readOnly", "example",
    "x-ms-summary", "x-ms-visibility",
}  # fmt: skip
PARAMETER = BOUNDS | {
    "required", "in", "description", "name", "type", "items", "collectionFormat", "x-ms-summary",
    "x-ms-visibility",
}  # fmt: skip
BODY = {"description", "name", "in", "required", "schema", "x-ms-summary", "x-ms-visibility"}
OPERATION = {
    "tags", "summary", "description", "operationId", "produces", "consumes", "parameters",
    "responses", "schemes", "deprecated", "security",
}  # fmt: skip
ROOT = {
    "swagger", "info", "host", "basePath", "schemes", "consumes", "produces", "paths",
    "definitions", "parameters", "responses", "security", "securityDefinitions", "tags",
}  # fmt: skip
PRIMITIVE = {"string", "number", "boolean", "integer", "array"}
SIMPLE = [*PRIMITIVE, "object"]  # a type is one word, not a list, and not null or file


@pytest.fixture
def document() -> Json:
    return swagger_20(openapi_30(make_app().openapi()))


def find_faults(document: Json) -> list[str]:
    """Return each place that a connector's import would refuse."""
    faults = [f"/{name}" for name in document.keys() - ROOT]
    faults += [] if document.get("swagger") == "2.0" else ["/swagger"]
    faults += [] if {"title", "version"} <= document["info"].keys() else ["/info"]
    faults += [] if re.match("^/", document["basePath"]) else ["/basePath"]
    for name, schema in document["definitions"].items():
        faults += judge_schema(schema, f"/definitions/{name}")
    for path, operations in document["paths"].items():
        faults += [] if path.startswith("/") else [path]
        for method, said in operations.items():
            faults += judge_operation(said, f"{path} {method}", document)
    for name, way in document["securityDefinitions"].items():
        forms: list[Json] = [{"type": "basic"}, {"type": "apiKey", "in": "header"}]
        told = {n: t for n, t in way.items() if n not in ("name", "description")}
        faults += [] if told in forms else [f"/securityDefinitions/{name}"]
    return faults


def judge_operation(said: Json, place: str, document: Json) -> Iterator[str]:
    yield from (f"{place}: {name}" for name in said.keys() - OPERATION)
    if not said["responses"]:
        yield f"{place}: no responses"
    for status, answer in said["responses"].items():
        if not re.fullmatch("[0-9]{3}|default", status) or "description" not in answer:
            yield f"{place}: {status}"
        yield from (f"{place}: {status} {n}" for n in answer.keys() - {"description", "schema"})
        yield from judge_schema(answer.get("schema", {}), f"{place}: {status}")
    for parameter in said.get("parameters", ()):
        yield from judge_parameter(parameter, f"{place}: {parameter['name']}")
    for way in said.get("security", ()):
        yield from (f"{place}: {n}" for n in way.keys() - document["securityDefinitions"].keys())


def judge_parameter(parameter: Json, place: str) -> Iterator[str]:
    body = parameter["in"] == "body"
    yield from (f"{place} {name}" for name in parameter.keys() - (BODY if body else PARAMETER))
    if body:
        yield from judge_schema(parameter["schema"], place)
    elif parameter.get("type") not in PRIMITIVE or parameter.get("format", "uri") not in FORMATS:
        yield f"{place} type"
    if parameter["in"] == "path" and parameter.get("required") is not True:
        yield f"{place} required"


def judge_schema(schema: Json, place: str) -> Iterator[str]:
    yield from (f"{place}/{name}" for name in schema.keys() - SCHEMA)
    if schema.get("type", "object") not in SIMPLE or schema.get("format", "uri") not in FORMATS:
        yield f"{place} {schema.get('type')} {schema.get('format')}"
    if "required" in schema and not schema["required"]:
        yield f"{place}/required"
    if not re.match("#/(definitions|parameters|responses)/", schema.get("$ref", "#/definitions/")):
        yield f"{place}/$ref"
    for name, inside in schema.get("properties", {}).items():
        yield from judge_schema(inside, f"{place}/{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from judge_schema(schema[name], f"{place}/{name}")


def test_a_connector_can_be_made_of_the_document(document: Json) -> None:
    assert find_faults(document) == []
    places = [p for of in document["paths"].values() for o in of.values() for p in o["parameters"]]
    assert len(places) > 10
    assert len(document["definitions"]) > 30


def test_every_operation_and_every_field_has_a_name_to_show(document: Json) -> None:
    for operations in document["paths"].values():
        for said in operations.values():
            assert said["summary"]
            shown = [p.get("x-ms-summary") for p in said["parameters"] if p["in"] != "body"]
            assert all(shown)
    for schema in document["definitions"].values():
        fields = schema.get("properties", {}).values()
        assert all("$ref" in field or field["x-ms-summary"] for field in fields)


def _drop_type(document: Json) -> None:
    document["definitions"]["Problem"]["properties"]["detail"]["type"] = ["string", "null"]


def _nullable(document: Json) -> None:
    document["definitions"]["Problem"]["x-nullable"] = document["definitions"]["Problem"].pop(
        "type"
    )


def _format(document: Json) -> None:
    document["definitions"]["Problem"]["properties"]["detail"]["format"] = "decimal"


def _parameter(document: Json) -> None:
    document["paths"]["/v1/models/{target}"]["get"]["parameters"][0]["title"] = "Target"


def _union(document: Json) -> None:
    document["definitions"]["Problem"]["properties"]["detail"]["anyOf"] = []


def _bearer(document: Json) -> None:
    document["securityDefinitions"]["Bearer"] = {"type": "http", "scheme": "bearer"}


def _servers(document: Json) -> None:
    document["servers"] = []


@pytest.mark.parametrize(
    "spoil", [_drop_type, _nullable, _format, _parameter, _union, _bearer, _servers]
)
def test_what_an_import_would_refuse_is_found(
    document: Json, spoil: Callable[[Json], None]
) -> None:
    spoil(document)
    assert len(find_faults(document)) == 1
