"""What describes the service to machines, from one source: OpenAPI 3.0.3 and Swagger 2.0."""

from typing import Any

from serving.problems import KINDS, MEDIA_TYPE, PLAIN
from serving.schemas import PLACE, find_named, simplify_schema, simplify_schemas
from serving.scopes import OPEN, find_scope

Json = dict[str, Any]

JSON = "application/json"
OF_BODY = (400, 408, 413, 415, 422)
OF_PATH = 404
OF_ROUTER = 405  # nobody who goes by the document asks by another method
OF_ALL = (500, 504)

SECURITY = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Basic": {"type": "http", "scheme": "basic"},
}


def openapi_30(document: Json) -> Json:
    """Return FastAPI's document, which is of OpenAPI 3.1, as one of 3.0.3."""
    info, raw = document["info"], document["components"]["schemas"]
    paths = {
        path: {method: _tell_operation(path, said) for method, said in operations.items()}
        for path, operations in document["paths"].items()
    }
    told = [o["responses"] for operations in paths.values() for o in operations.values()]
    schemas = simplify_schemas(raw, find_named(told, raw))
    used = find_named(paths, schemas)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": info["title"],
            "description": info["summary"],
            "version": info["version"],
        },
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(used)},
            "securitySchemes": SECURITY,
        },
    }


def swagger_20(document: Json) -> Json:
    """Return a document of OpenAPI 3.0.3 as one of Swagger 2.0."""
    parts = document["components"]
    return {
        "swagger": "2.0",
        "info": document["info"],
        "basePath": "/",
        "consumes": [JSON],
        "produces": [JSON, MEDIA_TYPE],
        "paths": {
            path: {method: _turn_operation(said) for method, said in operations.items()}
            for path, operations in document["paths"].items()
        },
        "definitions": {n: _turn_schema(schema) for n, schema in parts["schemas"].items()},
        "securityDefinitions": {
            name: {"type": "basic"} if scheme["type"] == "http" else scheme
            for name, scheme in parts["securitySchemes"].items()
        },
    }


def _tell_operation(path: str, operation: Json) -> Json:
    """Return the operation with every problem that may come in the place of its answer."""
    answers = {status: r for status, r in operation["responses"].items() if int(status) < 400}
    titles: dict[int, list[str]] = {}
    for kind in KINDS.values():
        titles.setdefault(kind.status, []).append(kind.title)
    problems = {
        str(status): _tell_problem(path, titles[status])
        for status in sorted(titles)
        if str(status) in operation["responses"] or _may(status, path, operation)
    }
    told = {**operation, "responses": {**answers, **problems}}
    # Of several ways to show a key one is enough; where none is asked for, the list is empty.
    told["security"] = [{name: []} for name in SECURITY] if find_scope(path) != OPEN else []
    if "parameters" in told:
        told["parameters"] = [
            {**p, "schema": simplify_schema(p["schema"])} for p in told["parameters"]
        ]
    return told


def _may(status: int, path: str, operation: Json) -> bool:
    """Return whether the operation may be answered with a problem of this status."""
    if status in OF_BODY:
        return "requestBody" in operation
    if status == OF_PATH:
        return "{" in path
    probe = not path.startswith(("/v1/", f"{PLAIN}models"))
    return status in OF_ALL or (status != OF_ROUTER and not probe)


def _tell_problem(path: str, titles: list[str]) -> Json:
    media, name = (
        (JSON, "InferenceError") if f"{path}/".startswith(PLAIN) else (MEDIA_TYPE, "Problem")
    )
    content = {media: {"schema": {"$ref": f"{PLACE}{name}"}}}
    return {"description": "; or: ".join(titles), "content": content}


def _turn_operation(operation: Json) -> Json:
    told = {n: part for n, part in operation.items() if n != "requestBody"}
    told["parameters"] = [_turn_parameter(p) for p in operation.get("parameters", ())]
    if "requestBody" in operation:
        body = operation["requestBody"]
        schema = _turn_schema(body["content"][JSON]["schema"])
        said = {"name": "body", "in": "body", "required": body.get("required", False)}
        told["parameters"].append({**said, "schema": schema})
    told["responses"] = {s: _turn_response(r) for s, r in operation["responses"].items()}
    return told


def _turn_parameter(parameter: Json) -> Json:
    kept = {n: part for n, part in parameter.items() if n != "schema"}
    told = {**_turn_schema(parameter["schema"]), **kept}
    told.pop("title", None)  # a parameter has none in 2.0, and x-ms-summary says the same
    told.setdefault("x-ms-summary", parameter["name"].replace("_", " ").title())
    return told


def _turn_response(response: Json) -> Json:
    told = {"description": response["description"]}
    for content in response.get("content", {}).values():
        told["schema"] = _turn_schema(content["schema"])
    return told


def _turn_schema(schema: Json) -> Json:
    """Return the schema with its title where Power Platform shows it, and references as in 2.0."""
    told = dict(schema)
    if "$ref" in told:
        return {"$ref": told["$ref"].replace(PLACE, "#/definitions/")}
    if "title" in told:
        told["x-ms-summary"] = told["title"]
    if "properties" in told:
        told["properties"] = {n: _turn_schema(s) for n, s in told["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(told.get(name), dict):
            told[name] = _turn_schema(told[name])
    return told
