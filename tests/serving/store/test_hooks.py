"""A CRM's webhook over HTTP: what each CRM sends becomes rows; all else is refused, and untold."""

import hashlib
import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sql
from prometheus_client import generate_latest

from contract.moments import read_moment
from serving.hooks.addresses import create_hook, list_hooks, revoke_hook
from serving.hooks.forms import FORMS, LARGEST, HookError
from serving.hooks.reading import Reader, read_inbox
from serving.hooks.signatures import Sent, verify_hubspot
from serving.routes.front import Front
from serving.routes.metrics import gather_metrics
from serving.routes.web import make_app
from serving.store.opened import open_store
from serving.store.schema import HOOKS, INBOX, INTERACTIONS, TRANSACTIONS
from tests.serving.running import assert_problem, parse
from tests.serving.signing import SECRET, WAYS
from tests.serving.test_front import call

PAYLOADS = {file.stem: file for file in Path("tests/serving/payloads").resolve().glob("*.json")}


@pytest.fixture
def app(store):
    made = make_app()
    made.state.store = store
    return made


@pytest.fixture
def post(app):
    def send(path, body, **headers):
        return call(Front(app, app), "POST", path, content=body, headers=headers)

    return send


def list_rows(store):
    """What the store has of orders and of interactions, as short tuples."""
    at = "at_us"
    with store.read() as connection:
        lines = connection.execute(sql.select(TRANSACTIONS).order_by(at, "row")).mappings().all()
        acts = connection.execute(sql.select(INTERACTIONS).order_by(at, "row")).mappings().all()
    return (
        [(r["customer_id"], r["order_id"], r["at_us"], r["amount"]) for r in lines],
        [(r["customer_id"], r["kind"], r["at_us"], r["initiated_by"]) for r in acts],
    )


def list_letters(store):
    with store.read() as connection:
        return connection.execute(sql.select(INBOX).order_by("row")).mappings().all()


def micros(moment):
    return int(read_moment(moment).timestamp()) * 1_000_000


SPRING = micros("2026-05-03")
QUARTER = micros("2026-05-03T08:15:00+00:00")

# By form: the order lines, the interactions, and what was wrong.
TOLD = {
    "plain": (
        [("C-1042", "O-9", QUARTER, 59.9), ("C-7", "O-10", micros("2026-05-04T08:00:00"), -12.5)],
        [("C-1042", "email_click", micros("2026-05-20T08:00:00"), "customer")],
        None,
    ),
    "odoo": ([("1042", "S00042", QUARTER, 99.5)], [], None),
    "espocrm": (
        [("acc1042", "665f0c1e8a1b2c3d4", SPRING, 120.0)],
        [
            ("acc1042", "support_ticket", micros("2026-05-04T10:00:00"), None),
            ("acc7", "call", micros("2026-05-05T11:00:00"), "customer"),
        ],
        "no_customer:1",
    ),
    "frappe": (
        [
            ("CUST-1042", "SAL-ORD-2026-00042", SPRING, 59.9),
            ("CUST-1042", "SAL-ORD-2026-00042", SPRING, 39.6),
        ],
        [],
        None,
    ),
    "twenty": ([("c-1042", "7c1e9a52-3c1f-4f43-a8f9-1c2d3e4f5a6b", SPRING, 99.5)], [], None),
    "bottlecrm": ([("a-1042", "INV-0042", micros("2026-05-03T08:14:59"), 99.5)], [], None),
    "hubspot": (
        [],
        [
            ("1042", "contact_creation", QUARTER, None),
            ("1042", "contact_property_change", QUARTER + 60_000_000, None),
        ],
        "no_customer:1",
    ),
    "klaviyo": (
        [],
        [
            ("C-1042", "email_open", QUARTER, None),
            ("01GDDKASAP8TKDDA2GRZDSVP4J", "email_click", QUARTER + 60_000_000, None),
        ],
        None,
    ),
}


def test_there_is_a_payload_and_what_it_tells_for_every_form():
    assert set(FORMS) == set(PAYLOADS) == set(TOLD)
    signed = {name for name, form in FORMS.items() if form.verify}
    assert signed == {form for _, form, _ in WAYS.values()}


@pytest.mark.parametrize("form", TOLD)
def test_what_a_crm_sends_becomes_rows_and_a_retry_changes_nothing(store, post, form):
    path = create_hook(store, "crm", form)
    body = PAYLOADS[form].read_bytes()
    for _ in range(3):
        answer = post(path, body)
        assert answer.status_code == 202, answer.text
        said = parse(answer.text)
        assert said == {"request_id": answer.headers["x-request-id"], "accepted": True}
        read_inbox(store)
    lines, acts, fault = TOLD[form]
    assert list_rows(store) == (lines, acts)
    [letter] = list_letters(store)
    assert (letter["body"], letter["fault"]) == (b"", fault)
    assert letter["rows"] == len(lines) + len(acts)


def test_the_lines_of_an_order_have_products_and_quantities(store, post):
    post(create_hook(store, "erp", "frappe"), PAYLOADS["frappe"].read_bytes())
    read_inbox(store)
    with store.read() as connection:
        columns = [TRANSACTIONS.c[n] for n in ("product_id", "quantity", "unit_price", "currency")]
        rows = connection.execute(sql.select(*columns).order_by(TRANSACTIONS.c.row)).all()
    assert rows == [("P-3", 2.0, 29.95, "EUR"), ("P-4", 1.0, 39.6, "EUR")]


def test_an_order_told_anew_is_told_as_it_is_now(store, post):
    path = create_hook(store, "odoo", "odoo")
    said = json.loads(PAYLOADS["odoo"].read_text())
    for total in (99.5, 120, 80.25):
        post(path, json.dumps(said | {"amount_total": total}).encode())
    read_inbox(store)
    assert [row[3] for row in list_rows(store)[0]] == [80.25]


def test_a_retry_that_counts_its_attempts_is_one_event(store, post):
    path = create_hook(store, "hub", "hubspot")
    [event, *_] = json.loads(PAYLOADS["hubspot"].read_text())
    for attempt in range(3):
        post(path, json.dumps([event | {"attemptNumber": attempt}]).encode())
    read_inbox(store)
    assert len(list_letters(store)) == 3
    assert len(list_rows(store)[1]) == 1


def test_two_sources_may_use_one_id(store, post):
    for source in ("shop-a", "shop-b"):
        post(create_hook(store, source, "odoo"), PAYLOADS["odoo"].read_bytes())
    read_inbox(store)
    assert len(list_rows(store)[0]) == 2


@pytest.mark.parametrize("way", WAYS)
def test_only_what_the_crm_signed_a_moment_ago_is_taken(store, post, way):
    sign, form, timed = WAYS[way]
    path = create_hook(store, "crm", form, SECRET)
    body, url = PAYLOADS[form].read_bytes(), f"https://127.0.0.1{path}"
    wrong = [
        post(path, body),
        post(path, body + b" ", **sign(body, url=url)),
        post(path, body, **{name: told[:-1] + "A" for name, told in sign(body, url=url).items()}),
        post(path, body, **dict.fromkeys(sign(body, url=url), b"\xe9\xff")),
        post(path, body, **dict.fromkeys(sign(body, url=url), "")),
        *([post(path, body, **sign(body, s, url)) for s in (310, -310)] if timed else []),
    ]
    for answer in wrong:
        problem = assert_problem(answer, 401, "wrong_signature")
        assert problem["instance"] == "/v1/hooks/{source}/{token}"
        assert answer.headers["www-authenticate"] == 'Signature realm="patron"'
    assert list_letters(store) == []
    late = 250 if timed else 0
    assert post(path, body, **sign(body, late, url)).status_code == 202
    assert len(list_letters(store)) == 1


def test_hubspots_own_example_is_right():
    body = (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
        b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,'
        b'"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    )
    told = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    headers = {"x-hubspot-signature": told, "x-hubspot-signature-version": "v1"}
    sent = Sent(headers, body, "", datetime.now(UTC))
    assert verify_hubspot("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", sent)
    assert not verify_hubspot("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyz", sent)


def test_a_wrong_address_is_one_that_does_not_exist(store, post, app):
    path = create_hook(store, "crm", "odoo")
    ended = create_hook(store, "ended", "odoo")
    revoke_hook(store, "ended")
    body = PAYLOADS["odoo"].read_bytes()
    nowhere = parse(post("/v1/nowhere", body).text) | {"request_id": ""}
    places = [path[:-1] + "~", path.replace("crm", "nobody"), ended, "/v1/hooks/a%00b/x",
              "/v1/hooks/crm/%ff", f"{path}x"]  # fmt: skip
    for place in places:
        answer = post(place, body)
        assert_problem(answer, 404, "not_found")
        assert parse(answer.text) | {"request_id": ""} == nowhere, place
    assert post(f"{path}/", body).status_code == 404
    assert_problem(call(Front(app, app), "GET", path), 405, "method_not_allowed")
    assert list_letters(store) == []


def test_a_body_too_large_or_not_json_is_refused(store, post):
    path, more = create_hook(store, "crm", "plain"), create_hook(store, "klaviyo", "klaviyo")
    filler = b'[{"x": "' + b"y" * LARGEST + b'"}]'
    assert_problem(post(path, filler), 413, "body_too_large")
    assert post(more, filler).status_code == 202
    assert post(path, b"[" + b" " * (LARGEST - 2) + b"]").status_code == 202
    for body in (b"", b"a=1&b=2", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff"):
        assert_problem(post(path, body), 400, "not_json")
    assert len(list_letters(store)) == 2


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_crm_may_send_any_headers_or_none(store, post, kind):
    path = create_hook(store, "odoo", "odoo")
    headers = {"content-type": kind} if kind else {}
    assert post(path, PAYLOADS["odoo"].read_bytes(), **headers).status_code == 202


SHAPES = ("[]", "{}", "1", '"text"', "null", "[[]]", '[{"a": 1}]', '{"data": [1]}', '{"_model": 1}')


@pytest.mark.parametrize("form", FORMS)
def test_a_body_of_any_other_shape_is_kept_and_counted(store, post, form):
    path = create_hook(store, "crm", form)
    for body in SHAPES:
        assert post(path, body.encode()).status_code == 202
    assert read_inbox(store) == len(SHAPES)
    for body, letter in zip(SHAPES, list_letters(store), strict=True):
        assert (letter["rows"], letter["body"]) == (0, b"")
        fault = letter["fault"]
        assert fault in (None, "wrong_form:1", "no_customer:1"), (body, fault)
        assert fault is not None or body == "[]", body


def test_of_an_array_the_rows_that_are_right_are_taken(store, post):
    right = {"customer_id": "C-1", "kind": "visit", "occurred_at": "2026-05-01T00:00:00Z"}
    rows = [right, {**right, "kind": ""}, {**right, "occurred_at": "soon"}, {**right, "age": 7}]
    post(create_hook(store, "own", "plain"), json.dumps([*rows, {"kind": "visit"}]).encode())
    read_inbox(store)
    assert [row[:2] for row in list_rows(store)[1]] == [("C-1", "visit")]
    assert list_letters(store)[0]["fault"] == "no_customer:1,wrong_form:3"
    with store.read() as connection:
        [tally] = list_hooks(connection)
    assert tally == ("own", "plain", False, False, 1, 0, 1, 1)


def test_no_one_is_told_the_token_or_the_customer(store, post, app, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    path = create_hook(store, "crm", "odoo")
    token = path.rpartition("/")[2]
    said = [post(path, b"{").text, post(f"{path}x", b"{}").text]
    said.append(post(path, b'{"_model": "res.partner", "_id": "Jane-1042"}').text)
    app.state.store = None
    said.append(post(path, b"{}").text)
    said.append(generate_latest(gather_metrics(app.state)).decode())
    assert 'route="/v1/hooks/{source}/{token}",status="202"' in said[-1]
    for text in (*said, caplog.text):
        assert token not in text
        assert "Jane-1042" not in text


def test_the_token_is_told_once_and_kept_as_a_hash(store):
    path = create_hook(store, "crm", "odoo")
    token = path.rpartition("/")[2]
    assert len(token) == 43
    with store.read() as connection:
        [row] = connection.execute(sql.select(HOOKS)).mappings()
    assert row["hash"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(dict(row))
    with pytest.raises(HookError, match="patron hooks revoke crm"):
        create_hook(store, "crm", "odoo")
    revoke_hook(store, "crm")
    assert create_hook(store, "crm", "plain") != path
    for wrong in ("", "A", "a/b", "x" * 49, "ü"):
        with pytest.raises(HookError):
            create_hook(store, wrong, "odoo")
    with pytest.raises(HookError, match="no address"):
        revoke_hook(store, "nobody")


def test_while_the_store_is_away_a_caller_is_told_to_come_back(post, app):
    app.state.store = open_store("postgresql+psycopg://postgres@127.0.0.1:1/none")
    answer = post("/v1/hooks/crm/token", b"{}")
    assert_problem(answer, 503, "store_down")
    assert answer.headers["retry-after"] == "2"


def test_a_reader_reads_within_a_second(store, post, app):
    app.state.reader = Reader(store)
    try:
        path = create_hook(store, "odoo", "odoo")
        assert post(path, PAYLOADS["odoo"].read_bytes()).status_code == 202
        until = time.monotonic() + 1
        while not list_rows(store)[0] and time.monotonic() < until:
            time.sleep(0.02)
        assert len(list_rows(store)[0]) == 1
    finally:
        app.state.reader.stop()


@pytest.mark.parametrize("form", ["plain"])
def test_forms_that_sign_nothing_take_no_secret(store, form):
    with pytest.raises(HookError, match="no use"):
        create_hook(store, "crm", form, SECRET)
