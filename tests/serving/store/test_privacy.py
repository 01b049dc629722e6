"""A customer's rights: who is erased is in no table and no byte; all held is exported."""

import base64
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sql

from contract.tables import Layout, Tables
from features.engines import open_tables
from serving.hooks.addresses import create_hook
from serving.hooks.reading import read_inbox
from serving.privacy import erase_customers
from serving.routes.front import Front
from serving.routes.web import make_app
from serving.store import inbox
from serving.store.answers import keep_answers
from serving.store.loading import load
from serving.store.opened import open_store
from serving.store.privacy import HELD, ROWS, find_erased, rewrite
from serving.store.rows import add_interactions, add_transactions
from serving.store.schema import ERASED, FACTS, INBOX, META
from tests.serving.running import assert_problem, parse
from tests.serving.test_front import call

JSON = {"content-type": "application/json"}


@pytest.fixture
def post(store):
    app = make_app()
    app.state.store = store

    def send(path, said):
        return call(Front(app, app), "POST", path, content=json.dumps(said), headers=JSON)

    return send


def make_row(table, customer, n):
    """A row with something in every column, so that each table can be filled."""
    made = {"customer_id": customer}
    for column in table.columns:
        if column.name in ("row", "customer_id"):
            continue
        kind = column.type.python_type
        made[column.name] = (
            f"{customer}-{n}".encode() if kind is bytes
            else f"{column.name}-{customer}-{n}" if kind is str
            else kind(n)
        )  # fmt: skip
    return made


def fill(store, *customers, each=3):
    """Write rows of customers into every table that speaks of one."""
    with store.write() as connection:
        for table in HELD.values():
            single = "customer_id" in table.primary_key.columns
            rows = [
                make_row(table, customer, n)
                for customer in customers
                for n in range(1 if single else each)
            ]
            connection.execute(table.insert(), rows)


def count(store, table, customer):
    with store.read() as connection:
        asked = sql.select(sql.func.count()).select_from(table)
        return connection.execute(asked.where(table.c.customer_id == customer)).scalar_one()


def keep(store, source, body):
    with store.write() as connection:
        inbox.keep(connection, source, json.dumps(body).encode())


def visit(customer, key="v"):
    told = {"interaction_id": key, "customer_id": customer, "kind": "visit"}
    return {**told, "occurred_at": "2026-05-01T00:00:00Z"}


def test_every_table_of_the_database_that_names_a_customer_is_covered(store):
    with store.read() as connection:
        seen = sql.inspect(connection)
        naming = {
            table
            for table in seen.get_table_names()
            if table.startswith("patron_")
            and any(c["name"] == "customer_id" for c in seen.get_columns(table))
        }
    assert naming == {table.name for table in HELD.values()}
    assert len(naming) >= 6
    # These hold what names a customer in another way, and are dealt with one by one.
    apart = {"patron_inbox", "patron_erased", "patron_hooks", "patron_keys", "patron_facts"}
    apart |= {"patron_receipt_forms", "patron_jobs", "patron_job_keys", "patron_job_chunks"}
    apart |= {"patron_sources", "patron_webhooks", "patron_deliveries"}
    assert naming | apart == set(META.tables), "say in docs/privacy.md what the new table holds"


def test_an_erased_customer_is_gone_and_no_other_is(store, post):
    fill(store, "C-1", "C-2", "C-3")
    answer = post("/v1/privacy/erasures", {"customer_ids": ["C-1", "nobody", "C-3"]})
    assert answer.status_code == 200, answer.text
    said = parse(answer.text)
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["warnings"] == ([] if store.embedded else ["copies_in_files_until_cleaned"])
    first, nobody, third = said["results"]
    assert [r["customer_id"] for r in said["results"]] == ["C-1", "nobody", "C-3"]
    for result in (first, third):
        assert result["status"] == "ok"
        deleted = {one["table"]: one["rows"] for one in result["deleted"]}
        single = {n for n, t in HELD.items() if "customer_id" in t.primary_key.columns}
        assert deleted == {name: 1 if name in single else 3 for name in HELD}
    assert {one["rows"] for one in nobody["deleted"]} == {0}
    for table in HELD.values():
        assert count(store, table, "C-1") == count(store, table, "C-3") == 0
        assert count(store, table, "C-2") > 0


def test_an_erased_customer_does_not_come_back_by_a_webhook(store, post):
    create_hook(store, "own", "plain")
    keep(store, "own", [visit("C-1", "before"), visit("C-2", "before")])
    post("/v1/privacy/erasures", {"customer_ids": ["C-1"]})
    keep(store, "own", [visit("C-1", "after"), visit("C-2", "after")])
    read_inbox(store)
    acts = HELD["interactions"]
    assert (count(store, acts, "C-1"), count(store, acts, "C-2")) == (0, 2)
    with store.read() as connection:
        letters = connection.execute(sql.select(INBOX.c.body, INBOX.c.fault).order_by("row")).all()
        assert letters == [(b"", None), (b"", "erased:1")]
        assert find_erased(connection, ["C-1", "C-2", *map(str, range(2_000))]) == {"C-1"}


def test_an_erased_customer_does_not_come_back_by_a_load(store):
    orders = pl.DataFrame(
        {
            "customer_id": ["C-1", "C-1", "C-2"],
            "order_id": ["1", "2", "3"],
            "ordered_at": ["2026-01-05", "2026-03-05", "2026-02-01"],
            "amount": [10.0, 20.0, 5.0],
        }
    )
    listed = pl.DataFrame({"customer_id": ["C-1", "C-2", "C-3"], "country": ["DE", "FR", "IT"]})
    frames = open_tables(Tables({"transactions": orders, "customers": listed}, Layout()))
    assert load(store, frames, print)["transactions"] == 3
    erase_customers(store, ["C-1"])
    counts = load(store, frames, print)
    assert (counts["transactions"], counts["customers"], counts["left out, erased"]) == (1, 2, 3)
    assert not any(count(store, table, "C-1") for table in HELD.values())
    assert count(store, HELD["transactions"], "C-2") == 1


def test_an_erased_customer_does_not_come_back_by_a_route_or_a_late_answer(store, post):
    erase_customers(store, ["C-1"])
    told = [
        {"transaction_id": who, "customer_id": who, "order_id": "1", "amount": 1,
         "ordered_at": "2026-05-01T00:00:00Z"}
        for who in ("C-1", "C-2")
    ]  # fmt: skip
    answer = post("/v1/transactions", {"transactions": told})
    assert answer.status_code == 200
    said = parse(answer.text)
    assert said["summary"] == {"total": 2, "succeeded": 1, "failed": 1}
    assert said["results"][0]["error"]["code"] == "erased"
    assert said["results"][0]["error"]["retryable"] is False
    assert said["results"][1] == {"id": "C-2", "status": "ok"}
    with store.write() as connection:  # what was being answered while they were erased
        answers = [{"customer_id": who, "stage": "active"} for who in ("C-1", "C-2")]
        keep_answers(connection, datetime(2026, 6, 1, tzinfo=UTC), answers)
    assert not any(count(store, table, "C-1") for table in HELD.values())
    assert count(store, HELD["transactions"], "C-2") == count(store, HELD["answers"], "C-2") == 1


def test_what_is_unread_when_the_erasure_begins_is_read_without_them(store, monkeypatch):
    create_hook(store, "own", "plain")
    # A webhook that comes in after the inbox was read and before the erasure has its turn.
    late = partial(keep, store, "own", [visit("C-1"), visit("C-2")])
    monkeypatch.setattr("serving.privacy.read_inbox", lambda store: late())
    erase_customers(store, ["C-1"])
    acts = HELD["interactions"]
    assert (count(store, acts, "C-1"), count(store, acts, "C-2")) == (0, 1)
    with store.read() as connection:
        assert connection.execute(sql.select(INBOX.c.body, INBOX.c.fault)).all() == [
            (b"", "erased:1")
        ]


def test_an_erasure_waits_for_who_writes_and_the_next_writer_knows(store, url):
    other = open_store(url)
    row = {"told_id": "t", "customer_id": "C-1", "at_us": 1, "kind": "visit"}
    with ThreadPoolExecutor(1) as pool:
        with other.write() as writing:
            assert find_erased(writing, ["C-1"]) == set()
            add_interactions(writing, [row])
            erasing = pool.submit(erase_customers, store, ["C-1"])
            time.sleep(0.3)
            assert not erasing.done()
        gone, cleaned = erasing.result(timeout=10)
    assert (gone["C-1"]["interactions"], cleaned) == (1, store.embedded)
    with other.write() as writing:
        assert find_erased(writing, ["C-1"]) == {"C-1"}
    other.close()
    assert count(store, HELD["interactions"], "C-1") == 0


def test_of_an_erased_customer_only_a_hash_is_left_that_no_other_store_has(store, tmp_path):
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    hashes = []
    for one in (store, other):
        erase_customers(one, ["C-1"])
        erase_customers(one, ["C-1"])
        with one.read() as connection:
            hashes += connection.execute(sql.select(ERASED.c.customer_hash)).scalars()
            facts = connection.execute(sql.select(FACTS.c.told)).scalars().all()
        assert [len(told) for told in facts] == [64]
    other.close()
    assert len(set(hashes)) == len(hashes) == 2
    assert all(len(told) == 64 and "C-1" not in told for told in hashes)


@pytest.mark.parametrize("large", [False, True])
def test_not_one_byte_of_an_erased_customer_is_in_the_files(tmp_path, monkeypatch, large):
    if large:
        monkeypatch.setattr("serving.store.privacy.SMALL", 0)  # as if it took too long at once
    # Thousands of customers in no order, so that pages of tables and of indexes split and merge.
    store = open_store(f"sqlite:///{tmp_path / 'patron.db'}")
    create_hook(store, "own", "plain")
    draw = random.Random(5)
    customers = [f"{draw.getrandbits(64):016x}" for _ in range(1_500)]
    lines = [
        {"told_id": f"{who}{n}", "customer_id": who, "order_id": f"{who}/{n}", "at_us": n,
         "amount": 1.0, "product_id": "P" * draw.randrange(90)}
        for who in customers
        for n in range(draw.randrange(1, 12))
    ]  # fmt: skip
    draw.shuffle(lines)
    for first in range(0, len(lines), 500):
        with store.write() as connection:
            add_transactions(connection, lines[first : first + 500])
    with store.write() as connection:
        connection.execute(HELD["changes"].delete())
    fill(store, *draw.sample(customers, 750), each=1)
    for who in customers[:200]:
        keep(store, "own", [visit(who, who), visit(customers[-1], who[::-1])])
    read_inbox(store)
    for who in customers[100:300]:
        keep(store, "own", [visit(who, f"{who}'"), {**visit(who), "age": "x" * 9_000}])
    gone, left = customers[:300], customers[300:]
    assert all(who.encode() in read_files(tmp_path) for who in (gone[0], gone[-1]))
    for first in range(0, 300, 100):
        assert erase_customers(store, gone[first : first + 100])[1] is not large
    if large:
        assert rewrite(store)
    bytes_now = read_files(tmp_path)
    assert not [who for who in gone if who.encode() in bytes_now]
    assert all(who.encode() in bytes_now for who in left)
    store.close()
    assert not [who for who in gone if who.encode() in read_files(tmp_path)]


def test_while_someone_reads_the_log_is_not_emptied_and_that_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("serving.store.privacy.CLEANED_WITHIN_S", 0.1)
    store = open_store(f"sqlite:///{tmp_path / 'patron.db'}")
    fill(store, *map(str, range(500)))
    with store.read() as reading:
        reading.exec_driver_sql("BEGIN")
        reading.execute(sql.select(HELD["answers"])).first()
        assert not erase_customers(store, ["1"])[1]
        reading.exec_driver_sql("COMMIT")
    assert rewrite(store)
    store.close()


def test_the_tables_can_be_written_anew_and_hold_what_they_held(store):
    fill(store, "C-1", "C-2")
    erase_customers(store, ["C-1"])
    assert rewrite(store)
    assert all(count(store, table, "C-2") for table in HELD.values())


def read_files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_all_that_is_held_is_exported_with_plain_names(store, post):
    fill(store, "C-1", "C-2", each=2)
    create_hook(store, "own", "plain")
    keep(store, "own", [visit("C-1")])
    answer = post("/v1/privacy/exports", {"customer_id": "C-1"})
    assert answer.status_code == 200, answer.text
    said = parse(answer.text)
    assert "C-2" not in answer.text
    assert said.pop("request_id") == answer.headers["x-request-id"]
    assert said.pop("customer_id") == "C-1"
    assert set(said) == set(HELD)
    assert said["transactions"][1] == {
        "told_id": "told_id-C-1-1", "order_id": "order_id-C-1-1",
        "ordered_at": "1970-01-01T00:00:00.000001Z", "amount": 1.0,
        "product_id": "product_id-C-1-1", "quantity": 1.0, "unit_price": 1.0, "discount": 1.0,
        "channel": "channel-C-1-1", "currency": "currency-C-1-1",
    }  # fmt: skip
    assert said["interactions"][2] == {
        "told_id": "own:v", "occurred_at": "2026-05-01T00:00:00Z", "kind": "visit",
    }  # fmt: skip
    assert {"since", "valid_from", "country", "kind", "attributes"} == set(said["customers"][0])
    assert said["answers"][0]["whole"] == "whole-C-1-0"
    [receipt, _] = said["receipts"]
    assert receipt["answer"] == "answer-C-1-0"
    assert base64.b64decode(receipt["features"]) == b"C-1-0"
    columns = {
        name: len([c for c in t.columns if c.name not in ("row", "customer_id")])
        for name, t in HELD.items()
    }
    for name, rows in said.items():
        assert len(rows[0]) == columns[name], name


def test_of_an_erased_customer_the_export_tells_when(store, post):
    fill(store, "C-1")
    post("/v1/privacy/erasures", {"customer_ids": ["C-1"]})
    said = parse(post("/v1/privacy/exports", {"customer_id": "C-1"}).text)
    assert {name: said[name] for name in HELD} == {name: [] for name in HELD}
    assert said["erased_at"].endswith("Z")
    assert "erased_at" not in parse(post("/v1/privacy/exports", {"customer_id": "C-2"}).text)


def test_an_export_of_many_rows_comes_in_parts(store, post):
    rows = [
        {"told_id": str(n), "customer_id": "C-1", "order_id": str(n), "at_us": n, "amount": 1.0}
        for n in range(ROWS + 1)
    ]
    with store.write() as connection:
        for first in range(0, len(rows), 5_000):
            add_transactions(connection, rows[first : first + 5_000])
    first = parse(post("/v1/privacy/exports", {"customer_id": "C-1"}).text)
    assert len(first["transactions"]) == ROWS
    asked = {"customer_id": "C-1", "cursor": first["next_cursor"]}
    second = parse(post("/v1/privacy/exports", asked).text)
    assert "next_cursor" not in second
    told = [row["order_id"] for row in first["transactions"] + second["transactions"]]
    assert told == [str(n) for n in range(ROWS + 1)]


@pytest.mark.parametrize(
    ("route", "said", "pointer"),
    [
        ("erasures", {"customer_ids": []}, "/customer_ids"),
        ("erasures", {"customer_ids": ["c"] * 101}, "/customer_ids"),
        ("erasures", {"customer_ids": ["c", ""]}, "/customer_ids/1"),
        ("erasures", {"customer_ids": ["a\u0000b"]}, "/customer_ids/0"),
        ("erasures", {"customer_id": "c"}, ""),
        ("exports", {}, "/customer_id"),
        ("exports", {"customer_id": "c", "cursor": "x"}, "/cursor"),
        ("exports", {"customer_id": "c", "Jane-1042": 1}, ""),
    ],
)
def test_what_is_not_asked_rightly_is_refused(store, post, route, said, pointer):
    answer = post(f"/v1/privacy/{route}", said)
    problem = assert_problem(answer, 422, "wrong_form")
    assert pointer in [fault["pointer"] for fault in problem["errors"]]
    assert "Jane-1042" not in answer.text
    with store.read() as connection:
        assert connection.execute(sql.select(ERASED)).all() == []
