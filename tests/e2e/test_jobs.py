"""Jobs from end to end: a real service and a real worker on one store, SQLite or PostgreSQL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sql

from serving.bento import find_sources
from serving.store.opened import open_store
from serving.store.schema import JOB_CHUNKS, JOB_CUSTOMERS, JOB_KEYS, JOBS
from tests.serving.bundles import make_bundles
from tests.serving.running import assert_problem, running

AT_ONCE = 200
AS_OF = "2026-06-01T00:00:00Z"
CSV = {"content-type": "text/csv"}
LINES = "customer_id,order_id,ordered_at,amount\n" + "".join(
    f"C-{n:04},{n},2026-05-{1 + n % 28:02},{n}.5\n" for n in range(1_500)
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request, tmp_path_factory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('store') / 'patron.db'}"
    return str(request.getfixturevalue("scratch_database"))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> Path:
    return make_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def client(url, bundles, tmp_path_factory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("home")
    with running(home, bundles, url, app="serving.app:Patron") as (client, _):
        end = time.monotonic() + 30
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield client


@pytest.fixture(scope="module")
def worker(url, bundles, client) -> Iterator[subprocess.Popen]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "MLFLOW_"))}
    told = {"PATRON_STORE": url, "PATRON_BUNDLES": str(bundles), "PYTHONPATH": str(find_sources())}
    command = [sys.executable, "-m", "cli", "worker"]
    process = subprocess.Popen(command, env=kept | told, cwd=bundles, start_new_session=True)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)


def insist(client: httpx.Client, key: str, body: bytes | str, **headers: str) -> httpx.Response:
    """Post until the service is not too busy, as its Retry-After asks."""
    end = time.monotonic() + 60
    while True:
        told = headers | {"idempotency-key": key}
        answer = client.post(f"/v1/jobs?as_of={AS_OF}", content=body, headers=told)
        if answer.status_code != 503:
            return answer
        assert time.monotonic() < end
        time.sleep(0.05 * int(answer.headers["retry-after"]))


def count(url: str) -> dict[str, int]:
    store = open_store(url)
    counts = {}
    with store.read() as connection:
        for table in (JOBS, JOB_KEYS, JOB_CHUNKS, JOB_CUSTOMERS):
            asked = sql.select(sql.func.count()).select_from(table)
            counts[table.name] = connection.execute(asked).scalar_one()
    store.close()
    return counts


@pytest.mark.parametrize("kind", ["upload", "store"])
def test_two_hundred_at_once_under_one_key_make_one_job(client, url, kind):
    before = count(url)
    body, headers = (LINES, CSV) if kind == "upload" else (
        '{"source": "store"}', {"content-type": "application/json"})  # fmt: skip
    limits = httpx.Limits(max_connections=AT_ONCE)
    with (
        httpx.Client(base_url=client.base_url, timeout=60, limits=limits) as many,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        told = list(pool.map(lambda _: insist(many, kind, body, **headers), range(AT_ONCE)))
    assert {answer.status_code for answer in told} == {202}
    assert len({answer.json()["job_id"] for answer in told}) == 1
    assert len({answer.headers["location"] for answer in told}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in told) == 1
    after = count(url)
    assert after["patron_jobs"] - before["patron_jobs"] == 1
    assert after["patron_job_keys"] - before["patron_job_keys"] == 1
    assert after["patron_job_chunks"] - before["patron_job_chunks"] == (kind == "upload")
    other = insist(client, kind, LINES.replace("C-0001", "C-0002"), **CSV)
    assert_problem(other, 422, "idempotency_key_reused")


def test_an_upload_is_answered_by_the_worker_and_told_page_by_page(client, worker):
    made = insist(client, "pages", LINES, **CSV)
    end = time.monotonic() + 60
    while (job := client.get(made.headers["location"]).json())["state"] != "complete":
        assert job["state"] in ("queued", "processing")
        assert time.monotonic() < end
        time.sleep(0.1)
    assert job["counts"] == {"total": 1500, "succeeded": 1500, "failed": 0, "unprocessed": 0}
    rows, query = [], "?outcome=succeeded&limit=1000"
    while query:
        page = client.get(f"{made.headers['location']}/results{query}").json()
        rows += page["results"]
        cursor = page.get("next_cursor")
        query = cursor and f"?outcome=succeeded&limit=1000&cursor={cursor}"
    assert [row["customer_id"] for row in rows] == [f"C-{n:04}" for n in range(1_500)]
    lines = [line.split(",") for line in LINES.splitlines()[1:101]]
    records = [
        {"record_id": who, "customer_id": who, "transactions": [
            {"order_id": order, "ordered_at": f"{day}T00:00:00Z", "amount": amount}]}
        for who, order, day, amount in lines
    ]  # fmt: skip
    scored = client.post("/v1/scores", json={"as_of": AS_OF, "records": records}).json()
    assert rows[:100] == scored["results"]
    receipts = [row["receipt"] for row in rows[:50]]
    replayed = client.post("/v1/replays", json={"receipts": receipts}).json()
    assert [one["equal"] for one in replayed["results"]] == [True] * 50


def test_an_upload_may_take_longer_than_other_requests_do(client):
    """BentoML ends what has not answered within 30 s; an upload over a slow line goes on."""
    parts = [LINES[first : first + 4_000].encode() for first in range(0, len(LINES), 4_000)]

    def drip() -> Iterator[bytes]:
        for part in parts:
            yield part
            time.sleep(34 / len(parts))

    began = time.monotonic()
    headers = CSV | {"idempotency-key": "slow"}
    answer = client.post(f"/v1/jobs?as_of={AS_OF}", content=drip(), headers=headers, timeout=60)
    assert time.monotonic() - began > 33
    assert answer.status_code == 202, answer.text


def test_jobs_survive_what_holds_them(url, bundles, client, worker, tmp_path):
    made = insist(client, "survives", LINES, **CSV)
    with running(tmp_path, bundles, url, app="serving.app:Patron") as (again, _):
        end = time.monotonic() + 60
        while (answer := again.get(made.headers["location"])).json()["state"] != "complete":
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answer.json()["counts"]["succeeded"] == 1_500
