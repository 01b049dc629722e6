"""What FastAPI finds wrong by itself is told as everything else that goes wrong."""

import asyncio
import logging
from datetime import datetime
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, field_validator

from serving.routes.front import Front
from serving.routes.web import make_app
from serving.scopes import OPEN, ROUTES
from tests.serving.malformed import SECRET
from tests.serving.running import assert_problem

JSON = {"content-type": "application/json"}


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: float = Field(le=9)
    kind: Literal["sale", "return"] = "sale"


class Order(BaseModel):
    order_id: str = Field(max_length=3)
    ordered_at: datetime | None = None
    lines: list[Line] = []
    extra: dict[str, int] = {}

    @field_validator("order_id")
    @classmethod
    def refuse(cls, told: str) -> str:
        if told == "no":
            raise ValueError(f"{told} of {SECRET}")
        return told


class Told(BaseModel):
    limit: int


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The real app, with a route of our own that takes and gives what FastAPI checks."""
    made = make_app()

    @made.post("/v1/orders/{number}", response_model=Told)
    async def post_order(number: int, order: Order, limit: int = 1) -> Any:
        return {"limit": SECRET if limit == 7 else limit}

    @made.get("/v2/orders", response_model=Told)
    async def get_orders(limit: int) -> Any:
        return {"limit": limit}

    route = made.router.routes[-2]
    made.state.templates.append((route.path_regex, route.path))  # type: ignore[attr-defined]
    for path in ("/v1/orders/{number}", "/v1/orders/1", "/v1/orders/jane", "/v2/orders"):
        monkeypatch.setitem(ROUTES, path, OPEN)  # type: ignore[arg-type]
    return made


def call(app: FastAPI, path: str, body: bytes | None = None, method: str = "POST") -> Any:
    async def ask() -> httpx.Response:
        link = httpx.ASGITransport(app=Front(app, app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=link, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=body, headers=JSON)

    return asyncio.run(ask())


def refused(app: FastAPI, body: str, path: str = "/v1/orders/1") -> list[dict[str, str]]:
    answer = call(app, path, body.encode())
    assert SECRET not in answer.text
    problem = assert_problem(answer, 422, "wrong_form")
    assert problem["instance"] == "/v1/orders/{number}"
    assert problem["retryable"] is False
    assert problem["detail"].startswith(f"Wrong places in the request: {len(problem['errors'])};")
    return list(problem["errors"])


def test_what_is_right_is_answered(app: FastAPI) -> None:
    answer = call(app, "/v1/orders/1?limit=3", b'{"order_id": "a"}')
    assert (answer.status_code, answer.json()) == (200, {"limit": 3})


def test_a_wrong_form_is_told_by_place_code_and_what_is_expected(app: FastAPI) -> None:
    body = '{"order_id": "abcd", "lines": [{"amount": 1}, {"amount": 10, "kind": "gift"}]}'
    assert refused(app, body) == [
        {"pointer": "/order_id", "code": "string_too_long",
         "detail": "String should have at most 3 characters"},
        {"pointer": "/lines/1/amount", "code": "less_than_equal",
         "detail": "Input should be less than or equal to 9"},
        {"pointer": "/lines/1/kind", "code": "literal_error",
         "detail": "Input should be 'sale' or 'return'"},
    ]  # fmt: skip


def test_places_outside_the_body_are_told_alike(app: FastAPI) -> None:
    wrong = refused(app, '{"order_id": "a"}', f"/v1/orders/jane?limit={SECRET}")
    assert [(f["pointer"], f["code"]) for f in wrong] == [
        ("/number", "int_parsing"), ("/limit", "int_parsing"),
    ]  # fmt: skip
    assert [(f["pointer"], f["code"]) for f in refused(app, "{}")] == [("/order_id", "missing")]
    (whole,) = refused(app, "null")
    assert whole["pointer"] == ""


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (f'{{"order_id": "a", "lines": [{{"amount": 1, "{SECRET}": 2}}]}}', "/lines/0",
         "unknown_name"),
        (f'{{"order_id": "a", "extra": {{"{SECRET}": "x"}}}}', "/extra", "int_parsing"),
        ('{"order_id": "no"}', "/order_id", "value_error"),
        (f'{{"order_id": "a", "ordered_at": "{SECRET}"}}', "/ordered_at",
         "datetime_from_date_parsing"),
    ],
    ids=["a name of the caller's", "a key of the caller's", "a message with it", "a parser's"],
)  # fmt: skip
def test_nothing_that_was_sent_is_told(app: FastAPI, body: str, pointer: str, code: str) -> None:
    (fault,) = refused(app, body)
    assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert fault["detail"]


def test_a_body_that_is_no_json_is_told_as_everywhere(app: FastAPI) -> None:
    answer = call(app, "/v1/orders/1", f'{{"order_id": {SECRET}'.encode())
    assert_problem(answer, 400, "not_json")
    assert SECRET not in answer.text


def test_only_so_many_faults_are_told(app: FastAPI) -> None:
    body = '{"order_id": "a", "lines": [' + ",".join(["{}"] * 30) + "]}"
    answer = call(app, "/v1/orders/1", body.encode())
    problem = assert_problem(answer, 422, "wrong_form")
    assert len(problem["errors"]) == 20
    assert "in the request: 30;" in problem["detail"]


def test_under_v2_a_fault_has_the_form_of_that_protocol(app: FastAPI) -> None:
    answer = call(app, f"/v2/orders?limit={SECRET}", method="GET")
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert "/limit: Input should be a valid integer" in answer.json()["error"]
    assert SECRET not in answer.text


def test_an_answer_of_another_form_than_documented_is_a_fault_of_ours(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    answer = call(app, "/v1/orders/1?limit=7", b'{"order_id": "a"}')
    problem = assert_problem(answer, 500, "internal")
    assert problem["instance"] == "/v1/orders/{number}"
    assert SECRET not in answer.text
    assert [message.partition(" (")[0] for message in caplog.messages] == [
        "POST /v1/orders/{number} failed: ResponseValidationError"
    ]
    assert SECRET not in caplog.text
