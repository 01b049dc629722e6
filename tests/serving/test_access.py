"""Who may call what: every route of a Bento that runs, with every kind of key."""

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.routing import Route

from serving.admission import Door
from serving.bento import build_bento
from serving.problems import KEY, KINDS
from serving.routes import ROUTERS
from serving.routes.front import Front
from serving.routes.questions import Question
from serving.routes.told import Interactions, Transactions
from serving.routes.web import make_app
from serving.scopes import OPEN, ROUTES, find_scope, shape_path
from serving.store.keys import SCOPES, Wish, create_key, read_keys, revoke_key
from serving.store.opened import open_store
from tests.serving.bundles import make_bundles
from tests.serving.keyed import make_keys, name_store
from tests.serving.malformed import SOUND
from tests.serving.running import assert_problem, running

RENEWED_WITHIN_S = 10
WRONG = ("unknown", "expired", "revoked")


class Guarded(NamedTuple):
    """A service that asks for keys, and the keys."""

    client: httpx.Client
    keys: dict[str, str]
    home: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    home = tmp_path_factory.mktemp("guarded")
    build_bento(make_bundles(home / "made"), home)
    keys = make_keys(home)
    with running(home) as (client, _):
        yield Guarded(client, keys, home)


def list_served() -> list[tuple[str, str]]:
    """Every method and route template that the app serves."""
    app = make_app()
    own = [route for router in ROUTERS for route in router.routes]
    routes = [r for r in [*app.routes, *own] if isinstance(r, Route)]
    pairs = {(method, route.path) for route in routes for method in route.methods or ()}
    return sorted(pair for pair in pairs if pair[0] != "HEAD")


def call(client: httpx.Client, served: tuple[str, str], **headers: str) -> httpx.Response:
    method, template = served
    path = re.sub(r"{[^}]*}", "churn", template.replace("{version}", "3"))
    content = SOUND if method == "POST" else b""
    headers = {"content-type": "application/json", "idempotency-key": "k"} | headers
    return client.request(method, path, content=content, headers=headers)


def assert_refused(answer: httpx.Response, status: int, code: str) -> str:
    """Assert that the answer refuses, in the form of its route, and return why."""
    if "/v2" not in str(answer.url):
        return str(assert_problem(answer, status, code)["detail"])
    assert answer.status_code == status
    return str(answer.json()["error"])


def test_every_route_that_is_served_has_its_scope() -> None:
    served = list_served()
    assert {("POST", "/v1/scores"), ("GET", "/v1/models"), ("GET", "/livez")} <= set(served)
    known = {shape_path(route) for route in ROUTES}
    assert {path for _, path in served if shape_path(path) not in known} == set()
    assert set(ROUTES.values()) <= {OPEN, *SCOPES}
    assert {path for path, scope in ROUTES.items() if scope == OPEN} == {
        *("/livez", "/readyz", "/openapi.json", "/swagger.json"),
        *("/v2/health/live", "/v2/health/ready", "/v1/hooks/{source}/{token}"),
    }


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/scores", "scores"),
        ("/v1/scores/", None),
        ("/v1/scores\n", None),
        ("/V1/scores", None),
        ("//v1/scores", None),
        ("/livez/../v1/scores", None),
        ("/v1/models/churn", "models"),
        ("/v1/models/churn/more", None),
        ("/v1/models/", None),
        ("/v1/hooks/shop/token", OPEN),
        ("/v1/hooks/shop/token/more", None),
        ("/v2/models/churn/infer", "scores"),
        ("/v2/models/churn/versions/3/ready", "models"),
        ("", None),
    ],
)
def test_paths_find_their_scope(path: str, scope: str | None) -> None:
    assert find_scope(path) == scope


@pytest.mark.parametrize("served", list_served(), ids=" ".join)
def test_every_route_with_every_key(guarded: Guarded, served: tuple[str, str]) -> None:
    client, keys, _ = guarded
    wanted = ROUTES[served[1]]
    if wanted == OPEN:
        keyless = call(client, served)
        assert keyless.status_code < 400 or keyless.json()["code"] == "not_found"
        for name in ("admin", *WRONG):
            keyed = call(client, served, **{"x-api-key": keys[name]})
            assert keyed.status_code == keyless.status_code
        return
    said = [call(client, served)]
    for told in ("-", "x", keys["admin"][:-1], keys["admin"] + "A", *(keys[n] for n in WRONG)):
        said += [call(client, served, authorization=f"Bearer {told}")]
        said += [call(client, served, **{"x-api-key": told})]
    assert len({assert_refused(answer, 401, "unauthorized") for answer in said}) == 1
    assert {a.headers["www-authenticate"] for a in said} == {KEY}
    for scope in SCOPES:
        answer = call(client, served, **{"x-api-key": keys[scope]})
        if scope in (wanted, "admin"):
            # What was sent may be of another route's form; it got there.
            assert answer.status_code in (200, 404, 422), answer.text
            assert "The routes are" not in answer.text
        else:
            assert f"scope {wanted}" in assert_refused(answer, 403, "forbidden")


def test_every_401_says_what_it_asks_for() -> None:
    asked = {name: kind.challenge for name, kind in KINDS.items() if kind.status == 401}
    assert asked == {
        "unauthorized": 'Bearer realm="patron", Basic realm="patron", charset="UTF-8"',
        "wrong_signature": 'Signature realm="patron"',
    }
    assert not any(kind.challenge for kind in KINDS.values() if kind.status != 401)


def test_every_401_of_every_route_says_what_it_asks_for(tmp_path: Path) -> None:
    make_keys(tmp_path)
    store = open_store(name_store(tmp_path))
    app = make_app()
    app.state.store = store

    async def ask() -> list[tuple[tuple[str, str], httpx.Response]]:
        link = httpx.ASGITransport(app=Front(app, app))
        elsewhere = {"x-forwarded-for": "192.0.2.7"}
        where = "http://127.0.0.1"
        async with httpx.AsyncClient(transport=link, base_url=where, headers=elsewhere) as client:
            paths = [(one, re.sub(r"{[^}]*}", "x", one[1])) for one in list_served()]
            return [(one, await client.request(one[0], path)) for one, path in paths]

    for door in (Door(()), Door(read_keys(store))):  # before and after a key is made
        app.state.door = door
        for (_, template), answer in asyncio.run(ask()):
            if ROUTES[template] == OPEN:
                assert answer.status_code != 401
            else:
                assert answer.status_code == 401
                assert answer.headers.get_list("www-authenticate") == [KEY]
    store.close()


def test_a_key_may_be_shown_in_four_ways(guarded: Guarded) -> None:
    client, keys, _ = guarded
    key = keys["scores"]
    _, key_id, secret = key.split("_", 2)

    def basic(pair: str) -> dict[str, str]:
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    ways: list[dict[str, str]] = [
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer {key}"},
        {"x-api-key": key},
        basic(f"{key_id}:{secret}"),
        basic(f"braze:{key}"),
        basic(f":{key}"),
        {"x-api-key": key, "authorization": "Bearer a-token-for-the-proxy"},
    ]
    for way in ways:
        assert call(client, ("POST", "/v1/scores"), **way).status_code == 200, way
    others: list[dict[str, str]] = [
        {"authorization": key},
        {"authorization": f"Token {key}"},
        {"authorization": f"Basic {key}"},
        {"authorization": "Basic ?"},
        {"x-api-key": "wrong", "authorization": f"Bearer {key}"},
        basic(f"{key_id}:{'A' * 43}"),
        basic(f"{'0' * 12}:{secret}"),
        basic(key_id),
        basic(key),
        basic("é:é"),
    ]
    for way in others:
        assert_problem(call(client, ("POST", "/v1/scores"), **way), 401, "unauthorized")
    twice = [("x-api-key", key), ("x-api-key", key)]
    assert client.get("/v1/models", headers=twice).status_code == 401
    assert client.get("/v1/models", params={"api_key": keys["admin"]}).status_code == 401


def test_a_path_that_is_not_ours_tells_nothing_without_a_key(guarded: Guarded) -> None:
    client, keys, _ = guarded
    for path in ("/", "/docs", "/v1/scores/", "/v1/customers/jane", "/metrics/"):
        assert_problem(client.get(path), 401, "unauthorized")
        answer = client.get(path, headers={"x-api-key": keys["scores"]})
        assert "/v1/scores" in assert_problem(answer, 404, "not_found")["detail"]
    answer = client.delete("/v1/models", headers={"x-api-key": keys["models"]})
    assert_problem(answer, 405, "method_not_allowed")


def test_who_is_refused_need_not_send_the_body(guarded: Guarded) -> None:
    began = time.monotonic()
    answer = call(guarded.client, ("POST", "/v1/scores"), **{"x-api-key": "x"})
    assert_problem(answer, 401, "unauthorized")
    assert time.monotonic() - began < 1

    def drip() -> Iterator[bytes]:
        yield b"{"
        time.sleep(0.2)
        yield SOUND[1:]

    headers = {"x-api-key": guarded.keys["scores"], "content-type": "application/json"}
    assert guarded.client.post("/v1/scores", content=drip()).status_code == 401
    assert guarded.client.post("/v1/scores", content=drip(), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        *("application/vnd.bentoml+pickle", "application/octet-stream", "application/x-yaml"),
        *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/json"),
    ],
)
def test_every_route_with_a_body_takes_json_alone(guarded: Guarded, kind: str) -> None:
    admin = {"x-api-key": guarded.keys["admin"]}
    posts = [s for s in list_served() if s[0] == "POST" and ROUTES[s[1]] != OPEN]
    assert posts
    for served in posts:
        answer = call(guarded.client, served, **admin, **{"content-type": kind})
        assert_refused(answer, 415, "unsupported_media_type")
        answer = call(guarded.client, served, **admin, **{"content-encoding": "gzip"})
        assert_refused(answer, 415, "unsupported_media_type")


def test_a_key_that_calls_too_often_is_told_when_to_come_back(guarded: Guarded) -> None:
    client, keys, _ = guarded
    headers = {"x-api-key": keys["slow"]}
    answers = [client.get("/v1/models", headers=headers) for _ in range(12)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses[5:]
    refused = answers[statuses.index(429)]
    problem = assert_problem(refused, 429, "rate_limited")
    assert problem["retryable"] is True
    assert problem["retry_after_s"] == 1
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-policy"] == '"default";q=5;w=1'
    assert refused.headers["ratelimit"] == '"default";r=0;t=1'
    assert client.get("/v1/models", headers={"x-api-key": keys["models"]}).status_code == 200
    time.sleep(1)
    assert client.get("/v1/models", headers=headers).status_code == 200


def wait_for(client: httpx.Client, key: str, status: int) -> float:
    began = time.monotonic()
    while client.get("/v1/models", headers={"x-api-key": key}).status_code != status:
        assert time.monotonic() - began < RENEWED_WITHIN_S
        time.sleep(0.1)
    return time.monotonic() - began


def test_a_key_is_changed_for_another_without_a_pause(guarded: Guarded) -> None:
    client, _, home = guarded
    store = open_store(name_store(home))
    old, shown_old = create_key(store, Wish("crm", ("models",)))
    wait_for(client, shown_old, 200)
    _, shown_new = create_key(store, Wish("crm", ("models",)))
    wait_for(client, shown_new, 200)
    assert client.get("/v1/models", headers={"x-api-key": shown_old}).status_code == 200
    revoke_key(store, old.key_id)
    wait_for(client, shown_old, 401)
    assert client.get("/v1/models", headers={"x-api-key": shown_new}).status_code == 200
    assert old.key_id in {key.key_id for key in read_keys(store)}
    store.close()


def test_the_store_holds_no_secret(guarded: Guarded) -> None:
    held = b"".join(file.read_bytes() for file in guarded.home.glob("patron.db*"))
    names = [name for name in guarded.keys if name != "unknown"]
    assert len(names) > len(SCOPES)
    for name in names:
        _, key_id, secret = guarded.keys[name].split("_", 2)
        assert key_id.encode() in held
        assert secret.encode() not in held


def list_forms(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from list_forms(part)


@pytest.mark.parametrize("form", [Question, Transactions, Interactions], ids=str)
def test_no_text_list_or_object_of_a_question_is_without_its_limit(form: Any) -> None:
    seen = set()
    for part in list_forms(form.model_json_schema()):
        kind = part.get("type")
        seen.add(kind)
        if kind == "string" and "enum" not in part and "const" not in part:
            assert part.get("format") == "date-time" or part["maxLength"] <= 128, part
        if kind == "array":
            assert part["maxItems"] <= 10_000, part
        if kind == "object":
            assert part["additionalProperties"] is False or "maxProperties" in part, part
        if kind in ("number", "integer"):
            assert {"minimum", "maximum"} <= set(part) or {"ge", "le"} <= set(part), part
    assert {"string", "array", "object", "number"} <= seen
