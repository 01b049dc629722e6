"""Rows read as columns: many customers by id are answered as each of them is alone, to the bit."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sql

from contract.moments import as_micros
from contract.norms import Norms, Product
from serving.routes.histories import tell_records
from serving.routes.records import Failed, Record
from serving.routes.stored import FEW, join_all, join_held
from serving.routes.strange import find_strange
from serving.routes.together import Asking, Keep, score_together
from serving.store.answers import find_short
from serving.store.held import read_held
from serving.store.nightly import refresh
from serving.store.rows import add_interactions, add_transactions, read_stored
from serving.store.schema import CUSTOMERS
from tests.serving.parity import AS_OF, draw_records

# A database of another collation has these in another order than Python.
NAMES = ("b", "B", "a", "Å", "ä", "z-1", "Z", "10", "9", "_", "é", "日本")
NORMS = Norms(as_of=AS_OF, non_goods=("POST",), products={"P-1": Product(category="bags")})
LATE = datetime(2026, 7, 1, tzinfo=UTC)


def line(who, number, **told):
    row = {"told_id": f"{who}-{number}", "customer_id": who, "order_id": f"O-{number}",
           "at_us": as_micros(AS_OF - timedelta(days=3 * number)), "amount": 10.0}  # fmt: skip
    return {**row, **told}


def tell(store, lines=(), acts=()):
    with store.write() as connection:
        if lines:
            add_transactions(connection, lines)
        if acts:
            add_interactions(connection, acts)


@pytest.fixture
def full(store):
    """A store of sixty random customers, some of whom have something amiss."""
    draw, ids = random.Random(5), []
    for i, told in enumerate(draw_records(60)):
        record = Record.model_validate(told)
        who = NAMES[i] if i < len(NAMES) else record.customer_id
        ids.append(who)
        lines = [
            one.model_dump(exclude={"ordered_at"})
            | {"told_id": f"{i}-{n}", "customer_id": who, "at_us": as_micros(one.ordered_at)}
            | {"product_id": draw.choice(["P-1", "P-2", "POST", "", None])}
            for n, one in enumerate(record.transactions)
        ]
        acts = [
            one.model_dump(exclude={"occurred_at", "value"})
            | {"told_id": f"{i}-{n}", "customer_id": who, "at_us": as_micros(one.occurred_at)}
            | {"amount": draw.choice([None, 7.5]), "channel": draw.choice(["web", "", None])}
            | {"initiated_by": draw.choice(["company", "customer", "", None])}
            for n, one in enumerate(record.interactions)
        ]
        tell(store, lines, acts)
    said = {"customer_id": "only-listed", "since_us": 5, "valid_from_us": 7, "country": "FR",
            "attributes": '{"region": "north"}'}  # fmt: skip
    with store.write() as connection:
        connection.execute(sql.insert(CUSTOMERS), [said])
    tell(store, [line("mixed", 1, currency="EUR"), line("mixed", 2, currency="USD")])
    tell(store, [line("letters", 1, currency="eur"), line("letters", 2, currency="EUR")])
    tell(store, [line("rich", 1, amount=9e11), line("rich", 2, amount=-2e11)])
    tell(store, [line("late", 1), line("late", 2, at_us=as_micros(LATE), product_id="P-9")])
    return store, [*ids, "only-listed", "mixed", "letters", "rich", "late", "nobody"]


def read_both(store, ids):
    with store.read() as connection:
        return read_held(connection, ids), read_stored(connection, ids)


def is_same(one, other):
    assert one.columns.keys() == other.columns.keys()
    np.testing.assert_array_equal(one.bounds, other.bounds)
    for name, column in one.columns.items():
        assert column.dtype == other[name].dtype, name
        np.testing.assert_array_equal(column, other[name], name)


def test_columns_hold_what_rows_as_objects_hold(full):
    store, ids = full
    held, stored = read_both(store, ids)
    assert held == stored
    assert "nobody" not in held and len(held) == len(ids) - 1


def test_a_history_of_columns_is_that_of_objects(full):
    store, ids = full
    held, stored = read_both(store, ids)
    twice = [*ids, *ids[:9]]
    records = {str(i): Record(customer_id=who) for i, who in enumerate(twice)}
    columns, objects = join_held(records, held), join_held(records, stored)
    assert len(columns.kept.places) > 60 and not objects.kept.places
    made = tell_records(columns.records, AS_OF, NORMS, columns.listed, columns.kept)
    told = tell_records(objects.records, AS_OF, NORMS, objects.listed)
    for name in ("lines", "acts", "listed"):
        is_same(getattr(made, name), getattr(told, name))
    assert made.names == told.names
    assert made.ids.equals(told.ids) and made.since_us.tolist() == told.since_us.tolist()
    marks = columns.kept.mark(NORMS, AS_OF)
    for key, record in objects.records.items():
        late = any(row.ordered_at >= AS_OF for row in record.transactions)
        if key in marks:
            assert marks[key].late == late
            assert find_strange(record, NORMS) == find_strange(records[key], NORMS, marks[key])
    assert {key for key, mark in marks.items() if mark.late} == {str(ids.index("late"))}


def test_many_by_id_are_answered_as_each_alone(full, scorer):
    store, ids = full
    newer = [{"order_id": "new", "ordered_at": "2026-05-31T23:00:00Z", "amount": 5}]
    records = [Record(customer_id=who) for who in ids]
    records += [Record(customer_id=who, transactions=newer) for who in ids[:20]]
    records += [Record(customer_id=ids[0], country="FR", since="2026-07-01T00:00:00Z")]
    asking = Asking(scorer, Keep(store), records, tuple(scorer.bundles), AS_OF)
    many = score_together([asking]).pop().each
    alone = [score_together([replace(asking, records=[r])]).pop().each[0] for r in records]
    assert len(records) > FEW
    for one, other, record in zip(many, alone, records, strict=True):
        if isinstance(one, Failed):
            assert one.error == other.error
        else:
            assert one.row | {"customer_id": ""} == other.row | {"customer_id": ""}, record
            assert one.warnings == other.warnings
    wrong = {r.customer_id: one.error.code for r, one in zip(records, many, strict=True)
             if isinstance(one, Failed)}  # fmt: skip
    assert wrong == {"mixed": "mixed_currencies", "rich": "sum_too_large"}


def test_customers_whose_rows_are_sound_stay_columns(full):
    store, ids = full
    joined = join_all({who: Record(customer_id=who) for who in ids}, store)
    assert set(ids) - set(joined.kept.places) == {"mixed", "letters", "rich", "nobody"}


def test_what_is_told_while_the_answers_are_made_puts_them_out_of_date(store, scorer):
    tell(store, [line("c", 1), line("d", 1)])

    class Slow(type(scorer)):
        def look(self, *asked):
            tell(store, [line("c", 2)])
            return super().look(*asked)

    refresh(store, Slow(scorer.bundles), AS_OF, [].append)
    with store.read() as connection:
        kept = {who: find_short(connection, who) for who in "cd"}
    assert kept["c"].out_of_date and not kept["d"].out_of_date
