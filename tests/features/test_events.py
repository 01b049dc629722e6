"""What counts as an order, a return, an act of the shop, and as a known customer."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute
from features.sources import SOURCES, Shop

AS_OF = datetime(2026, 1, 11, tzinfo=UTC)
AS_OF_US = as_micros(AS_OF)
ORDER = ("orders_ever", "last_order_value", "last_order_lines", "days_since_order", "mean_gap")


def line(order, day, amount=10.0, customer="c"):
    at = datetime(2026, 1, day, tzinfo=UTC)
    return {"customer_id": customer, "order_id": order, "ordered_at": at, "amount": amount}


@pytest.fixture
def told(customer):
    def tell(as_of, *lines):
        row = customer(as_of, *ORDER, transactions=list(lines))
        return tuple(row[name] for name in ORDER)

    return tell


def test_an_order_of_lines_at_several_times_counts_once_from_its_first_line(told):
    assert told(AS_OF, line("A", 1, 10.0), line("A", 3, 5.0)) == (1, 15, 2, 10, None)


def test_a_line_added_at_or_after_the_moment_is_not_in_the_order_yet(told):
    lines = line("A", 1, 10.0), line("A", 3, 5.0)
    third = datetime(2026, 1, 3, tzinfo=UTC)
    assert told(third, *lines) == (1, 10, 1, 2, None)
    assert told(third + timedelta(microseconds=1), *lines)[:3] == (1, 15, 2)


def test_a_line_added_later_makes_an_older_order_not_the_last(told):
    lines = line("A", 1, 10.0), line("A", 8, 5.0), line("B", 6, 100.0)
    assert told(AS_OF, *lines) == (2, 100, 1, 5, 5)


def test_returns_alone_are_no_order(told, customer):
    assert told(AS_OF, line("A", 1, -10.0)) == (0, None, None, None, None)
    row = customer(AS_OF, "returned_ever", "returns_90d", transactions=[line("A", 1, -10.0)])
    assert (row["returned_ever"], row["returns_90d"]) == (10, 1)


def test_a_returned_line_leaves_its_order_as_it_was(told, customer):
    lines = line("A", 1, 10.0), line("A", 1, 20.0), line("A", 4, -20.0)
    assert told(AS_OF, *lines) == (1, 30, 2, 10, None)
    assert customer(AS_OF, "returned_ever", transactions=list(lines))["returned_ever"] == 20


def test_an_order_begins_with_its_first_line_that_is_no_return(told):
    lines = line("A", 1, -10.0), line("A", 2, 0.0), line("A", 3, 20.0), line("A", 4, 5.0)
    assert told(AS_OF, *lines) == (1, 25, 2, 8, None)


@pytest.mark.parametrize("ids", [("B", "A"), ("A", "B"), ("9", "10"), ("a", "B")])
def test_of_two_orders_at_one_instant_the_greater_id_is_the_last(told, ids):
    lines = line(ids[0], 5, 30.0), line(ids[1], 5, 20.0)
    assert told(AS_OF, *lines) == (2, 30 if ids[0] > ids[1] else 20, 1, 6, 0)


def test_exactly_one_order_is_the_last_at_every_moment(open_history):
    lines = [line("A", 1, 1.0), line("A", 6, 50.0), line("B", 3, 2.0), line("C", 3, 4.0)]
    history = open_history(transactions=[*lines, line("A", 2, 8.0, customer="d")])
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3, 4, 7, 11)]
    names = ("last_order_value", "days_since_order", "orders_ever")
    made = compute(history, {day: Norms(as_of=day) for day in moments}, names).to_arrow()
    told = pl.from_arrow(made).select("customer_id", *names).rows()
    assert told == [
        ("c", 1, 1, 1),
        ("c", 1, 2, 1), ("d", 8, 1, 1),
        ("c", 4, 1, 3), ("d", 8, 2, 1),
        ("c", 4, 4, 3), ("d", 8, 5, 1),
        ("c", 4, 8, 3), ("d", 8, 9, 1),
    ]  # fmt: skip


def test_two_customers_with_one_order_id_have_an_order_each(features_of):
    lines = [line("A", 1, 10.0), line("A", 1, 5.0, customer="d")]
    rows = features_of(AS_OF, ["spend_ever", "orders_ever"], transactions=lines)
    assert rows["spend_ever"].to_list() == [10, 5]
    assert rows["orders_ever"].to_list() == [1, 1]


def test_coming_orders_are_told_once_by_their_first_line(open_history):
    history = open_history(transactions=[line("A", 12), line("A", 13), line("B", 10)])
    ahead = Shop(history).ahead("orders", AS_OF_US, 30)
    assert ahead.days_ahead.tolist() == [1]
    assert ahead.count().tolist() == [1]
    assert ahead.total("amount").tolist() == [20]


def test_an_order_that_began_before_the_moment_is_none_to_come(open_history):
    history = open_history(transactions=[line("A", 10), line("A", 12)])
    assert Shop(history).ahead("orders", AS_OF_US, 30).count().tolist() == [0]


@pytest.mark.parametrize(
    ("kind", "said", "who"),
    [
        ("campaign", None, "company"),
        ("campaign_received", None, "company"),
        ("coupon", None, "company"),
        ("email_send", None, "company"),
        ("email_sent", None, "company"),
        ("visit", None, "customer"),
        ("call", None, "customer"),
        ("smoke signal", None, "customer"),
        ("call", "company", "company"),
        ("coupon", "customer", "customer"),
        ("campaign", "customer", "customer"),
    ],
)
def test_who_acted_is_what_the_table_says_or_else_told_by_the_kind(open_history, kind, said, who):
    act = {"customer_id": "c", "occurred_at": "2026-01-01", "kind": kind, "initiated_by": said}
    history = open_history(transactions=[line("A", 1)], interactions=[act])
    found = Shop(history).past("interactions", AS_OF_US)
    assert found.company.tolist() == [who == "company"]
    assert found.names("kind")[found.kind[0]] == kind


def known_of(history, *moments):
    return compute(history, {day: Norms(as_of=day) for day in moments}, ()).ids.to_pylist()


def test_customers_are_known_by_an_order_an_act_or_since(open_history):
    history = open_history(
        transactions=[line("A", 1, customer="buys"), line("Z", 1, 0.0, customer="tries")],
        interactions=[{"customer_id": "acts", "occurred_at": "2026-01-02", "kind": "visit"}],
        customers=[
            {"customer_id": "listed", "since": None},
            {"customer_id": "before", "since": datetime(2026, 1, 10, 23, 59, 59, 999_999)},
            {"customer_id": "at", "since": datetime(2026, 1, 11)},
            {"customer_id": "after", "since": datetime(2026, 1, 12)},
        ],
    )
    assert known_of(history, AS_OF) == ["acts", "before", "buys", "listed", "tries"]


def test_an_order_makes_known_whoever_is_said_to_join_later(open_history):
    since = [{"customer_id": "c", "since": datetime(2026, 2, 1)}]
    history = open_history(transactions=[line("A", 1)], customers=since)
    assert known_of(history, AS_OF) == ["c"]


def test_whoever_comes_after_the_moment_is_not_known(open_history):
    history = open_history(transactions=[line("A", 11), line("B", 1, customer="d")])
    assert known_of(history, AS_OF) == ["d"]
    assert known_of(history, datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_a_known_customer_has_one_row_per_moment(open_history):
    history = open_history(
        transactions=[line("A", 1), line("B", 2)],
        customers=[{"customer_id": "c"}, {"customer_id": "c"}],
    )
    assert known_of(history, AS_OF, AS_OF + timedelta(days=1)) == ["c", "c"]


@pytest.mark.parametrize("source", SOURCES)
def test_an_event_knows_only_its_own_columns(open_history, source):
    shop = Shop(open_history(transactions=[line("A", 1)]))
    past, ahead, alone = (
        shop.past(source, AS_OF_US), shop.ahead(source, AS_OF_US, 30), shop.alone(source, AS_OF_US)
    )  # fmt: skip
    own = "".join(f", {name}" for name in shop.source(source).columns)
    for events in (past, alone):
        with pytest.raises(AttributeError) as refused:
            _ = events.days_ahead
        assert str(refused.value) == f"there is no days_ahead; there are days_ago{own}"
    with pytest.raises(AttributeError, match=f"there is no days_ago; there are days_ahead{own}"):
        _ = ahead.days_ago
    assert isinstance(past.days_ago, np.ndarray)


def test_columns_of_a_return_are_its_age_and_its_amount(open_history):
    returns = Shop(open_history(transactions=[line("A", 1)])).past("returns", AS_OF_US)
    with pytest.raises(AttributeError) as refused:
        _ = returns.days_ahead
    assert str(refused.value) == "there is no days_ahead; there are days_ago, amount"
