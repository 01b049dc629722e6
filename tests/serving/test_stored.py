"""Customers by id over HTTP: what was told is known at the next answer, the last one is kept."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.bundle import load_bundles
from serving.bento import build_bento
from serving.scorer import Scorer
from serving.store.nightly import refresh
from serving.store.opened import open_store
from tests.serving.bundles import make_bundles
from tests.serving.running import Service, assert_problem, parse, post, running, score

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
LINES = [
    {"order_id": "O-1", "ordered_at": "2026-03-01T10:00:00Z", "amount": 40.5, "product_id": "P-1"},
    {"order_id": "O-2", "ordered_at": "2026-04-11T10:00:00Z", "amount": 12, "quantity": 2},
    {"order_id": "O-3", "ordered_at": "2026-05-20T10:00:00Z", "amount": 99.9, "discount": 5},
]
ACTS = [{"kind": "visit", "occurred_at": "2026-05-25T10:00:00Z", "channel": "web"}]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, str]]:
    home = tmp_path_factory.mktemp("stored")
    url = f"sqlite:///{home / 'patron.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("scratch_database")
    bundles = make_bundles(home / "made")
    build_bento(bundles, home)
    with running(home, store=url) as (client, log):
        yield Service(client, log, Scorer(load_bundles(bundles))), url


def tell(service: Service, noun: str, rows: list[dict]) -> dict:
    answer = service.client.post(f"/v1/{noun}", json={noun: rows})
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def keep(service: Service, customer: str) -> None:
    """Tell the service all rows of a customer."""
    lines = [{**line, "transaction_id": f"{customer}-{i}", "customer_id": customer}
             for i, line in enumerate(LINES)]  # fmt: skip
    acts = [{**act, "interaction_id": f"{customer}-{i}", "customer_id": customer}
            for i, act in enumerate(ACTS)]  # fmt: skip
    told = tell(service, "transactions", lines)
    assert told["summary"] == {"total": 3, "succeeded": 3, "failed": 0}
    assert [r["id"] for r in told["results"]] == [f"{customer}-{i}" for i in range(3)]
    tell(service, "interactions", acts)


def strip(result: dict) -> dict:
    return {
        n: told for n, told in result.items() if n not in ("record_id", "customer_id", "receipt")
    }


def test_an_id_alone_is_answered_as_if_its_rows_were_told(service):
    service, _ = service
    keep(service, "by-id")
    inline = {"customer_id": "inline", "transactions": LINES, "interactions": ACTS}
    by_id, told = score(service, [{"customer_id": "by-id"}, inline])["results"]
    assert by_id["stage"] == "active" and by_id["next_purchase"]["rung"] == "full_model"
    assert strip(by_id) == strip(told)


def test_rows_told_twice_count_once(service):
    service, _ = service
    keep(service, "twice")
    before = score(service, [{"customer_id": "twice"}])["results"]
    keep(service, "twice")
    assert [strip(r) for r in score(service, [{"customer_id": "twice"}])["results"]] == [
        strip(r) for r in before
    ]


def test_rows_of_a_record_count_where_they_are_newer_than_what_is_stored(service):
    service, _ = service
    keep(service, "both")
    newer = {"order_id": "O-4", "ordered_at": "2026-05-30T10:00:00Z", "amount": 10}
    asked = [
        {"customer_id": "both", "transactions": [newer]},
        {"customer_id": "all", "transactions": [*LINES, newer], "interactions": ACTS},
        {"customer_id": "both", "transactions": LINES},
        {"customer_id": "both"},
    ]
    added, whole, repeated, alone = score(service, asked)["results"]
    assert strip(added) == strip(whole)
    assert "rows_not_newer_than_stored_ignored" in repeated["warnings"]
    repeated["warnings"].remove("rows_not_newer_than_stored_ignored")
    assert strip(repeated) == strip(alone)


def test_the_last_answer_is_kept_short_and_says_when_it_is_out_of_date(service):
    service, url = service
    keep(service, "kept")
    ask = {"customer_id": "kept"}
    assert_problem(service.client.get("/v1/scores", params=ask), 404, "no_answer")
    store = open_store(url)
    refresh(store, service.scorer, AS_OF, lambda step: None)
    store.close()
    answer = service.client.get("/v1/scores", params=ask)
    told = parse(answer.text)
    assert len(answer.content) <= 1_024
    assert answer.headers["cache-control"] == "private, max-age=300"
    [live] = score(service, [ask])["results"]
    assert told["churn"]["probability"] == round(live["churn"]["probability"], 4)
    assert told["out_of_date"] is False
    etag = {"If-None-Match": answer.headers["etag"]}
    same = service.client.get("/v1/scores", params=ask, headers=etag)
    assert (same.status_code, same.content) == (304, b"")
    tell(service, "interactions", [{**ACTS[0], "interaction_id": "more", "customer_id": "kept"}])
    late = service.client.get("/v1/scores", params=ask, headers=etag)
    assert late.status_code == 200 and parse(late.text)["out_of_date"] is True


def test_an_answer_that_is_asked_for_does_not_take_the_place_of_the_stored_one(service):
    service, url = service
    keep(service, "asked")
    store = open_store(url)
    refresh(store, service.scorer, AS_OF, lambda step: None)
    tell(service, "interactions", [{**ACTS[0], "interaction_id": "late", "customer_id": "asked"}])
    before = service.client.get("/v1/scores", params={"customer_id": "asked"})
    [live] = parse(post(service, {"records": [{"customer_id": "asked"}]}).text)["results"]
    time.sleep(0.5)  # in which receipts are written behind the answer
    after = service.client.get("/v1/scores", params={"customer_id": "asked"})
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    told = parse(after.text)
    assert told["as_of"] == "2026-06-01T00:00:00Z" and told["out_of_date"] is True
    assert live["as_of"] > told["as_of"] and live["receipt"] != told.get("receipt")
    # What was answered is kept, under its receipt.
    again = service.client.post("/v1/replays", json={"receipts": [live["receipt"]]})
    assert parse(again.text)["results"][0]["status"] == "ok"
    store.close()


def test_the_last_answer_tells_the_targets_that_are_asked_for(service):
    service, url = service
    keep(service, "chosen")
    store = open_store(url)
    refresh(store, service.scorer, AS_OF, lambda step: None)
    store.close()
    ask = {"customer_id": "chosen", "targets": "next_purchase"}
    told = parse(service.client.get("/v1/scores", params=ask).text)
    assert "next_purchase" in told and "churn" not in told


@pytest.mark.parametrize("params", [{}, {"customer_id": ""}, {"customer_id": "x" * 129}])
def test_a_last_answer_of_nobody_is_refused(service, params):
    problem = assert_problem(service[0].client.get("/v1/scores", params=params), 422, "wrong_form")
    assert problem["errors"][0]["pointer"] == "/customer_id"


@pytest.mark.parametrize(
    ("row", "pointer", "code"),
    [
        ({"transaction_id": "a"}, "/transactions/0/order_id", "missing"),
        ({**LINES[0], "transaction_id": "a", "customer_id": "c", "x": 1}, "/transactions/0",
         "unknown_name"),
        ({**LINES[0], "transaction_id": "a", "customer_id": "c", "amount": True},
         "/transactions/0/amount", "not_a_number"),
    ],
)  # fmt: skip
def test_a_row_of_another_form_is_refused_and_nothing_is_kept(service, row, pointer, code):
    service, _ = service
    good = {**LINES[0], "transaction_id": "good", "customer_id": "refused"}
    answer = service.client.post("/v1/transactions", json={"transactions": [row, good]})
    problem = assert_problem(answer, 422, "wrong_form")
    assert (pointer, code) in {(e["pointer"], e["code"]) for e in problem["errors"]}
    [result] = score(service, [{"customer_id": "refused"}])["results"]
    assert result["stage"] == "prospect"


def test_more_than_a_thousand_rows_are_refused(service):
    rows = [{**ACTS[0], "interaction_id": str(i), "customer_id": "c"} for i in range(1_001)]
    answer = service[0].client.post("/v1/interactions", json={"interactions": rows})
    assert_problem(answer, 422, "wrong_form")


def test_while_the_store_is_away_rows_that_are_told_are_answered(tmp_path: Path) -> None:
    bundles = make_bundles(tmp_path / "made")
    build_bento(bundles, tmp_path)
    away = "postgresql+psycopg://postgres:secret-word@127.0.0.1:1/none"
    with running(tmp_path, store=away) as (client, log):
        service = Service(client, log, Scorer(load_bundles(bundles)))
        assert client.get("/readyz").status_code == 200
        told = {"customer_id": "c", "transactions": LINES}
        inline, by_id = score(service, [told, {"customer_id": "c"}])["results"]
        assert inline["status"] == "ok"
        assert "store_down_rows_told_alone" in inline["warnings"]
        assert by_id["error"]["code"] == "store_down" and by_id["error"]["retryable"] is True
        row = {**LINES[0], "transaction_id": "a", "customer_id": "c"}
        refused = client.post("/v1/transactions", json={"transactions": [row]})
        assert_problem(refused, 503, "store_down")
        assert refused.headers["retry-after"] == "2"
        last = client.get("/v1/scores", params={"customer_id": "c"})
        assert_problem(last, 503, "store_down")
    assert "secret-word" not in log.read_text()
    assert json.dumps(LINES[0]["order_id"]) not in log.read_text()


def test_a_stored_answer_will_do_where_it_is_new_enough(service):
    service, url = service
    for customer in ("old", "changed"):
        keep(service, customer)
    store = open_store(url)
    refresh(store, service.scorer, AS_OF, lambda step: None)
    store.close()
    tell(service, "interactions", [{**ACTS[0], "interaction_id": "late", "customer_id": "changed"}])
    asked = [{"customer_id": "old"}, {"customer_id": "changed"}, {"customer_id": "nobody"},
             {"customer_id": "old", "transactions": LINES}]  # fmt: skip
    answer = post(service, {"records": asked, "max_age_s": 3_600})
    stored, *new = parse(answer.text)["results"]
    assert stored["as_of"] == "2026-06-01T00:00:00Z"  # as of when it was stored
    assert [r["record_id"] for r in (stored, *new)] == ["0", "1", "2", "3"]
    assert parse(answer.text)["summary"] == {"total": 4, "succeeded": 4, "failed": 0}
    assert all(r["as_of"] > "2026-06-02" for r in new)
    [whole] = score(service, [{"customer_id": "old"}])["results"]
    assert strip(stored) == strip(whole)
    assert stored["receipt"] == whole["receipt"]
    question = {"records": asked[:1], "max_age_s": 3_600, "targets": ["next_purchase"]}
    [chosen] = parse(post(service, question).text)["results"]
    assert "churn" not in chosen and chosen["next_purchase"] == whole["next_purchase"]
    assert [model["target"] for model in chosen["models"]] == ["next_purchase"]
    [anew] = parse(post(service, {"records": asked[:1], "max_age_s": 0}).text)["results"]
    assert anew["as_of"] > "2026-06-02"
