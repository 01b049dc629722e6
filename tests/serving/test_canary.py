"""However calls fail, what callers sent is told nowhere, and who comes too many is told at once."""

import json
import re
import socket
import statistics
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from serving.hooks.addresses import create_hook
from serving.routes.front import AT_ONCE
from serving.routes.scores import SMALL
from serving.store.opened import open_store
from tests.serving.bundles import make_bundles
from tests.serving.keyed import make_keys, name_store
from tests.serving.running import assert_problem, read_metrics, running

MADE = re.compile(r"canary[0-9a-f]{32}", re.IGNORECASE)
TOKENS = 1000
FAILING = "tests.serving.failing:Patron"
CRASH, DAWDLE = "fail-now", "dawdle-now"  # what it fails by
LARGE = b" " * SMALL  # what is not small is answered in a thread, and can be given up


class Canaries:
    """Words that stand nowhere else, and all that was ever sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self) -> str:
        self.sent.append(f"canary{uuid4().hex}")
        return self.sent[-1]

    def tell_record(self, **more: Any) -> dict[str, Any]:
        """Return a sound record of which every text is a canary."""
        line = {n: self() for n in ("order_id", "product_id", "channel")}
        act = {n: self() for n in ("kind", "channel")}
        return {
            "record_id": self(),
            "customer_id": self(),
            "country": self(),
            "kind": self(),
            "attributes": {self(): self()},
            "transactions": [{**line, "ordered_at": "2026-05-01T10:00:00Z", "amount": 9}],
            "interactions": [{**act, "occurred_at": "2026-05-02T10:00:00Z"}],
            **more,
        }

    def tell_headers(self) -> dict[str, str]:
        names = ("user-agent", "cookie", "referer", "accept-language", "traceparent", "x-own")
        return {name: self() for name in names}


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[httpx.Client, dict[str, str], Path]]:
    home = tmp_path_factory.mktemp("canary")
    bundles = make_bundles(home / "made")
    keys = make_keys(home)
    store = open_store(name_store(home))
    keys["hook"] = create_hook(store, "shop", "plain")
    store.close()
    with running(home, bundles, app=FAILING) as (client, log):
        yield client, keys, log


def ask(records: list[Any], **more: Any) -> dict[str, Any]:
    return {"as_of": "2026-06-01T00:00:00Z", "records": records} | more


def list_wrong(canary: Canaries) -> Iterator[tuple[bytes, int]]:
    """Bodies that are refused, each with canaries where the fault is, and the status."""
    record = canary.tell_record
    for wrong in (
        ask([record(**{canary(): canary()})]),
        ask([record(customer_id=canary() * 9)]),
        ask([record(customer_id=canary() + "\0")]),
        ask([record(attributes={canary(): [canary()]})]),
        ask([record(attributes={canary() * 9: canary()})]),
        ask([record(transactions=[{canary(): canary()}])]),
        ask([record(transactions=canary())]),
        ask([record(interactions=[{"kind": canary(), "occurred_at": canary()}])]),
        ask([record(since=canary())]),
        ask([canary()]),
        ask([record()], targets=[canary()]),
        ask([record()], as_of=canary()),
        ask([record()], **{canary(): 1}),
        {canary(): canary()},
    ):
        yield json.dumps(wrong).encode(), 422
    sound = json.dumps(ask([record()]))
    yield sound[:-1].encode(), 400
    yield sound.replace("9}", "NaN}").encode(), 400
    yield f'{{"{canary()}": {"[" * 40}"{canary()}"{"]" * 40}}}'.encode(), 400
    yield f'{{"a": "{canary()}", "a": "{canary()}"}}'.encode(), 400
    yield canary().encode("utf-16"), 400
    yield canary().encode() * 120_000, 413


def list_elsewhere(canary: Canaries) -> Iterator[tuple[str, Any]]:
    """What other routes refuse, with canaries where the fault is."""
    for noun, time_told in (("transactions", "ordered_at"), ("interactions", "occurred_at")):
        yield f"/v1/{noun}", {noun: [{canary(): canary(), "customer_id": canary()}]}
        yield f"/v1/{noun}", {noun: [{"customer_id": canary(), time_told: canary()}]}
        yield f"/v1/{noun}", {noun: canary(), canary(): canary()}
    for target in ("churn", canary()):
        for form in ("dataframe_split", "dataframe_records", "instances"):
            yield f"/v1/compat/{target}/invocations", {form: [{canary(): canary()}]}
        tensor = {"name": canary(), "shape": [1], "datatype": canary(), "data": [canary()]}
        yield f"/v2/models/{target}/infer", {"id": canary(), "inputs": [tensor]}
        yield f"/v2/models/{target}/versions/{canary()}/infer", {canary(): canary()}


def send_all(client: httpx.Client, keys: dict[str, str], canary: Canaries) -> list[httpx.Response]:
    """Return the answers to requests of every kind that tell nothing of what was sent."""
    good = {"content-type": "application/json", "x-api-key": keys["admin"]}
    answers = []

    def post(content: bytes, status: int, **headers: str) -> None:
        said = canary.tell_headers() | good | headers
        answers.append(client.post("/v1/scores", content=content, headers=said))
        assert answers[-1].status_code == status, answers[-1].text

    for body, status in list_wrong(canary):
        post(body, status)
    for word, status in ((CRASH, 500), (DAWDLE, 504)):
        for _ in range(3):
            record = canary.tell_record(record_id=word)
            post(json.dumps(ask([record])).encode() + LARGE, status)
    post(json.dumps(ask([canary.tell_record(record_id=CRASH)])).encode(), 500)
    for path, wrong in list_elsewhere(canary):
        said = client.post(path, json=wrong, headers=canary.tell_headers() | good)
        assert said.status_code in (404, 422), said.text
        answers.append(said)
    whole = json.dumps(ask([canary.tell_record()])).encode()
    post(whole, 401, **{"x-api-key": canary()})
    post(whole, 401, **{"x-api-key": f"patron_{'0' * 12}_{canary()}{'A' * 5}"})
    post(whole, 403, **{"x-api-key": keys["models"]})
    post(whole, 415, **{"content-type": f"multipart/form-data; boundary={canary()}"})
    post(whole, 415, **{"content-type": canary()})
    post(whole, 415, **{"content-encoding": canary()})
    pair = b64encode(f"{canary()}:{canary()}".encode()).decode()
    for told in (f"Bearer {canary()}", f"Basic {pair}", canary()):
        answers.append(client.get("/v1/models", headers={"authorization": told}))
        assert answers[-1].status_code == 401
    for path in (
        f"/v1/hooks/{canary()}/{canary()}",
        f"/v1/customers/{canary()}",
        f"/v1/models/{canary()}",
        f"/v2/models/{canary()}/versions/{canary()}",
        f"/{canary()}",
        f"/v1/scores?customer_id={canary()}&{canary()}={canary()}",
        f"/v1/scores;{canary()}",
    ):
        for method in ("GET", "POST", "PUT", canary().upper()):
            answers.append(client.request(method, path, headers=good))
            assert answers[-1].status_code in (400, 401, 404, 405), (method, answers[-1].text)
    return answers


def send_what_is_not_http(client: httpx.Client, canary: Canaries) -> bytes:
    address = client.base_url.host, client.base_url.port
    said = b""
    for raw in (f"{canary()}\r\n\r\n", f"GET /{canary()} HTTP/9.{canary()}\r\n{canary()}\r\n\r\n"):
        with socket.create_connection(address, timeout=5) as plain:  # type: ignore[arg-type]
            plain.sendall(raw.encode())
            said += plain.recv(65536)
    return said


def test_a_thousand_words_of_callers_are_found_nowhere(
    guarded: tuple[httpx.Client, dict[str, str], Path],
) -> None:
    client, keys, log = guarded
    canary = Canaries()
    own = {"x-api-key": keys["admin"], "content-type": "application/json"}
    answers = send_all(client, keys, canary)
    assert {a.status_code for a in answers} >= {400, 401, 403, 404, 405, 413, 415, 422, 500, 504}
    assert [a.text for a in answers if MADE.search(a.text)] == []
    assert [a.headers for a in answers if MADE.search(str(a.headers))] == []
    assert MADE.search(send_what_is_not_http(client, canary).decode()) is None

    records = [canary.tell_record() for _ in range(60)]
    said = client.post("/v1/scores", json=ask(records), headers=own | canary.tell_headers())
    assert said.status_code == 200
    echoed = {r[name] for r in records for name in ("record_id", "customer_id")}
    assert set(MADE.findall(said.text)) == echoed

    assert len(set(canary.sent)) >= TOKENS
    metrics = read_metrics(client)
    assert 'route="/v1/scores",status="500"} 4.0' in metrics
    assert MADE.search(metrics) is None
    logged = log.read_text()
    assert logged.count("POST /v1/scores failed: LookupError") == 4
    assert "Traceback" not in logged
    assert MADE.search(logged) is None
    rows = [{"transaction_id": canary(), "customer_id": canary(), "order_id": canary(),
             "ordered_at": "2026-05-01T10:00:00Z", "amount": 9, "product_id": canary()}
            for _ in range(20)]  # fmt: skip
    told = client.post("/v1/transactions", json={"transactions": rows}, headers=own)
    assert told.status_code == 200
    assert set(MADE.findall(told.text)) <= {r[n] for r in rows for n in ("transaction_id",)}
    last = client.get("/v1/scores", params={"customer_id": rows[0]["customer_id"]}, headers=own)
    assert last.status_code == 404
    assert MADE.search(last.text) is None
    assert MADE.search(log.read_text() + read_metrics(client)) is None
    hook = keys.pop("hook")
    for body in (
        {"transactions": rows, "interactions": []},
        [{canary(): canary()}],
        {"transactions": [{**rows[0], canary(): canary()}]},
        canary(),
    ):
        sent = client.post(hook, json=body, headers=canary.tell_headers())
        assert sent.status_code in (202, 400, 422)
        assert MADE.search(sent.text + str(sent.headers)) is None
    assert client.post(hook, content=canary().encode()).status_code < 500
    time.sleep(1)  # what came is read by and by
    logged = log.read_text()
    assert MADE.search(logged) is None
    assert hook.rpartition("/")[2] not in logged + read_metrics(client)
    for key in keys.values():
        assert key not in logged + metrics
        assert key.split("_", 2)[2] not in logged + metrics


def test_who_comes_when_all_places_are_taken_is_told_at_once(
    guarded: tuple[httpx.Client, dict[str, str], Path],
) -> None:
    client, keys, _ = guarded
    own = {"x-api-key": keys["admin"], "content-type": "application/json"}
    body = json.dumps(ask([{"customer_id": DAWDLE}])).encode() + LARGE
    limits = httpx.Limits(max_connections=AT_ONCE)
    with (
        httpx.Client(base_url=client.base_url, timeout=30, limits=limits) as others,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        dawdling = [
            threads.submit(others.post, "/v1/scores", content=body, headers=own)
            for _ in range(AT_ONCE)
        ]
        wait_until_busy(client, own)
        took = []
        for _ in range(5):
            answer = client.post("/v1/scores", content=body, headers=own)
            problem = assert_problem(answer, 503, "busy")
            assert (problem["retry_after_s"], answer.headers["retry-after"]) == (1, "1")
            took.append(answer.elapsed.total_seconds())
        assert client.post("/v1/scores", content=body).status_code == 401
        assert client.get("/livez").status_code == 200
        assert {answer.result().status_code for answer in dawdling} <= {503, 504}
    assert statistics.median(took) < 0.05


def wait_until_busy(client: httpx.Client, own: dict[str, str]) -> None:
    end = time.monotonic() + 5
    while client.get("/v1/models", headers=own).status_code != 503:
        assert time.monotonic() < end
