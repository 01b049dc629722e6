"""Rows told once or often, by load or by callers, and what is then known of a customer."""

from datetime import UTC, datetime, timedelta

import polars as pl
import sqlalchemy as sql

from contract.tables import Layout, Tables
from features.engines import open_tables
from serving.store.loading import load
from serving.store.rows import add_interactions, add_transactions, read_stored
from serving.store.schema import CHANGES, TRANSACTIONS

DAY = datetime(2026, 5, 1, tzinfo=UTC)


def micros(days: int) -> int:
    return int((DAY + timedelta(days=days)).timestamp()) * 1_000_000


def line(told_id, customer="c", day=0, amount=10.0, order="o"):
    return {"told_id": told_id, "customer_id": customer, "order_id": order, "at_us": micros(day),
            "amount": amount}  # fmt: skip


def tell(store, *rows):
    with store.write() as connection:
        add_transactions(connection, rows)


def read(store, *ids):
    with store.read() as connection:
        return read_stored(connection, ids)


def open_rows(layout=None, **tables):
    frames = {name: pl.DataFrame(rows) for name, rows in tables.items()}
    return open_tables(Tables(frames, layout or Layout()))


def orders(*days, customer="c"):
    return [{"customer_id": customer, "order_id": f"L{d}", "ordered_at": DAY + timedelta(days=d),
             "amount": 5.0} for d in days]  # fmt: skip


def test_a_row_told_often_is_one_row_and_the_last_telling_counts(store):
    tell(store, line("a", amount=10.0), line("b", day=1))
    tell(store, line("a", amount=12.0), line("a", amount=13.0))
    assert [(at.ordered_at, at.amount) for at in read(store, "c")["c"].lines] == [
        (DAY, 13.0),
        (DAY + timedelta(days=1), 10.0),
    ]


def test_a_row_that_moves_to_another_customer_changes_both(store):
    tell(store, line("a", customer="first"))
    with store.write() as connection:
        connection.execute(CHANGES.delete())
    tell(store, line("a", customer="second"))
    assert list(read(store, "first", "second")) == ["second"]
    with store.read() as connection:
        assert set(connection.execute(sql.select(CHANGES.c.customer_id)).scalars()) == {
            "first",
            "second",
        }


def test_rows_come_in_the_order_of_time_whatever_order_they_were_told_in(store):
    tell(store, line("late", day=9), line("early", day=2), line("middle", day=5))
    assert [at.ordered_at.day for at in read(store, "c")["c"].lines] == [3, 6, 10]


def test_more_customers_than_one_question_holds(store):
    ids = [f"c{i}" for i in range(1_200)]
    tell(store, *(line(i, customer=i) for i in ids))
    assert len(read(store, *ids)) == 1_200


def test_an_interaction_keeps_what_was_told_of_it(store):
    act = {"told_id": "i", "customer_id": "c", "at_us": micros(3), "kind": "survey", "amount": 7.0,
           "channel": "web", "initiated_by": "customer"}  # fmt: skip
    with store.write() as connection:
        add_interactions(connection, [act])
    (kept,) = read(store, "c")["c"].acts
    assert kept == (DAY + timedelta(days=3), "survey", "web", 7.0, "customer")


def test_a_load_takes_the_place_of_the_load_before(store):
    load(store, open_rows(transactions=orders(0, 1, 2)), print)
    counts = load(store, open_rows(transactions=orders(0, 1)), print)
    assert counts == {"transactions": 2, "interactions": 0, "customers": 0}
    assert [at.order_id for at in read(store, "c")["c"].lines] == ["L0", "L1"]


def test_told_rows_stay_where_they_are_newer_than_what_the_tables_hold(store):
    tell(store, line("old", day=1, order="P1"), line("new", day=5, order="P5"))
    load(store, open_rows(transactions=orders(0, 1, 2)), print)
    assert [at.order_id for at in read(store, "c")["c"].lines] == ["L0", "L1", "L2", "P5"]
    load(store, open_rows(transactions=orders(0, 5)), print)
    assert [at.order_id for at in read(store, "c")["c"].lines] == ["L0", "L5"]


def test_customers_bring_attributes_with_the_day_they_hold_from(store):
    layout = Layout(attributes={"region": "text", "household_size": "number"})
    said = [{"customer_id": "c", "since": DAY, "valid_from": DAY, "country": "FR",
             "region": "north", "household_size": 3.0}]  # fmt: skip
    load(store, open_rows(layout, transactions=orders(0), customers=said), print)
    (listed,) = read(store, "c")["c"].listed
    assert (listed.since_us, listed.valid_from_us, listed.country) == (micros(0), micros(0), "FR")
    assert listed.attributes == '{"household_size": 3.0, "region": "north"}'


def test_a_row_a_load_brought_has_no_id_that_a_caller_could_tell(store):
    load(store, open_rows(transactions=orders(0, 1)), print)
    with store.read() as connection:
        assert set(connection.execute(sql.select(TRANSACTIONS.c.told_id)).scalars()) == {None}
