"""Webhooks as a CRM meets them: a service that answers in time, is killed, and has lost nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import sqlalchemy as sql

from serving.bento import find_sources
from serving.hooks.addresses import create_hook
from serving.store.opened import open_store
from serving.store.schema import INBOX, TRANSACTIONS
from tests.serving.bundles import make_bundles
from tests.serving.running import ENDED_WITHIN_S, find_port, wait_until_it_answers

POSTS, AT_ONCE = 100, 4
WITHIN_S = 0.3  # a CRM that waits for one second has to have its answer by then

SERVE = ("-m", "bentoml", "serve", "serving.app:Patron", "--host", "127.0.0.1")


@contextmanager
def serving(home):
    """Serve with the store at home until the block ends, and end it as a power cut would."""
    port, log = find_port(), home / "service.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PATRON_")}
    environment |= {
        "PYTHONPATH": str(find_sources()),
        "PATRON_HOME": str(home),
        "PATRON_BUNDLES": str(home / "bundles"),
        "PATRON_METRICS_PORT": str(port + 1),
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, *SERVE, "--port", str(port), "--working-dir", str(find_sources())],
            env=environment, cwd=home, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until_it_answers(client, process, log)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(ENDED_WITHIN_S)


def sell(number, customer="Jane-1042"):
    return {"_model": "sale.order", "_id": number, "partner_id": customer, "amount_total": 40,
            "date_order": f"2026-05-{number % 28 + 1:02} 10:00:00", "write_date": ""}  # fmt: skip


def test_a_webhook_is_answered_in_time_reaches_the_next_score_and_survives_a_kill(tmp_path):
    make_bundles(tmp_path / "bundles")
    store = open_store(f"sqlite:///{tmp_path / 'patron.db'}")
    path = create_hook(store, "odoo", "odoo")
    with serving(tmp_path) as client:
        before = ask_stage(client)
        assert client.post(path, json=sell(0)).status_code == 202
        until = time.monotonic() + 1
        while ask_stage(client) == before and time.monotonic() < until:
            time.sleep(0.05)
        assert (before, ask_stage(client)) == ("prospect", "active")

        def post(number):
            began = time.perf_counter()
            answer = client.post(path, json=sell(number))
            return answer.status_code, time.perf_counter() - began

        runs = []
        for run in range(3):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                numbers = range(1 + run * POSTS, 1 + (run + 1) * POSTS)
                told = list(pool.map(post, numbers))
            assert {status for status, _ in told} == {202}
            runs.append(sorted(seconds for _, seconds in told)[98])
        # The median of three runs' 99th percentiles: other work on the machine is not the service.
        assert sorted(runs)[1] <= WITHIN_S, runs
        last = client.post(path, json=sell(9_999))
    assert last.status_code == 202
    # Killed at once: what was answered is on disk, read or not.
    with store.read() as connection:
        assert connection.execute(sql.select(sql.func.count()).select_from(INBOX)).scalar() == 302
    with serving(tmp_path):
        until = time.monotonic() + 10
        while count_rows(store) < 302 and time.monotonic() < until:
            time.sleep(0.05)
        assert count_rows(store) == 302
    store.close()
    said = (tmp_path / "service.log").read_text()
    assert path.rpartition("/")[2] not in said
    assert "Jane-1042" not in said


def ask_stage(client):
    asked = {"as_of": "2026-06-01T00:00:00Z", "records": [{"customer_id": "Jane-1042"}]}
    answer = client.post("/v1/scores", json=asked)
    assert answer.status_code == 200, answer.text
    [result] = json.loads(answer.text)["results"]
    return result["stage"]


def count_rows(store):
    with store.read() as connection:
        return connection.execute(sql.select(sql.func.count()).select_from(TRANSACTIONS)).scalar()
