"""A load of many transactions: others write in between, and one that is killed is run again."""

import subprocess
import sys
from contextlib import suppress
from time import monotonic

import polars as pl
import sqlalchemy as sql

from contract.tables import Layout, Tables, find_tables
from features.engines import open_tables
from serving.store import loading
from serving.store.opened import WAIT_S, open_store
from serving.store.rows import add_transactions
from serving.store.schema import CUSTOMERS, INTERACTIONS, TRANSACTIONS

# In a process of its own, in small parts, each part told as it begins.
LOAD = """
import sys
from contract.tables import find_tables
from features.engines import open_tables
from serving.store import loading
from serving.store.opened import open_store
loading.BATCH = int(sys.argv[3])
frames = open_tables(find_tables(sys.argv[2]))
loading.load(open_store(sys.argv[1]), frames, lambda done, total: print(done, total, flush=True))
"""
LONG_AGO, FAR_AHEAD = 1_000_000, 4_000_000_000_000_000


def start(url, tables, batch):
    words = [sys.executable, "-c", LOAD, url, str(tables), str(batch)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def told(number, at_us, customer="told"):
    return {"told_id": f"t{number}", "customer_id": customer, "order_id": f"o{number}",
            "at_us": at_us, "amount": 1.0}  # fmt: skip


def tell(store, *rows):
    with store.write() as connection:
        add_transactions(connection, rows)


def list_all(store):
    """Return every row of each table, in one order, without the number that it has there."""
    with store.read() as connection:
        return {
            table.name: sorted(
                connection.execute(sql.select(*[c for c in table.c if c.name != "row"])).all(),
                key=repr,
            )
            for table in (TRANSACTIONS, INTERACTIONS, CUSTOMERS)
        }


def open_orders(amount, *customers):
    rows = [
        {"customer_id": who, "order_id": f"{who}{n}", "ordered_at": "2026-05-01", "amount": amount}
        for who in customers
        for n in range(3)
    ]
    return open_tables(Tables({"transactions": pl.DataFrame(rows)}, Layout()))


def prepare(store):
    """Fill the store with what a load takes away, and with what callers told before and after."""
    loading.load(store, open_orders(5.0, "gone", "told"), print)
    tell(store, told(1, LONG_AGO), told(2, FAR_AHEAD), told(3, LONG_AGO, "only told"))


def test_a_killed_load_is_run_again_and_leaves_the_rows_of_one_undisturbed(store, url, small_shop):
    prepare(store)
    undisturbed = start(url, small_shop, 500)
    parts = undisturbed.communicate(timeout=60)[0].splitlines()
    assert undisturbed.returncode == 0 and len(parts) > 10
    expected = list_all(store)
    assert {row.told_id for row in expected[TRANSACTIONS.name]} == {None, "t2"}

    with store.write() as connection:
        for table in (TRANSACTIONS, INTERACTIONS, CUSTOMERS):
            connection.execute(table.delete())
    prepare(store)
    with start(url, small_shop, 500) as killed:
        assert killed.stdout is not None
        for _ in range(len(parts) // 2):
            killed.stdout.readline()
        killed.kill()
    half = list_all(store)
    assert 0 < len(half[TRANSACTIONS.name]) < len(expected[TRANSACTIONS.name])

    again = start(url, small_shop, 500)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert list_all(store) == expected


def test_a_stopped_load_leaves_each_customer_as_before_or_as_after(store, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 4)
    names = "abcdef"
    loading.load(store, open_orders(1.0, *names), print)

    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        loading.load(store, open_orders(2.0, *names), stop)
    amounts = {who: [] for who in names}
    for row in list_all(store)[TRANSACTIONS.name]:
        amounts[row.customer_id].append(row.amount)
    assert sorted(map(tuple, amounts.values())) == [(1.0,) * 3] * 2 + [(2.0,) * 3] * 4


def count_loaded(store):
    loaded = sql.select(sql.func.count()).where(TRANSACTIONS.c.told_id.is_(None))
    with store.read() as connection:
        return connection.execute(loaded).scalar_one()


def test_others_write_while_a_load_lasts(store, url, small_shop):
    waited, found, writer = [], [], open_store(url)
    with start(url, small_shop, 100) as loader:
        while loader.poll() is None:
            began = monotonic()
            tell(writer, told(len(waited), FAR_AHEAD))
            waited.append(monotonic() - began)
            found.append(count_loaded(writer))
    writer.close()
    assert loader.returncode == 0
    frames = open_tables(find_tables(str(small_shop)))
    every = len(frames.transactions.collect("polars").to_native())
    # Written amid the load: one in a single transaction would be seen not at all, or whole.
    assert len({count for count in found if 0 < count < every}) > 3
    assert max(waited) < WAIT_S / 2
    assert count_loaded(store) == every
    told_ids = {row.told_id for row in list_all(store)[TRANSACTIONS.name]} - {None}
    assert told_ids == {f"t{n}" for n in range(len(waited))}
