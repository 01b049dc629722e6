"""What workers make of jobs: each customer once, told as POST /v1/scores tells it."""

import io
import json
import threading

import polars as pl
import pytest
import sqlalchemy as sql

from serving.jobs import work as working
from serving.jobs.claims import LostError, claim, is_waiting
from serving.jobs.sources import Source, add_source, remove_source
from serving.jobs.work import work
from serving.jobs.worker import take_one
from serving.privacy import erase_customers
from serving.receipts.kept import find_kept
from serving.store.rows import add_interactions, add_transactions
from serving.store.schema import JOB_CHUNKS, JOB_CUSTOMERS, JOBS
from tests.serving.jobs.test_posts import count, post, send
from tests.serving.running import parse

AS_OF = "2026-06-01T00:00:00Z"
HEAD = "customer_id,order_id,ordered_at,amount,product_id,quantity,discount,channel,currency"


def write_lines(customers, each=3):
    rows = [
        f"C-{c},{c}-{n},2026-0{n + 1}-1{n}T08:0{n}:00Z,{10 + c % 7}.5,P-{n},{n + 1},0.5,web,EUR"
        for n in range(each)
        for c in range(customers)
    ]
    return "\n".join([HEAD, *rows]) + "\n"


def as_records(text):
    """The lines as records of POST /v1/scores, customers in the order of their ids."""
    records = {}
    for row in pl.read_csv(io.StringIO(text), infer_schema=False).sort("customer_id").to_dicts():
        who = row.pop("customer_id")
        record = records.setdefault(who, {"record_id": who, "customer_id": who, "transactions": []})
        record["transactions"].append(row)
    return list(records.values())


def told_by_scores(ask, records, **more):
    body = json.dumps({"as_of": AS_OF, "records": records} | more)
    answer = ask("POST", "/v1/scores", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    return parse(answer.text)["results"]


def do(store, scorer, said=None):
    """Work on the first job there is."""
    said = [] if said is None else said
    assert take_one(store, "w", (lambda: scorer, threading.Event()), said.append)
    return said


def read_results(ask, job, query=""):
    rows, cursor = [], ""
    while True:
        told = parse(ask("GET", f"/v1/jobs/{job}/results?limit=400{query}{cursor}").text)
        rows += told["results"]
        if "next_cursor" not in told:
            return rows
        cursor = f"&cursor={told['next_cursor']}"


def read_job(ask, job):
    return parse(ask("GET", f"/v1/jobs/{job}").text)


def start(answer):
    assert answer.status_code == 202, answer.text
    return parse(answer.text)["job_id"]


def fill(store, customers=40):
    lines = [
        {"told_id": f"{c}/{n}", "customer_id": f"C-{c}", "order_id": f"{c}-{n}", "amount": 9.5 + c,
         "at_us": 1_770_000_000_000_000 + n * 86_400_000_000, "currency": "EUR"}
        for c in range(customers)
        for n in range(3)
    ]  # fmt: skip
    with store.write() as connection:
        add_transactions(connection, lines)
        act = {"told_id": "a", "customer_id": "only-acts", "at_us": 1_770_000_000_000_000}
        add_interactions(connection, [act | {"kind": "visit"}])


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_upload_of_lines_is_answered_as_scores_answers_them(ask, store, scorer, form):
    text = write_lines(700)
    frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    if form == "parquet":  # of its own types
        at, numbers = pl.col("ordered_at"), pl.col("amount", "quantity", "discount")
        typed = frame.with_columns(at.str.to_datetime(time_zone="UTC"), numbers.cast(pl.Float64))
        typed.write_parquet(file := io.BytesIO())
        body, kind = file.getvalue(), "application/vnd.apache.parquet"
    elif form == "jsonl":
        body, kind = frame.write_ndjson().encode(), "application/x-ndjson"
    else:
        body, kind = text.encode(), "text/csv"
    job = start(send(ask, body, kind, query=f"?as_of={AS_OF}"))
    do(store, scorer)
    told = read_job(ask, job)
    assert told["state"] == "complete"
    assert told["counts"] == {"total": 700, "succeeded": 700, "failed": 0, "unprocessed": 0}
    assert told["lines_left_out"] == 0
    rows = read_results(ask, job)
    assert rows == told_by_scores(ask, as_records(text))
    assert len({row["customer_id"] for row in rows}) == 700
    assert count(store, JOB_CHUNKS) == 0
    kept = find_kept(store, [row["receipt"] for row in rows])
    assert len(kept) == 700
    assert all(one.whole for one in kept.values())


def test_lines_meet_what_the_store_has_as_a_question_does(ask, store, scorer):
    fill(store)
    text = write_lines(60)
    job = start(send(ask, text, "text/csv", query=f"?as_of={AS_OF}&targets=churn"))
    do(store, scorer)
    rows = read_results(ask, job)
    assert rows == told_by_scores(ask, as_records(text), targets=["churn"])
    assert sum("rows_not_newer_than_stored_ignored" in row["warnings"] for row in rows) == 40
    assert all("next_purchase" not in row for row in rows)


def test_a_list_and_the_store_are_answered_by_what_the_store_has(ask, store, scorer):
    fill(store)
    listed = "customer_id\n" + "".join(f"C-{c}\n" for c in (7, 3, 7, 99)) + '""\n'
    job = start(send(ask, listed, "text/csv", query=f"?as_of={AS_OF}&reasons=1"))
    do(store, scorer)
    ids = ["C-3", "C-7", "C-99"]
    records = [{"record_id": one, "customer_id": one} for one in ids]
    rows = read_results(ask, job)
    expected = told_by_scores(ask, records, explain=True)
    assert max(len(row["reasons"]) for row in expected) > 2
    for row in expected:  # scores tells three of each target, the job was asked for one
        kept = {}
        for reason in row["reasons"]:
            kept.setdefault(reason["target"], []).append(reason)
        row["reasons"] = [reason for own in kept.values() for reason in own[:1]]
    assert rows == expected
    assert read_job(ask, job)["lines_left_out"] == 1
    everyone = start(post(ask, {"source": "store", "as_of": AS_OF, "targets": ["churn"]}))
    do(store, scorer)
    ids = sorted(["only-acts", *(f"C-{c}" for c in range(40))])
    records = [{"record_id": one, "customer_id": one} for one in ids]
    assert read_results(ask, everyone) == told_by_scores(ask, records, targets=["churn"])


def test_reasons_are_told_in_the_language_asked_for(ask, store, scorer):
    fill(store, 2)
    job = start(post(ask, {"source": "store", "as_of": AS_OF, "reasons": 1, "language": "zh"}))
    do(store, scorer)
    texts = [r["text"] for row in read_results(ask, job) for r in row["reasons"]]
    assert texts and all(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts)


def test_who_can_have_no_answer_fails_alone_and_says_why(ask, store, scorer):
    text = write_lines(3) + "C-1,x,2026-05-01T00:00:00Z,1,,,,,USD\n"
    text += "C-9,y,no date,1,,,,,EUR\n,z,2026-05-01,1,,,,,EUR\n"
    job = start(send(ask, text, "text/csv", query=f"?as_of={AS_OF}"))
    do(store, scorer)
    told = read_job(ask, job)
    assert told["state"] == "complete"
    assert told["counts"] == {"total": 3, "succeeded": 2, "failed": 1, "unprocessed": 0}
    assert told["lines_left_out"] == 2
    (failed,) = read_results(ask, job, "&outcome=failed")
    assert (failed["customer_id"], failed["error"]["code"]) == ("C-1", "mixed_currencies")
    assert [r["customer_id"] for r in read_results(ask, job, "&outcome=succeeded")] == [
        "C-0",
        "C-2",
    ]
    assert read_results(ask, job, "&outcome=unprocessed") == []


def test_a_named_source_is_answered_by_its_tables_alone(ask, store, scorer, tmp_path):
    fill(store)
    (tmp_path / "shop").mkdir()
    text = write_lines(30)
    (tmp_path / "shop" / "transactions.csv").write_text(text)
    acts = "customer_id,occurred_at,kind,channel,value,initiated_by\nC-1,2026-05-01,visit,web,2,\n"
    (tmp_path / "shop" / "interactions.csv").write_text(acts)
    listed = "customer_id,since,country,kind,valid_from\nC-2,2025-01-01,DE,consumer,2025-01-01\n"
    (tmp_path / "shop" / "customers.csv").write_text(listed)
    add_source(store, Source("shop", str(tmp_path / "shop"), None))
    asked = {"source": "shop", "as_of": AS_OF}
    job = start(post(ask, asked))
    do(store, scorer)
    records = as_records(text)
    by_id = {record["customer_id"]: record for record in records}
    by_id["C-1"]["interactions"] = [
        {"occurred_at": "2026-05-01T00:00:00Z", "kind": "visit", "channel": "web", "value": 2}
    ]
    by_id["C-2"] |= {"since": "2025-01-01T00:00:00Z", "country": "DE", "kind": "consumer",
                     "valid_from": "2025-01-01T00:00:00Z"}  # fmt: skip
    rows = read_results(ask, job)
    with store.write() as connection:
        for table in ("patron_transactions", "patron_interactions"):
            connection.execute(sql.text(f"DELETE FROM {table}"))
    assert rows == told_by_scores(ask, records)
    again = start(post(ask, asked, key="k2"))
    remove_source(store, "shop")
    do(store, scorer)
    told = read_job(ask, again)
    assert (told["state"], told["error"]["code"]) == ("failed", "source")
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text/csv", write_lines(3).encode(), b"C-1,\xff secret,2026-05-01,1,,,,,\n"),
        ("application/x-ndjson", b'{"customer_id": "C-1"}\n', b'{"customer_id": secret\n'),
    ],
)
def test_an_upload_that_ends_badly_fails_and_says_so_without_its_rows(
    ask, store, scorer, kind, good, bad
):
    job = start(send(ask, good + bad, kind))
    said = do(store, scorer)
    told = read_job(ask, job)
    assert (told["state"], told["error"]["code"]) == ("failed", "upload")
    assert "secret" not in json.dumps([told, said])
    assert count(store, JOB_CHUNKS) == count(store, JOB_CUSTOMERS) == 0
    assert not is_waiting(store, "w")


def test_a_target_that_no_model_of_the_worker_knows_fails_the_job(ask, store, scorer):
    job = start(post(ask, {"source": "store", "targets": ["churn"]}))
    with store.write() as connection:
        asked = '{"as_of": "2026-06-01T00:00:00Z", "targets": ["weather"], "reasons": 0}'
        connection.execute(sql.update(JOBS).values(asked=asked))
    do(store, scorer)
    assert read_job(ask, job)["error"]["code"] == "unknown_target"


def test_a_job_that_is_cancelled_under_way_keeps_what_is_done(ask, store, scorer, monkeypatch):
    monkeypatch.setattr(working, "PART", 10)
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    parts = []

    def answer(*asked):
        parts.append(asked)
        if len(parts) == 3:
            assert parse(ask("POST", f"/v1/jobs/{job}/cancel").text)["state"] == "cancelled"
        return real(*asked)

    real = working.answer_part
    monkeypatch.setattr(working, "answer_part", answer)
    said = do(store, scorer)
    assert "cancelled" in said[-1]
    told = read_job(ask, job)
    assert told["state"] == "cancelled"
    assert told["counts"] == {"total": 41, "succeeded": 20, "failed": 0, "unprocessed": 21}
    left = read_results(ask, job, "&outcome=unprocessed")
    assert [row["status"] for row in left] == ["unprocessed"] * 21
    assert len(read_results(ask, job, "&outcome=succeeded")) == 20
    assert not is_waiting(store, "w")


def test_a_worker_told_to_stop_ends_its_part_and_another_goes_on(ask, store, scorer, monkeypatch):
    monkeypatch.setattr(working, "PART", 10)
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    stop, real = threading.Event(), working.answer_part

    def answer(*asked):
        stop.set()
        return real(*asked)

    monkeypatch.setattr(working, "answer_part", answer)
    assert take_one(store, "first", (lambda: scorer, stop), print)
    assert read_job(ask, job)["state"] == "processing"
    assert read_job(ask, job)["counts"]["succeeded"] == 10
    assert take_one(store, "second", (lambda: scorer, threading.Event()), print)
    assert read_job(ask, job)["counts"]["succeeded"] == 41
    assert len({row["customer_id"] for row in read_results(ask, job)}) == 41


def test_a_job_answered_by_other_models_half_way_begins_again(ask, store, scorer, monkeypatch):
    monkeypatch.setattr(working, "PART", 10)
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    taken, stop = claim(store, "w"), threading.Event()
    real = working._keep_part
    monkeypatch.setattr(working, "_keep_part", lambda *a: (real(*a), stop.set()))
    work(store, scorer, taken, stop, print)
    assert read_job(ask, job)["counts"]["succeeded"] == 10
    other = type(scorer)({"churn": scorer.bundles["churn"]})
    monkeypatch.setattr(working, "_keep_part", real)
    do(store, other)
    rows = read_results(ask, job)
    assert read_job(ask, job)["counts"]["succeeded"] == 41
    assert {tuple(m["target"] for m in row["models"]) for row in rows} == {("churn",)}


def test_a_worker_that_lost_its_job_writes_nothing(ask, store, scorer):
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    first = claim(store, "first")
    with store.write() as connection:
        connection.execute(sql.update(JOBS).values(lease_us=1))
    second = claim(store, "second")
    assert (first.job_id, second.job_id) == (job, job)
    with pytest.raises(LostError):
        work(store, scorer, first, threading.Event(), print)
    assert count(store, JOB_CUSTOMERS) == 0
    work(store, scorer, second, threading.Event(), print)
    assert read_job(ask, job)["counts"]["succeeded"] == 41


def test_a_job_that_ends_its_workers_fails_in_the_end(ask, store):
    job = start(post(ask, {"source": "store"}))
    for _ in range(10):
        assert claim(store, "w").job_id == job
    assert claim(store, "w") is None
    told = read_job(ask, job)
    assert (told["state"], told["error"]["code"]) == ("failed", "too_many_attempts")


def test_who_is_erased_is_in_no_upload_and_no_result_and_comes_back_by_none(
    ask, store, scorer, monkeypatch
):
    fill(store)
    text = write_lines(30)
    done = start(send(ask, text, "text/csv", "u1", f"?as_of={AS_OF}"))
    do(store, scorer)
    queued = start(send(ask, text, "text/csv", "u2", f"?as_of={AS_OF}"))
    whole = start(post(ask, {"source": "store", "as_of": AS_OF}))
    assert any(row["customer_id"] == "C-7" for row in read_results(ask, done))
    erase_customers(store, ["C-7"])
    assert not any(row["customer_id"] == "C-7" for row in read_results(ask, done))
    with store.read() as connection:
        pieces = b"".join(connection.execute(sql.select(JOB_CHUNKS.c.body)).scalars())
    kept = pl.read_parquet(io.BytesIO(pieces))
    assert len(kept) == 87
    assert kept.columns == HEAD.split(",")
    assert "C-7" not in kept["customer_id"]
    do(store, scorer)
    do(store, scorer)
    for job in (queued, whole):
        ids = {row["customer_id"] for row in read_results(ask, job)}
        assert "C-7" not in ids
        assert len(ids) == read_job(ask, job)["counts"]["total"] == (29 if job == queued else 40)
    late = start(send(ask, "customer_id\nC-7\nC-8\n", "text/csv", "u3", f"?as_of={AS_OF}"))
    do(store, scorer)
    assert [row["customer_id"] for row in read_results(ask, late)] == ["C-8"]


def test_who_is_erased_while_a_part_is_answered_gets_no_result(ask, store, scorer, monkeypatch):
    fill(store)
    job = start(post(ask, {"source": "store", "as_of": AS_OF}))
    real = working.answer_part

    def answer(*asked):
        made = real(*asked)
        erase_customers(store, ["C-7"])
        return made

    monkeypatch.setattr(working, "answer_part", answer)
    do(store, scorer)
    assert "C-7" not in json.dumps(read_results(ask, job))
    assert read_job(ask, job)["counts"] == {
        "total": 40, "succeeded": 40, "failed": 0, "unprocessed": 0,
    }  # fmt: skip
