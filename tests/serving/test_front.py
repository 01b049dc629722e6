"""What every request meets before its route: an id, limits, one form of problem, a silent log."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from starlette.datastructures import Headers

from contract.bundle import load_bundles
from serving.problems import RefusalError
from serving.routes import front, scores
from serving.routes.front import Front
from serving.routes.metrics import gather_metrics
from serving.routes.web import make_app
from serving.scorer import Scorer
from tests.serving.bundles import make_bundles
from tests.serving.malformed import SECRET, SOUND
from tests.serving.running import assert_problem, parse

JSON = {"content-type": "application/json"}

Call = Callable[..., httpx.Response]


def call(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    """Return what the app answers, asked in this process."""

    async def ask() -> httpx.Response:
        link = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=link, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Call:
    app = make_app()
    app.state.scorer = Scorer(load_bundles(make_bundles(tmp_path_factory.mktemp("bundles"))))
    return partial(call, Front(app, app))


def test_the_request_id_is_the_callers_if_sane(ask: Call) -> None:
    sound = ask("POST", "/v1/scores", content=SOUND, headers=JSON | {"x-request-id": "crm-7:a.b_c"})
    assert sound.headers.get_list("x-request-id") == ["crm-7:a.b_c"]
    assert parse(sound.text)["request_id"] == "crm-7:a.b_c"
    for bad in ("a b", "x" * 129, "jane@shop.example", "<b>", ""):
        answer = ask("POST", "/v1/scores", content=b"?", headers=JSON | {"x-request-id": bad})
        issued = answer.headers["x-request-id"]
        assert len(issued) == 36
        assert parse(answer.text)["request_id"] == issued


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/vnd.bentoml+pickle"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": ""},
        {"content-encoding": "gzip"},
    ],
    ids=str,
)
def test_other_types_are_refused(ask: Call, headers: dict[str, str]) -> None:
    answer = ask("POST", "/v1/scores", content=SOUND, headers=JSON | headers)
    assert_problem(answer, 415, "unsupported_media_type")


def test_charset_may_be_told(ask: Call) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert ask("POST", "/v1/scores", content=SOUND, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/scores/", 404),
        ("GET", f"/v1/customers/{SECRET}", 404),
        ("POST", "/%00%ff", 404),
        ("GET", "/docs", 404),
        ("PUT", "/v1/scores", 405),
        ("DELETE", "/v1/models", 405),
        ("OPTIONS", "/v1/scores", 405),
        ("POST", "/readyz", 405),
    ],
)
def test_unknown_routes(ask: Call, method: str, path: str, status: int) -> None:
    answer = ask(method, path)
    code = "not_found" if status == 404 else "method_not_allowed"
    problem = assert_problem(answer, status, code)
    assert problem.get("instance") == (None if status == 404 else path)
    assert SECRET not in answer.text
    allowed = {"/v1/scores": "GET, POST", "/v1/models": "GET", "/readyz": "GET"}
    assert answer.headers.get("allow") == (allowed[path] if status == 405 else None)


def test_a_failure_tells_no_one_what_was_sent(
    ask: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: Any) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(scores, "read_form", break_down)
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    answer = ask("POST", "/v1/scores", content=SOUND, headers=JSON | {"x-request-id": "id-1"})
    problem = assert_problem(answer, 500, "internal")
    assert SECRET not in answer.text
    assert problem["retryable"] is False
    assert caplog.messages == ["POST /v1/scores failed: KeyError (id-1)"]
    assert caplog.records[0].exc_info is None


def test_an_answer_that_takes_too_long_is_given_up(
    ask: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(*_: Any) -> None:
        await asyncio.sleep(5)

    monkeypatch.setattr(asyncio, "to_thread", wait)
    monkeypatch.setattr(front, "SECONDS", 0.05)
    large = SOUND + b" " * scores.SMALL
    answer = ask("POST", "/v1/scores", content=large, headers=JSON)
    problem = assert_problem(answer, 504, "too_slow")
    assert problem["retry_after_s"] == 1
    assert answer.headers["retry-after"] == "1"


def test_with_too_much_to_do_only_probes_are_answered(
    ask: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "AT_ONCE", 0)
    assert_problem(ask("POST", "/v1/scores", content=SOUND, headers=JSON), 503, "busy")
    assert_problem(ask("GET", "/v1/models"), 503, "busy")
    assert ask("GET", "/livez").status_code == 200


def test_a_body_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    monkeypatch.setattr(front, "SECONDS", 0.1)
    with pytest.raises(RefusalError) as refused:
        asyncio.run(front.read_body(Headers(), receive))
    assert refused.value.code == "body_too_slow"


def test_without_a_model_the_reasons_are_told() -> None:
    app = make_app()
    app.state.reasons = ["There is no model in x."]
    ask = partial(call, Front(app, app))
    assert ask("GET", "/livez").status_code == 200
    ready = ask("GET", "/readyz")
    assert assert_problem(ready, 503, "not_ready")["reasons"] == ["There is no model in x."]
    assert ready.headers["retry-after"] == "5"
    assert_problem(ask("GET", "/v1/models"), 503, "not_ready")
    assert_problem(ask("POST", "/v1/scores", content=SOUND, headers=JSON), 503, "not_ready")


def test_metrics_count_by_route_and_never_by_a_made_up_path(ask: Call) -> None:
    name = 'patron_requests_total{method="GET",route="other",status="404"} '

    def count() -> float:
        lines = tell().splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    def tell() -> str:
        return generate_latest(gather_metrics(make_app().state)).decode()

    before = count()
    for i in range(5):
        ask("GET", f"/{SECRET}/{i}")
    assert count() == before + 5
    assert SECRET not in tell()


def test_metrics_are_not_told_to_callers(ask: Call) -> None:
    assert_problem(ask("GET", "/metrics"), 404, "not_found")
