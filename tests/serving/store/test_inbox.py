"""The inbox: what was answered 202 becomes rows once, whatever is killed and when."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sql

from serving.bento import find_sources
from serving.hooks import reading
from serving.hooks.addresses import create_hook, revoke_hook
from serving.hooks.reading import Reader, read_inbox
from serving.store import inbox
from serving.store.opened import now_us, open_store
from serving.store.rows import read_stored
from serving.store.schema import INBOX, INTERACTIONS, TRANSACTIONS

# A process that keeps letters and is killed: before it reads any, or with half of it written.
KILLED = """
import os, signal, sys, json
from serving.hooks import reading
from serving.store import inbox
from serving.store.opened import open_store

url, when = sys.argv[1:]
store = open_store(url)
for n in range(5):
    model = "sale.order" if n else "visit"
    body = json.dumps({"_model": model, "_id": n, "partner_id": n, "amount_total": 10})
    with store.write() as connection:
        inbox.keep(connection, "crm", body.encode())
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if when == "reading":
    reading.add_interactions = die  # the order lines are written by then, not yet for good
    reading.read_inbox(store)
die()
"""


def keep(store, *bodies, source="crm"):
    for body in bodies:
        with store.write() as connection:
            inbox.keep(connection, source, json.dumps(body).encode())


def sell(number, amount=10.0):
    return {"_model": "sale.order", "_id": number, "partner_id": "c", "amount_total": amount}


def see(number):
    return {"_model": "visit", "_id": number, "partner_id": "c"}


def count(store, table, *where):
    with store.read() as connection:
        asked = sql.select(sql.func.count()).select_from(table).where(*where)
        return connection.execute(asked).scalar_one()


@pytest.mark.parametrize("when", ["before", "reading"])
def test_what_was_kept_survives_a_kill_and_is_read_once(store, url, when):
    create_hook(store, "crm", "odoo")
    environment = {**os.environ, "PYTHONPATH": str(find_sources())}
    process = subprocess.run(
        [sys.executable, "-c", KILLED, url, when], env=environment, timeout=60, check=False
    )
    assert process.returncode == -signal.SIGKILL
    assert count(store, INBOX, INBOX.c.read_us.is_(None)) == 5
    assert count(store, TRANSACTIONS) == 0
    assert read_inbox(store) == 5
    assert read_inbox(store) == 0
    assert (count(store, TRANSACTIONS), count(store, INTERACTIONS)) == (4, 1)
    assert count(store, INBOX, INBOX.c.read_us.is_(None)) == 0


def test_the_same_body_is_one_letter_and_another_source_is_another(store):
    create_hook(store, "crm", "odoo")
    keep(store, sell(1), sell(1))
    keep(store, sell(1), source="other")
    assert count(store, INBOX) == 2
    read_inbox(store)
    keep(store, sell(1))
    assert count(store, INBOX) == 2
    assert read_inbox(store) == 0


def test_letters_are_read_in_the_order_they_came(store):
    create_hook(store, "crm", "odoo")
    keep(store, *[sell(n % 7, float(n)) for n in range(140)])
    read_inbox(store)
    with store.read() as connection:
        lines = read_stored(connection, ["c"])["c"].lines
    assert sorted(line.amount for line in lines) == [float(n) for n in range(133, 140)]


def test_many_readers_read_each_letter_once_and_in_order(store, url):
    create_hook(store, "crm", "odoo")
    stores = [store, *(open_store(url) for _ in range(3))]
    keep(store, *[sell(n % 5, float(n)) for n in range(200)])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_inbox, stores))
    for other in stores[1:]:
        other.close()
    assert count(store, INBOX, INBOX.c.rows == 1, INBOX.c.fault.is_(None)) == 200
    with store.read() as connection:
        lines = read_stored(connection, ["c"])["c"].lines
    assert sorted(line.amount for line in lines) == [195.0, 196.0, 197.0, 198.0, 199.0]


def test_one_reader_waits_for_another(store, url):
    create_hook(store, "crm", "odoo")
    keep(store, sell(1))
    other = open_store(url)
    with ThreadPoolExecutor(1) as pool:
        with other.write() as reading_too:
            inbox.take_turn(reading_too)
            read = pool.submit(read_inbox, store)
            time.sleep(0.3)
            assert not read.done()
        assert read.result(timeout=10) == 1
    other.close()


def test_a_row_that_the_database_refuses_holds_up_no_other(store):
    create_hook(store, "crm", "odoo")
    refuse_large(store)
    try:
        keep(store, sell(1, 5), sell(2, 777_777), see(3), sell(4, 6))
        assert read_inbox(store) == 4
    finally:
        allow_large(store)
    with store.read() as connection:
        told = connection.execute(sql.select(INBOX.c.rows, INBOX.c.fault, INBOX.c.body)).all()
    assert sorted(told, key=str) == sorted(
        [(1, None, b""), (0, "refused:1", b""), (1, None, b""), (1, None, b"")], key=str
    )
    assert count(store, TRANSACTIONS) == 2
    assert count(store, INTERACTIONS) == 1


def refuse_large(store):
    """Make the database itself refuse an amount."""
    with store.write() as connection:
        if store.embedded:
            connection.exec_driver_sql(
                "CREATE TRIGGER large BEFORE INSERT ON patron_transactions WHEN NEW.amount > 777776"
                " BEGIN SELECT RAISE(ABORT, 'too large'); END"
            )
        else:
            connection.exec_driver_sql(
                "ALTER TABLE patron_transactions ADD CONSTRAINT large CHECK (amount < 777777)"
            )


def allow_large(store):
    how = "DROP TRIGGER large"
    if not store.embedded:
        how = "ALTER TABLE patron_transactions DROP CONSTRAINT large"
    with store.write() as connection:
        connection.exec_driver_sql(how)


def test_a_source_that_is_no_more_still_has_its_letters_read(store):
    create_hook(store, "crm", "odoo")
    keep(store, sell(1))
    keep(store, sell(2), source="never-was")
    revoke_hook(store, "crm")
    assert read_inbox(store) == 2
    assert count(store, TRANSACTIONS) == 1
    assert count(store, INBOX, INBOX.c.fault == "no_form:1", INBOX.c.body == b"") == 1


def test_letters_are_forgotten_a_week_after_they_were_read(store):
    create_hook(store, "crm", "odoo")
    keep(store, sell(1), sell(2), sell(3))
    read_inbox(store)
    old = now_us() - (inbox.KEPT + timedelta(minutes=1)) // timedelta(microseconds=1)
    with store.write() as connection:
        connection.execute(sql.update(INBOX).where(INBOX.c.rows == 1).values(came_us=old))
        first = sql.select(sql.func.min(INBOX.c.row)).scalar_subquery()
        connection.execute(sql.update(INBOX).where(INBOX.c.row == first).values(read_us=old))
    keep(store, sell(4))
    inbox.prune(store)
    assert count(store, INBOX) == 3
    assert count(store, TRANSACTIONS) == 3


def test_a_reader_goes_on_after_a_failure_and_tells_no_row(store, monkeypatch, caplog):
    create_hook(store, "crm", "odoo")
    right, failures = reading.understand, []

    def fail_twice(letter):
        if len(failures) < 2:
            failures.append(letter)
            raise RuntimeError("Jane-1042")
        return right(letter)

    monkeypatch.setattr(reading, "understand", fail_twice)
    monkeypatch.setattr(reading, "POLL_S", 0.05)
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    reader = Reader(store)
    keep(store, sell(1))
    reader.wake()
    until = time.monotonic() + 5
    while not count(store, TRANSACTIONS) and time.monotonic() < until:
        time.sleep(0.02)
    reader.stop()
    assert count(store, TRANSACTIONS) == 1
    assert caplog.messages == ["The inbox cannot be read now: RuntimeError"]
    assert "Jane-1042" not in caplog.text
