"""Who wants to know that a job ended is told: signed, again until it is heard, and no secret."""

import base64
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
import sqlalchemy as sql

from serving.jobs import delivering, signing
from serving.jobs.delivering import WAITS, deliver_one
from serving.jobs.queue import DAY_US, forget_jobs
from serving.jobs.webhooks import (
    WebhookError,
    create_webhook,
    list_webhooks,
    revoke_webhook,
    rotate_webhook,
)
from serving.store.opened import now_us
from serving.store.schema import DELIVERIES, WEBHOOKS
from tests.serving.jobs.test_posts import post, send
from tests.serving.jobs.test_work import AS_OF, do, fill, read_job, start
from tests.serving.jobs.test_worker import leave, wait_for, wait_until, working


class Got(NamedTuple):
    """What came to a receiver."""

    headers: dict[str, str]
    body: bytes


class Receiver(NamedTuple):
    """A server that answers what it is told to, and remembers what came."""

    url: str
    got: list[Got]
    answers: list[int]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@contextmanager
def receiving(wait: Callable[[], None] = lambda: None) -> Iterator[Receiver]:
    got: list[Got] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(Got({k.lower(): v for k, v in self.headers.items()}, body))
            wait()
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hooks?of=patron", got, answers)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def verify(secret: str, got: Got) -> list[bool]:
    """Return of each signature whether OpenSSL makes the same: it knows nothing of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_")).hex()
    said = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary"]
    made = subprocess.run(command, input=said, capture_output=True, check=True).stdout
    told = f"v1,{base64.b64encode(made).decode()}"
    return [one == told for one in got.headers["webhook-signature"].split(" ")]


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def test_signatures_are_those_of_the_published_vector():
    told = signing.sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}',
    )  # fmt: skip
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@needs_openssl
def test_the_end_of_a_job_is_told_signed_and_without_a_customer(ask, store, scorer, receiver):
    webhook, secret = create_webhook(store, receiver.url)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    assert not deliver_one(store, print)
    do(store, scorer)
    began = int(time.time())
    assert deliver_one(store, print)
    assert not deliver_one(store, print)
    (got,) = receiver.got
    assert verify(secret, got) == [True]
    assert got.headers["content-type"] == "application/json"
    assert re.fullmatch(r"msg_[0-9a-f]{24}", got.headers["webhook-id"])
    assert began <= int(got.headers["webhook-timestamp"]) <= int(time.time())
    said = json.loads(got.body)
    counts = {"total": 41, "succeeded": 41, "failed": 0, "unprocessed": 0}
    assert said["data"] == {"job_id": job, "state": "complete", "counts": counts}
    assert said["type"] == "job.complete"
    ended = read_job(ask, job)["ended_at"]
    assert said["timestamp"][:23] == ended[:23]
    assert set(said) == {"type", "timestamp", "data"}
    assert len(got.body) < 20_000
    assert [(one.state, one.told, one.waiting) for one in list_webhooks(store)] == [("live", 1, 0)]
    assert not verify("whsec_" + base64.b64encode(b"x" * 32).decode(), got)[0]
    assert webhook == list_webhooks(store)[0].webhook_id


def test_cancelled_and_failed_jobs_are_told_too_and_each_webhook_is(ask, store, scorer, receiver):
    for _ in range(2):
        create_webhook(store, receiver.url)
    cancelled = start(post(ask))
    ask("POST", f"/v1/jobs/{cancelled}/cancel")
    ask("POST", f"/v1/jobs/{cancelled}/cancel")
    failed = start(send(ask, b'{"customer_id": "C-1"}\n{"customer_id": secret\n',
                        "application/x-ndjson", "k2"))  # fmt: skip
    do(store, scorer)
    while deliver_one(store, print):
        pass
    told = [(e["type"], e["data"]["job_id"]) for e in (json.loads(g.body) for g in receiver.got)]
    assert sorted(told) == sorted([("job.cancelled", cancelled), ("job.failed", failed)] * 2)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 4
    assert not any(b"C-1" in got.body or b"secret" in got.body for got in receiver.got)


def make_event(ask):
    ask("POST", f"/v1/jobs/{start(post(ask, key=str(time.monotonic_ns())))}/cancel")


def test_what_is_not_heard_is_told_again_for_a_day_and_then_given_up(
    ask, store, receiver, monkeypatch
):
    create_webhook(store, receiver.url)
    make_event(ask)
    now, waited = now_us(), []
    receiver.answers[:] = [500, 302, 404, 429, *[503] * 20]
    for _ in range(len(WAITS)):
        monkeypatch.setattr(delivering, "now_us", lambda at=now: at)
        said = []
        assert deliver_one(store, said.append)
        assert "not told" in said[0]
        assert not deliver_one(store, print)
        with store.read() as connection:
            due = connection.execute(sql.select(DELIVERIES.c.due_us)).scalar_one()
        waited.append((due - now) / 1e6)
        now = due
    monkeypatch.setattr(delivering, "now_us", lambda: now)
    assert deliver_one(store, print)
    assert all(w <= s <= 1.21 * w for w, s in zip(WAITS, waited, strict=True))
    assert sum(WAITS) >= 86_400
    assert waited[0] < 10
    now += 7 * DAY_US
    assert not deliver_one(store, print)
    assert len(receiver.got) == len(WAITS) + 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert list_webhooks(store)[0].given_up == 1
    monkeypatch.setattr("serving.jobs.queue.now_us", lambda: now + DAY_US)
    forget_jobs(store)
    assert list_webhooks(store)[0].given_up == 0


def test_a_receiver_that_comes_back_is_told(ask, store, receiver, monkeypatch):
    create_webhook(store, receiver.url)
    make_event(ask)
    receiver.answers[:] = [503, 202]
    assert deliver_one(store, print)
    later = now_us() + 10_000_000
    monkeypatch.setattr(delivering, "now_us", lambda: later)
    assert deliver_one(store, print)
    assert not deliver_one(store, print)
    assert list_webhooks(store)[0].told == 1


def test_a_receiver_that_is_gone_is_told_no_more_until_made_anew(ask, store, receiver):
    webhook, _ = create_webhook(store, receiver.url)
    receiver.answers[:] = [410]
    make_event(ask)
    make_event(ask)
    assert deliver_one(store, print)
    assert not deliver_one(store, print)
    assert list_webhooks(store)[0][1:5] == ("disabled", 0, 0, 2)
    make_event(ask)
    assert not deliver_one(store, print)
    assert len(receiver.got) == 1
    with pytest.raises(WebhookError):
        rotate_webhook(store, webhook)
    with store.read() as connection:
        assert connection.execute(sql.select(WEBHOOKS.c.secret)).scalar_one() is None


@needs_openssl
def test_while_a_secret_is_changed_both_sign(ask, store, receiver, monkeypatch):
    webhook, first = create_webhook(store, receiver.url)
    second = rotate_webhook(store, webhook)
    make_event(ask)
    assert deliver_one(store, print)
    assert (verify(second, receiver.got[0]), verify(first, receiver.got[0])) == (
        [True, False], [False, True],
    )  # fmt: skip
    later = now_us() + DAY_US + 60_000_000
    make_event(ask)
    monkeypatch.setattr(delivering, "now_us", lambda: later)
    assert deliver_one(store, print)
    assert verify(second, receiver.got[1]) == [True]


def test_a_revoked_webhook_is_told_nothing(ask, store, receiver):
    webhook, _ = create_webhook(store, receiver.url)
    make_event(ask)
    revoke_webhook(store, webhook)
    make_event(ask)
    assert not deliver_one(store, print)
    assert receiver.got == []
    with pytest.raises(WebhookError):
        revoke_webhook(store, webhook)


def test_a_receiver_that_hangs_or_is_away_is_left_soon(ask, store, monkeypatch):
    monkeypatch.setattr(delivering, "TIMEOUT_S", 0.5)
    over = threading.Event()
    with receiving(lambda: over.wait(10)) as slow:
        create_webhook(store, slow.url)
        make_event(ask)
        began, said = time.monotonic(), []
        assert deliver_one(store, said.append)
        assert time.monotonic() - began < 5
        assert "no answer in time" in said[0]
        over.set()
    revoke_webhook(store, list_webhooks(store)[0].webhook_id)
    create_webhook(store, slow.url)  # where nobody listens now
    make_event(ask)
    assert deliver_one(store, said.append)
    assert "ConnectionRefusedError" in said[1]
    assert not any("127.0.0.1" in one for one in said)


@pytest.mark.parametrize(
    "place",
    [
        "http://crm.example/hooks", "ftp://crm.example/", "crm.example", "", "https://",
        "https://user:word@crm.example/", "https://crm.example:0/", "https://crm.example:x/",
        "file:///etc/passwd", "http://127.0.0.1.crm.example/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(store, place):
    with pytest.raises(WebhookError):
        create_webhook(store, place)
    assert list_webhooks(store) == []


@needs_openssl
def test_a_worker_tells_and_tells_after_it_was_killed(store, url, tmp_path, receiver):
    from tests.serving.bundles import make_bundles

    bundles, log = make_bundles(tmp_path / "bundles"), tmp_path / "worker.log"
    _, secret = create_webhook(store, receiver.url)
    receiver.answers[:] = [503]
    job = leave(store, "customer_id\nC-1\nC-2\n", "k")
    with working(url, bundles, log) as process:
        wait_for(store, job, lambda state, *_: state == "complete")
        wait_until(lambda: len(receiver.got) == 1)
        process.kill()
    with working(url, bundles, log):
        wait_until(lambda: list_webhooks(store)[0].told == 1)
    assert len(receiver.got) >= 2
    assert all(verify(secret, got) == [True] for got in receiver.got)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert json.loads(receiver.got[-1].body)["data"]["job_id"] == job
