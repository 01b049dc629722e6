"""The service as a caller meets it: a Bento built, served by its own process, asked over HTTP."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.bundle import load_bundles
from serving.bento import build_bento
from serving.routes import ROUTERS
from serving.scorer import Scorer
from tests.serving.bundles import PRIORS, make_bundles
from tests.serving.malformed import BODIES, SECRET, SOUND, Malformed
from tests.serving.parity import AS_OF, differ, draw_records, flatten, score_batch
from tests.serving.running import (
    Service,
    assert_problem,
    parse,
    post,
    read_metrics,
    running,
    score,
)

LARGEST = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("service")
    bundles = make_bundles(home / "made")
    assert build_bento(bundles, home).startswith("patron:")
    with running(home) as (client, log):
        yield Service(client, log, Scorer(load_bundles(bundles)))


def test_equals_the_batch_to_the_bit(service: Service, tmp_path: Path) -> None:
    records = draw_records(120)
    batch = score_batch(service.scorer, records, tmp_path)
    shuffled = random.Random(3).sample(records, len(records))
    said = score(service, shuffled)
    assert said["summary"] == {"total": 120, "succeeded": 120, "failed": 0}
    assert [r["record_id"] for r in said["results"]] == [r["record_id"] for r in shuffled]
    assert [r["customer_id"] for r in said["results"]] == [r["customer_id"] for r in shuffled]
    apart = [d for r in said["results"] if (d := differ(r, batch[r["customer_id"]]))]
    assert apart == []
    rungs = {(r["stage"], r["next_purchase"]["rung"]) for r in said["results"]}
    assert rungs == {("active", "full_model"), ("lapsed", "prior"), ("prospect", "prior")}
    assert {r["stage"] for r in said["results"] if "churn" in r} == {"active"}
    assert len({r["next_purchase"]["probability"] for r in said["results"]}) > 60


def test_one_at_a_time_equals_the_batch_to_the_bit(service: Service, tmp_path: Path) -> None:
    records = draw_records(60)
    batch = score_batch(service.scorer, records, tmp_path)
    for record in records:
        [result] = score(service, [record])["results"]
        assert differ(result, batch[record["customer_id"]]) == {}


def test_no_orders_get_the_prior(service: Service) -> None:
    [result] = score(service, [{"customer_id": "new"}])["results"]
    assert result["record_id"] == "0"
    assert result["stage"] == "prospect"
    assert "churn" not in result
    assert result["next_purchase"]["probability"] == PRIORS.prospect
    assert result["next_purchase"]["rung"] == "prior"
    assert result["warnings"] == ["no_order_before_as_of"]


def test_rows_from_as_of_on_change_nothing_but_warn(service: Service) -> None:
    past = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 20}
    later = [
        {"order_id": "2", "ordered_at": AS_OF.isoformat(), "amount": 5},
        {"order_id": "1", "ordered_at": "2026-07-01T00:00:00Z", "amount": 900},
    ]
    told = {"customer_id": "c", "transactions": [past]}
    seen = {
        "customer_id": "c",
        "transactions": [*later, past],
        "interactions": [{"kind": "visit", "occurred_at": "2026-06-01T00:00:00.000001Z"}],
        "since": "2026-08-01T00:00:00Z",
    }
    plain, warned = score(service, [told, seen])["results"]
    assert warned["warnings"] == ["rows_at_or_after_as_of_ignored"]
    assert plain["warnings"] == []
    assert flatten(warned) == flatten(plain)


def test_a_record_in_two_currencies_fails_alone(service: Service) -> None:
    lines = [
        {"order_id": str(i), "ordered_at": "2026-05-01T00:00:00Z", "amount": 5, "currency": c}
        for i, c in enumerate(("EUR", "eur", "USD"))
    ]
    said = score(
        service,
        [
            {"record_id": "a", "customer_id": "c", "transactions": lines[:2]},
            {"record_id": "b", "customer_id": "c", "transactions": lines},
            {"record_id": "c", "customer_id": "c"},
        ],
    )
    assert said["summary"] == {"total": 3, "succeeded": 2, "failed": 1}
    assert [r["status"] for r in said["results"]] == ["ok", "error", "ok"]
    failed = said["results"][1]
    assert (failed["record_id"], failed["customer_id"]) == ("b", "c")
    assert failed["error"]["code"] == "mixed_currencies"
    assert failed["error"]["retryable"] is False


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_malformed_bodies_get_a_problem(service: Service, case: Malformed) -> None:
    answer = post(service, case.body)
    code = "not_json" if case.status == 400 else "wrong_form"
    problem = assert_problem(answer, case.status, code)
    assert problem["instance"] == "/v1/scores"
    assert SECRET not in answer.text
    if case.pointer is not None:
        assert {"pointer": case.pointer, "code": case.code}.items() <= problem["errors"][0].items()


def test_a_body_of_the_largest_size_is_read(service: Service) -> None:
    assert post(service, SOUND + b" " * (LARGEST - len(SOUND))).status_code == 200


def test_a_larger_body_is_refused_with_its_length_told(service: Service) -> None:
    answer = post(service, SOUND + b" " * (LARGEST + 1 - len(SOUND)))
    assert_problem(answer, 413, "body_too_large")


def test_a_larger_body_is_refused_without_its_length_told(service: Service) -> None:
    def send() -> Iterator[bytes]:
        for _ in range(129):
            yield b" " * 32_768

    headers = {"content-type": "application/json"}
    answer = service.client.post("/v1/scores", content=send(), headers=headers)
    assert "content-length" not in answer.request.headers
    assert_problem(answer, 413, "body_too_large")


def test_a_larger_body_is_refused_before_it_is_sent(service: Service) -> None:
    address = (service.client.base_url.host, service.client.base_url.port)
    head = (
        f"POST /v1/scores HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {LARGEST + 1}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(address, timeout=10) as link:
        link.sendall(head.encode())
        said = b"".join(iter(lambda: link.recv(65_536), b"")).decode()
    assert said.startswith("HTTP/1.1 413 ")
    assert parse(said.partition("\r\n\r\n")[2])["code"] == "body_too_large"


def test_probes(service: Service) -> None:
    alive, ready = service.client.get("/livez"), service.client.get("/readyz")
    assert (alive.status_code, parse(alive.text)) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert parse(ready.text) == {"status": "ready", "targets": ["churn", "next_purchase"]}


def test_models(service: Service) -> None:
    models = {m["target"]: m for m in parse(service.client.get("/v1/models").text)["models"]}
    assert list(models) == ["churn", "next_purchase"]
    churn = models["churn"]
    assert churn["version"] == "3"
    assert churn["sha256"] == service.scorer.bundles["churn"].sha256
    assert churn["as_of"] == "2026-06-01T00:00:00Z"
    assert churn["metrics"] == {"auc": 0.75, "brier": 0.18}
    assert [f["name"] for f in churn["features"]] == churn["inputs"]
    assert churn["features"][0]["meaning"] == "Days since the last order."


def test_openapi_tells_every_route_and_every_reference_resolves(service: Service) -> None:
    text = service.client.get("/openapi.json").text
    document = parse(text)
    routes = [route for router in ROUTERS for route in router.routes]
    assert set(document["paths"]) == {r.path for r in routes if r.include_in_schema}
    assert {"/v1/scores", "/v1/models", "/livez", "/readyz"} <= set(document["paths"])
    told = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert {"Question", "Record", "Transaction", "Scores", "Problem"} <= told
    assert told <= set(document["components"]["schemas"])


def test_metrics_are_of_all_workers_and_tell_no_path(service: Service) -> None:
    service.client.get(f"/{SECRET}")
    said = read_metrics(service.client)
    assert 'patron_requests_total{method="GET",route="other",status="404"} 1.0' in said
    assert 'patron_records_total{status="ok"}' in said
    assert 'patron_model_info{target="churn",version="3"} 1.0' in said
    assert "patron_models_stale 0.0" in said
    assert "patron_model_refusals_total 0.0" in said
    assert SECRET not in said
    assert_problem(service.client.get("/metrics"), 404, "not_found")


def test_the_log_names_no_customer(service: Service) -> None:
    assert post(service, SOUND).status_code == 200
    said = service.log.read_text()
    assert "Service patron initialized" in said
    assert SECRET not in said
    assert "Traceback" not in said


def test_with_a_broken_model_it_is_up_but_not_ready(service: Service, tmp_path: Path) -> None:
    broken = make_bundles(tmp_path / "broken")
    (broken / "churn" / "3" / "baseline.json").write_text("{}")
    with running(service.log.parent, broken) as (client, log):
        assert client.get("/livez").status_code == 200
        problem = assert_problem(client.get("/readyz"), 503, "not_ready")
        assert "baseline.json in the bundle of churn is not the file" in problem["reasons"][0]
        assert "No model is loaded" in log.read_text()
        assert "patron_model_refusals_total 1.0" in read_metrics(client)
