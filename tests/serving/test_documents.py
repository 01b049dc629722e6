"""The documents are what importers of CRM systems read, and say what the service does."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, validate
from pydantic import BaseModel

from serving.documents import openapi_30, swagger_20
from serving.problems import KINDS
from serving.routes.front import Front
from serving.routes.web import make_app
from serving.schemas import simplify_schema, simplify_schemas
from serving.scorer import Scorer
from tests.serving.malformed import SOUND

NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")  # of Apex: no __, no _ at the end
UNKNOWN = {
    "anyOf", "oneOf", "allOf", "not", "const", "null", "prefixItems", "patternProperties",
    "propertyNames", "examples", "$defs", "nullable",
}  # fmt: skip
METHODS = {"get", "post", "put", "patch", "delete"}
LONGEST = 1333  # characters of a description that Salesforce keeps

Json = dict[str, Any]


def call(method: str, path: str, scorer: Scorer | None = None, **more: Any) -> httpx.Response:
    app = make_app()
    app.state.scorer = scorer

    async def ask() -> httpx.Response:
        link = httpx.ASGITransport(app=Front(app, app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=link, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def openapi() -> Json:
    answer = call("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


@pytest.fixture(scope="module")
def swagger() -> Json:
    return dict(call("GET", "/swagger.json").json())


def walk(part: Any) -> Iterator[Json]:
    """Every object in a document that is no map of names."""
    if isinstance(part, dict):
        yield part
        for name, inside in part.items():
            if name == "properties":
                for one in inside.values():
                    yield from walk(one)
            else:
                yield from walk(inside)
    if isinstance(part, list):
        for one in part:
            yield from walk(one)


def list_operations(document: Json) -> list[tuple[str, str, Json]]:
    return [(p, m, o) for p, ops in document["paths"].items() for m, o in ops.items()]


def test_openapi_is_3_0_3_and_sound(openapi: Json) -> None:
    assert openapi["openapi"] == "3.0.3"
    validate(openapi, cls=OpenAPIV30SpecValidator)


def test_swagger_is_2_0_and_sound(swagger: Json) -> None:
    assert swagger["swagger"] == "2.0"
    validate(swagger, cls=OpenAPIV2SpecValidator)


def test_the_validator_refuses_what_was_once_told(openapi: Json) -> None:
    raw = make_app().openapi()
    broken = {**openapi, "components": raw["components"]}
    with pytest.raises(Exception, match="is not valid under any of the given schemas"):
        validate(broken, cls=OpenAPIV30SpecValidator)


@pytest.mark.parametrize("name", ["openapi", "swagger"])
def test_no_union_and_no_null(name: str, request: pytest.FixtureRequest) -> None:
    found = [part for part in walk(request.getfixturevalue(name)) if UNKNOWN & part.keys()]
    assert found == []
    types = {part["type"] for part in walk(request.getfixturevalue(name)) if "type" in part}
    known = {"string", "number", "integer", "boolean", "array", "object"}
    assert types - known <= {"apiKey", "http", "basic"}


@pytest.mark.parametrize("name", ["openapi", "swagger"])
def test_a_reference_stands_alone_and_leads_somewhere(
    name: str, request: pytest.FixtureRequest
) -> None:
    document = request.getfixturevalue(name)
    found = [part for part in walk(document) if "$ref" in part]
    assert len(found) > 50
    for part in found:
        assert list(part) == ["$ref"]
        place = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            place = place[step]


def test_names_are_valid_in_apex(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]
    names = [*schemas, *openapi["components"]["securitySchemes"]]
    names += [n for part in walk(schemas) for n in part.get("properties", ())]
    for _, _, operation in list_operations(openapi):
        names += [operation["operationId"], *(p["name"] for p in operation.get("parameters", ()))]
    assert len(names) > 150
    assert [n for n in names if not NAME.fullmatch(n)] == []
    same = [n.lower() for n in schemas]
    assert len(set(same)) == len(same)


def test_operations_have_ids_of_their_own(openapi: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in list_operations(openapi)]
    assert len(set(ids)) == len(ids) >= 14


def test_descriptions_are_short(openapi: Json) -> None:
    told = [part["description"] for part in walk(openapi) if "description" in part]
    assert len(told) > 100
    assert max(map(len, told)) <= LONGEST


def test_every_question_and_answer_is_an_object(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]
    for path, method, operation in list_operations(openapi):
        assert method in METHODS
        parts = [operation[n] for n in ("requestBody",) if n in operation]
        for part in (*parts, *operation["responses"].values()):
            for media in part["content"].values():
                name = media["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name]["type"] == "object", (path, method)


def test_what_is_optional_is_absent_from_required(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]
    assert schemas["Result"]["required"] == ["record_id", "status", "customer_id"]
    assert schemas["Result"]["properties"]["status"]["enum"] == ["ok", "error"]
    assert schemas["Record"]["required"] == ["customer_id"]
    assert schemas["Question"]["required"] == ["records"]
    assert {"request_id", "as_of", "summary", "results"} == {*schemas["Scores"]["required"]}
    assert "retry_after_s" not in schemas["Problem"]["required"]
    assert schemas["Transaction"]["properties"]["amount"]["type"] == "number"


def test_answers_have_the_documented_form(openapi: Json, scorer: Scorer) -> None:
    from openapi_schema_validator import OAS30Validator

    def check(name: str, content: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": openapi["components"]}
        assert [e.message for e in OAS30Validator(schema).iter_errors(content)] == []

    json_type = {"content-type": "application/json"}
    euros, pounds = (
        {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 1, "currency": c}
        for c in ("EUR", "GBP")
    )
    asked = {
        "records": [
            {"customer_id": "a", "transactions": [euros]},
            {"customer_id": "b", "transactions": [euros, pounds]},
        ]
    }
    check("Question", asked)
    told = call("POST", "/v1/scores", scorer, json=asked).json()
    assert [r["status"] for r in told["results"]] == ["ok", "error"]
    check("Scores", told)
    check("Models", call("GET", "/v1/models", scorer).json())
    check("Model", call("GET", "/v1/models/churn", scorer).json())
    check("Problem", call("POST", "/v1/scores", scorer, content=b"?", headers=json_type).json())
    check("Problem", call("POST", "/v1/scores", content=SOUND, headers=json_type).json())
    check("InferenceError", call("GET", "/v2/models/x", scorer).json())


def test_every_problem_of_an_operation_is_told(openapi: Json) -> None:
    plain = {"application/json": {"schema": {"$ref": "#/components/schemas/InferenceError"}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    known = {str(kind.status) for kind in KINDS.values()}
    for path, _, operation in list_operations(openapi):
        told = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert told.keys() <= known
        form = plain if path.startswith("/v2") else problem
        assert all(answer["content"] == form for answer in told.values())
    scores = openapi["paths"]["/v1/scores"]["post"]["responses"]
    assert list(scores) == ["200", *sorted(known - {"404", "405"})]
    assert "404" in openapi["paths"]["/v1/models/{target}"]["get"]["responses"]
    assert list(openapi["paths"]["/livez"]["get"]["responses"]) == ["200", "500", "504"]
    assert "503" in openapi["paths"]["/readyz"]["get"]["responses"]


def test_swagger_tells_the_same_as_openapi(openapi: Json, swagger: Json) -> None:
    assert [(p, m, list(o["responses"])) for p, m, o in list_operations(openapi)] == [
        (p, m, list(o["responses"])) for p, m, o in list_operations(swagger)
    ]
    assert swagger["definitions"].keys() == openapi["components"]["schemas"].keys()
    assert swagger["produces"] == ["application/json", "application/problem+json"]
    assert swagger["securityDefinitions"] == {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Basic": {"type": "basic"},
    }
    amount = swagger["definitions"]["Transaction"]["properties"]["amount"]
    assert (amount["type"], amount["x-ms-summary"]) == ("number", "Amount")
    body = swagger["paths"]["/v1/scores"]["post"]["parameters"]
    assert body == [{"name": "body", "in": "body", "required": True,
                     "schema": {"$ref": "#/definitions/Question"}}]  # fmt: skip
    target = swagger["paths"]["/v1/models/{target}"]["get"]["parameters"]
    assert target == [{"name": "target", "in": "path", "required": True, "type": "string",
                       "x-ms-summary": "Target"}]  # fmt: skip


def test_the_documents_are_small_enough_for_every_importer() -> None:
    for path in ("/openapi.json", "/swagger.json"):
        assert len(call("GET", path).content) < 1_000_000


def test_exclusive_bounds_and_constants_are_told_as_3_0_has_them() -> None:
    told = simplify_schema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})
    assert told == {"type": "number", "minimum": 0, "exclusiveMinimum": True,
                    "maximum": 1, "exclusiveMaximum": True}  # fmt: skip
    assert simplify_schema({"const": "a", "type": "string"}) == {"enum": ["a"], "type": "string"}
    none = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert simplify_schema(none) == {"type": "string"}


def test_an_object_inside_an_object_gets_a_name() -> None:
    inner = {"type": "object", "title": "Inner", "properties": {"a": {"type": "string"}}}
    outer = {"type": "object", "properties": {"one": inner, "title": {"type": "string"}}}
    told = simplify_schemas({"Outer": outer}, set())
    assert told["Outer"]["properties"]["one"] == {"$ref": "#/components/schemas/Inner"}
    assert told["Inner"]["properties"] == {"a": {"type": "string"}}


def test_a_query_is_told_in_both() -> None:
    class Said(BaseModel):
        words: str

    app = make_app()

    @app.get("/v1/said", response_model=Said, operation_id="getSaid")
    async def get_said(limit: int | None = None) -> Said:
        return Said(words=str(limit))

    told = openapi_30(app.openapi())
    validate(told, cls=OpenAPIV30SpecValidator)
    validate(swagger_20(told), cls=OpenAPIV2SpecValidator)
    [limit] = swagger_20(told)["paths"]["/v1/said"]["get"]["parameters"]
    assert (limit["in"], limit["type"], limit["required"]) == ("query", "integer", False)
    assert "422" in told["paths"]["/v1/said"]["get"]["responses"]
    assert json.dumps(told).count("HTTPValidationError") == 0


def test_every_operation_says_whether_it_asks_for_a_key(openapi, swagger):
    for document in (openapi, swagger):
        asks = {path: o["security"] for path, of in document["paths"].items() for o in of.values()}
        assert asks["/v1/scores"] == [{"ApiKey": []}, {"Basic": []}]
        assert {path for path, ways in asks.items() if not ways} == {
            "/livez", "/readyz", "/v2/health/live", "/v2/health/ready",
        }  # fmt: skip
