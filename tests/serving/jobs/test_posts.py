"""Jobs asked for: one for each key, of whoever asked, whatever comes in and however often."""

import gzip
import io
import json
import zlib
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
import sqlalchemy as sql

from serving.jobs import queue
from serving.jobs.pieces import keep_pieces
from serving.jobs.queue import DAY_US, forget_jobs
from serving.privacy import erase_customers
from serving.routes import uploads
from serving.store.keys import Wish, create_key, read_keys
from serving.store.opened import now_us
from serving.store.schema import JOB_CHUNKS, JOB_KEYS, JOBS
from tests.serving.running import assert_problem, parse

JSON = {"content-type": "application/json"}
CSV = "customer_id,order_id,ordered_at,amount\nC-1,1,2026-05-01,9.90\nC-2,2,2026-05-02,20\n"
LINES = pl.read_csv(io.StringIO(CSV), infer_schema=False)


def post(ask, said=None, key="k1", **headers):
    content = json.dumps(said or {"source": "store"})
    named = {"idempotency-key": key} if key else {}
    return ask("POST", "/v1/jobs", content=content, headers=JSON | named | headers)


def send(ask, body, kind, key="u1", query=""):
    headers = {"content-type": kind, "idempotency-key": key}
    return ask("POST", f"/v1/jobs{query}", content=body, headers=headers)


def count(store, table):
    with store.read() as connection:
        return connection.execute(sql.select(sql.func.count()).select_from(table)).scalar_one()


def test_a_job_is_accepted_and_found_again(ask):
    asked = {"source": "store", "as_of": "2026-06-01T00:00:00Z", "targets": ["churn"], "reasons": 2}
    answer = post(ask, asked)
    assert answer.status_code == 202, answer.text
    told = parse(answer.text)
    assert told.pop("request_id") == answer.headers["x-request-id"]
    assert answer.headers["location"] == f"/v1/jobs/{told['job_id']}"
    assert "idempotency-replayed" not in answer.headers
    assert {n: told[n] for n in ("state", "source", "as_of", "targets", "reasons", "language")} == {
        "state": "queued", "source": "store", "as_of": "2026-06-01T00:00:00Z",
        "targets": ["churn"], "reasons": 2, "language": "en",
    }  # fmt: skip
    assert told["counts"] == {"succeeded": 0, "failed": 0}
    assert "ended_at" not in told
    found = parse(ask("GET", answer.headers["location"]).text)
    found.pop("request_id")
    assert found == told
    listed = parse(ask("GET", "/v1/jobs").text)
    assert listed["jobs"] == [told]
    assert "next_cursor" not in listed


def test_the_same_key_and_body_is_the_same_job_and_another_body_is_refused(ask, store):
    first, again = post(ask), post(ask)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert parse(again.text)["job_id"] == parse(first.text)["job_id"]
    assert_problem(post(ask, {"source": "store", "reasons": 1}), 422, "idempotency_key_reused")
    other = post(ask, key="k2")
    assert parse(other.text)["job_id"] != parse(first.text)["job_id"]
    assert count(store, JOBS) == 2


def test_a_cancelled_job_is_replayed_too_and_not_made_anew(ask):
    job = parse(post(ask).text)["job_id"]
    for _ in range(2):
        told = ask("POST", f"/v1/jobs/{job}/cancel")
        assert (told.status_code, parse(told.text)["state"]) == (200, "cancelled")
    again = post(ask)
    assert (parse(again.text)["job_id"], parse(again.text)["state"]) == (job, "cancelled")


def test_a_key_is_kept_for_a_day(ask, store, monkeypatch):
    first = parse(post(ask).text)["job_id"]
    now = now_us()
    monkeypatch.setattr(queue, "now_us", lambda: now + DAY_US - 60_000_000)
    assert parse(post(ask).text)["job_id"] == first
    monkeypatch.setattr(queue, "now_us", lambda: now + DAY_US + 60_000_000)
    later = post(ask, {"source": "store", "reasons": 1})
    assert later.status_code == 202
    assert parse(later.text)["job_id"] != first
    assert count(store, JOB_KEYS) == 1


def test_without_a_key_nothing_is_taken(ask, store):
    for key in ("", " ", "x" * 256):
        assert_problem(post(ask, key=key), 400, "idempotency_key_missing")
    bare = ask("POST", "/v1/jobs", content=CSV, headers={"content-type": "text/csv"})
    assert_problem(bare, 400, "idempotency_key_missing")
    assert count(store, JOBS) == count(store, JOB_CHUNKS) == 0
    in_address = ask(
        "POST", "/v1/jobs?idempotency_key=k", content=b'{"source":"store"}', headers=JSON
    )
    assert in_address.status_code == 202


@pytest.mark.parametrize("source", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "x"])
def test_a_source_is_never_a_place_that_the_caller_names(ask, source):
    problem = assert_problem(post(ask, {"source": source}), 422, "wrong_form")
    assert problem["errors"][0]["code"] == "unknown_source"
    assert source not in json.dumps(problem).replace("x-", "") or source == "x"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"source": "store", "targets": ["weather"]}, "/targets/0"),
        ({"source": "store", "as_of": "2199-01-01T00:00:00Z"}, "/as_of"),
        ({"source": "store", "reasons": 11}, "/reasons"),
        ({"source": "store", "language": "fr"}, "/language"),
        ({"as_of": "2026-01-01T00:00:00Z"}, "/source"),
        ({"source": "store", "path": "x"}, ""),
    ],
)
def test_what_cannot_be_answered_is_refused_at_once_and_takes_no_key(ask, store, said, pointer):
    problem = assert_problem(post(ask, said), 422, "wrong_form")
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert count(store, JOB_KEYS) == count(store, JOBS) == 0


def as_parquet():
    file = io.BytesIO()
    LINES.write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "form", "body"),
    [
        ("text/csv; charset=utf-8", "csv", CSV.encode()),
        ("application/x-ndjson", "jsonl", LINES.write_ndjson().encode()),
        ("application/vnd.apache.parquet", "parquet", as_parquet()),
    ],
)
def test_an_upload_is_kept_byte_by_byte(ask, store, kind, form, body):
    answer = send(ask, body, kind, query="?as_of=2026-06-01T00:00:00Z&targets=churn&reasons=1")
    assert answer.status_code == 202, answer.text
    told = parse(answer.text)
    assert (told["source"], told["targets"], told["reasons"]) == ("upload", ["churn"], 1)
    with store.read() as connection:
        assert connection.execute(sql.select(JOBS.c.form)).scalar_one() == form
        pieces = connection.execute(sql.select(JOB_CHUNKS.c.body).order_by("place")).scalars()
        assert b"".join(pieces) == body
    assert send(ask, body, kind, query="?as_of=2026-06-01T00:00:00Z&targets=churn&reasons=1"
                ).headers["idempotency-replayed"] == "true"  # fmt: skip
    assert_problem(send(ask, body, kind), 422, "idempotency_key_reused")
    assert count(store, JOB_CHUNKS) == 1
    cancelled = ask("POST", f"/v1/jobs/{told['job_id']}/cancel")
    assert parse(cancelled.text)["state"] == "cancelled"
    assert count(store, JOB_CHUNKS) == 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"customer_id,amount\nC-1,9\n"),
        ("text/csv", b""),
        ("text/csv", gzip.compress(CSV.encode())),
        ("application/x-ndjson", zlib.compress(LINES.write_ndjson().encode())),
        ("application/x-ndjson", b'{"customer_id": "C-1", "amount": 9}\n'),
        ("application/x-ndjson", b"[1]\n"),
        ("application/x-ndjson", b"C-1 is no JSON\n"),
        ("application/vnd.apache.parquet", b"PAR1 and no more"),
        ("application/vnd.apache.parquet", CSV.encode()),
    ],
)
def test_an_upload_without_its_columns_is_refused(ask, store, kind, body):
    problem = assert_problem(send(ask, body, kind), 422, "wrong_form")
    assert "C-1" not in json.dumps(problem)
    assert count(store, JOB_CHUNKS) == count(store, JOBS) == count(store, JOB_KEYS) == 0


def test_other_bodies_are_refused(ask):
    for kind in ("multipart/form-data; boundary=x", "text/plain", "application/octet-stream"):
        assert_problem(send(ask, b"x", kind), 415, "unsupported_media_type")
    packed = {"content-type": "text/csv", "content-encoding": "gzip", "idempotency-key": "k"}
    answer = ask("POST", "/v1/jobs", content=CSV, headers=packed)
    assert_problem(answer, 415, "unsupported_media_type")
    wrong = send(ask, CSV, "text/csv", query="?as_of=yesterday")
    assert assert_problem(wrong, 422, "wrong_form")["errors"][0]["pointer"] == "/as_of"
    twice = send(ask, CSV, "text/csv", query="?reasons=1&reasons=2")
    assert_problem(twice, 422, "wrong_form")


def test_an_upload_may_be_so_large_and_no_larger(ask, store, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST", 2_000_000)
    row = b"C-1,1,2026-05-01,9.90\n"
    head = CSV.splitlines()[0].encode() + b"\n"
    most = (head + row * 100_000)[:2_000_000]
    assert send(ask, most, "text/csv").status_code == 202
    assert count(store, JOB_CHUNKS) == 2
    for body in (most + b"1", iter([most, b"1"])):
        answer = send(ask, _stream(body) if not isinstance(body, bytes) else body, "text/csv", "k2")
        assert_problem(answer, 413, "body_too_large")
        assert answer.headers["connection"] == "close"
    assert count(store, JOB_CHUNKS) == 2
    large = ask("POST", "/v1/transactions", content=b" " * 5_000_000, headers=JSON)
    assert_problem(large, 413, "body_too_large")


async def _stream(pieces):
    for piece in pieces:
        yield piece


def test_jobs_of_one_key_are_no_others(ask, app, store):
    shown = [create_key(store, Wish(name, ("jobs",)))[1] for name in ("crm", "shop")]
    second = create_key(store, Wish("crm", ("jobs",)))[1]
    app.state.door.renew(read_keys(store))
    crm, shop, crm_later = ({"x-api-key": one} for one in (*shown, second))
    first = post(ask, **crm)
    other = post(ask, {"source": "store", "reasons": 1}, **shop)  # the key is another caller's
    assert (first.status_code, other.status_code) == (202, 202)
    job = parse(first.text)["job_id"]
    for path in ("", "/results", "/cancel"):
        method = "POST" if path == "/cancel" else "GET"
        assert_problem(ask(method, f"/v1/jobs/{job}{path}", headers=shop), 404, "unknown_job")
        assert ask(method, f"/v1/jobs/{job}{path}", headers=crm_later).status_code == 200
    listed = [
        [one["job_id"] for one in parse(ask("GET", "/v1/jobs", headers=who).text)["jobs"]]
        for who in (crm, shop)
    ]
    assert listed == [[job], [parse(other.text)["job_id"]]]
    assert_problem(ask("GET", f"/v1/jobs?cursor={job}", headers=shop), 422, "wrong_form")


def test_jobs_are_told_page_by_page(ask):
    made = [parse(post(ask, key=f"k{n}").text)["job_id"] for n in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        told = parse(ask("GET", f"/v1/jobs?limit=2{cursor}").text)
        seen.append([job["job_id"] for job in told["jobs"]])
        cursor = f"&cursor={told.get('next_cursor')}"
    assert seen == [made[:2:-1], made[2:0:-1], made[:1]]
    assert cursor == "&cursor=None"
    for bad in ("limit=0", "limit=1001", "limit=x", "cursor=unknown", "offset=1"):
        assert_problem(ask("GET", f"/v1/jobs?{bad}"), 422, "wrong_form")
    assert_problem(ask("GET", "/v1/jobs/0'--/results?cursor=x"), 422, "wrong_form")
    assert_problem(ask("GET", "/v1/jobs/0'--"), 404, "unknown_job")


def test_many_at_once_under_one_key_make_one_job(ask, store):
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda n: send(ask, CSV, "text/csv"), range(64)))
    assert {answer.status_code for answer in told} == {202}
    assert len({parse(answer.text)["job_id"] for answer in told}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in told) == 1
    assert count(store, JOBS) == count(store, JOB_KEYS) == count(store, JOB_CHUNKS) == 1


def test_jobs_are_forgotten_a_week_after_they_ended(ask, store, monkeypatch):
    job = parse(send(ask, CSV, "text/csv").text)["job_id"]
    queued = parse(send(ask, CSV, "text/csv", "u2").text)["job_id"]
    ask("POST", f"/v1/jobs/{job}/cancel")
    now = now_us()
    monkeypatch.setattr(queue, "now_us", lambda: now + 7 * DAY_US - 60_000_000)
    assert forget_jobs(store) == 0
    monkeypatch.setattr(queue, "now_us", lambda: now + 7 * DAY_US + 60_000_000)
    assert forget_jobs(store) == 1
    assert_problem(ask("GET", f"/v1/jobs/{job}"), 404, "unknown_job")
    assert ask("GET", f"/v1/jobs/{queued}").status_code == 200
    assert count(store, JOB_CHUNKS) == 1


def test_pieces_that_a_killed_process_left_are_forgotten(ask, store, monkeypatch):
    ended = parse(send(ask, CSV, "text/csv").text)["job_id"]
    kept = parse(send(ask, CSV, "text/csv", "u2").text)["job_id"]
    ask("POST", f"/v1/jobs/{ended}/cancel")
    for job in (ended, queue.make_id()):  # one whose worker ended too soon, one that never came
        keep_pieces(store, job, io.BytesIO(CSV.encode()))
    forget_jobs(store)
    assert count(store, JOB_CHUNKS) == 3
    erase_customers(store, ["C-1"])  # of whom what an ended job left may speak
    assert count(store, JOB_CHUNKS) == 2
    now = now_us()
    monkeypatch.setattr(queue, "now_us", lambda: now + 2 * DAY_US // 24)
    forget_jobs(store)
    with store.read() as connection:
        assert connection.execute(sql.select(JOB_CHUNKS.c.job_id)).scalars().all() == [kept]
