"""Real worker processes: killed at any moment they lose nothing and double nothing."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sql

from serving.bento import find_sources
from serving.jobs.pieces import keep_pieces
from serving.jobs.queue import Wish, make_id, put
from serving.store.opened import WAIT_S
from serving.store.schema import JOB_CUSTOMERS, JOBS, RECEIPTS
from tests.serving.bundles import make_bundles
from tests.serving.jobs.test_posts import count
from tests.serving.jobs.test_work import write_lines

CUSTOMERS = 12_000
KILLS = 4
ASKED = '{"as_of": "2026-06-01T00:00:00Z"}'


@pytest.fixture
def bundles(tmp_path):
    return make_bundles(tmp_path / "bundles")


@contextmanager
def working(url, bundles, log):
    """Run `patron worker` until the block ends; it is gone then, whatever happened."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "MLFLOW_"))}
    told = {"PATRON_STORE": url, "PATRON_BUNDLES": str(bundles), "PYTHONPATH": str(find_sources())}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "worker"], env=kept | told, cwd=bundles, stderr=said,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)


def leave(store, text, key):
    job_id = make_id()
    keep_pieces(store, job_id, io.BytesIO(text.encode()))
    put(store, Wish("", key, key, "upload", "csv", ASKED), job_id)
    return job_id


def look(store, job, *names):
    with store.read() as connection:
        found = sql.select(*(JOBS.c[name] for name in names)).where(JOBS.c.job_id == job)
        return tuple(connection.execute(found).one())


def wait_for(store, job, seen, seconds=120):
    end = time.monotonic() + seconds
    while not seen(*look(store, job, "state", "succeeded", "attempts")):
        assert time.monotonic() < end, look(store, job, "state", "succeeded", "attempts", "fault")
        time.sleep(0.02)


def wait_until(seen, seconds=90):
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.02)


def read_told(store, job):
    with store.read() as connection:
        columns = [JOB_CUSTOMERS.c[name] for name in ("customer_id", "outcome", "told")]
        own = sql.select(*columns).where(JOB_CUSTOMERS.c.job_id == job)
        return [tuple(row) for row in connection.execute(own.order_by(JOB_CUSTOMERS.c.row))]


def test_a_worker_killed_at_any_moment_loses_nothing_and_doubles_nothing(
    store, url, bundles, tmp_path
):
    text, log, draw = write_lines(CUSTOMERS), tmp_path / "worker.log", random.Random()
    job = leave(store, text, "killed")
    seen = []
    for n in range(KILLS):
        (done,) = look(store, job, "succeeded")
        with working(url, bundles, log) as process:
            if n % 2:  # once it has written a part, else once it has taken the job
                wait_for(store, job, lambda state, now, _, was=done: now > was)
            else:
                begun = log.read_text().count("is being worked on")
                wait_until(lambda was=begun: log.read_text().count("is being worked on") > was)
            time.sleep(draw.uniform(0, 0.8))
            process.send_signal(signal.SIGKILL)
        state, done = look(store, job, "state", "succeeded")
        seen.append(done)
        assert state == "processing" or n == KILLS - 1, f"it was complete after {seen}"
        assert done == sum(1 for row in read_told(store, job) if row[1] == "succeeded")
    with working(url, bundles, log):
        wait_for(store, job, lambda state, *_: state == "complete")
        undisturbed = leave(store, text, "undisturbed")
        wait_for(store, undisturbed, lambda state, *_: state == "complete")
    assert look(store, job, "total", "succeeded", "failed") == (CUSTOMERS, CUSTOMERS, 0)
    assert read_told(store, job) == read_told(store, undisturbed)
    assert count(store, RECEIPTS) == CUSTOMERS
    assert len({row[0] for row in read_told(store, job)}) == CUSTOMERS
    assert len(set(seen)) > 2, f"the kills met the job at {seen}"
    assert "Traceback" not in log.read_text()


def test_a_worker_asked_to_stop_ends_its_part_and_leaves_at_once(store, url, bundles, tmp_path):
    customers = 6_000
    job = leave(store, write_lines(customers), "stopped")
    log = tmp_path / "worker.log"
    with working(url, bundles, log) as process:
        wait_for(store, job, lambda state, done, _: done > 0)
        process.terminate()
        assert process.wait(20) == 0
    done = look(store, job, "succeeded")[0]
    assert 0 < done < customers and done % 1_000 == 0
    with working(url, bundles, log):
        began = time.monotonic()
        wait_for(store, job, lambda state, now, _: now > done)
        assert time.monotonic() - began < 30
        wait_for(store, job, lambda state, *_: state == "complete")
    assert look(store, job, "succeeded") == (customers,)


def test_several_workers_share_the_jobs_and_none_is_done_twice(store, url, bundles, tmp_path):
    if store.embedded:
        log = tmp_path / "worker.log"
        with working(url, bundles, log) as first:
            time.sleep(2)
            with working(url, bundles, log) as second:
                assert second.wait(20) == 1
            assert first.poll() is None
        assert "Another worker works on this store." in log.read_text()
        return
    jobs = [leave(store, write_lines(500), f"k{n}") for n in range(8)]
    logs = [tmp_path / f"worker-{n}.log" for n in range(3)]
    with working(url, bundles, logs[0]), working(url, bundles, logs[1]), \
            working(url, bundles, logs[2]):  # fmt: skip
        for job in jobs:
            wait_for(store, job, lambda state, *_: state == "complete")
    begun = [line.split()[2] for log in logs for line in log.read_text().splitlines()]
    assert sorted(begun) == sorted(jobs)
    assert sum(bool(log.read_text()) for log in logs) >= 2
    assert count(store, JOB_CUSTOMERS) == 4_000


def interrupt(store):
    """Have the store fail whoever uses it: its connections end, or its one writer is another."""
    if store.embedded:
        with store.write():
            time.sleep(WAIT_S + 2)
        return
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    there = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(300):  # so that some end within a transaction
        with store.read() as connection:
            connection.execute(sql.text(f"{others} {there}"))
        time.sleep(0.005)


def test_a_worker_outlives_a_store_that_fails_it(store, url, bundles, tmp_path):
    job, log = leave(store, write_lines(6_000), "interrupted"), tmp_path / "worker.log"
    with working(url, bundles, log) as process:
        wait_for(store, job, lambda state, now, _: now > 0)
        interrupt(store)
        wait_for(store, job, lambda state, *_: state == "complete")
        assert process.poll() is None
    assert look(store, job, "total", "succeeded", "failed") == (6_000, 6_000, 0)
    assert len({row[0] for row in read_told(store, job)}) == 6_000
    assert "The store does not answer" in log.read_text()
