"""What counts as an order, a return, an act of the shop, and as a known customer."""

from datetime import UTC, datetime, timedelta

import pytest

from features.compute import compute
from features.events import coming_orders, interactions, orders, speak_of

AS_OF = datetime(2026, 1, 11, tzinfo=UTC)
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


def test_of_two_orders_at_one_instant_the_greater_id_is_the_last(told):
    lines = line("B", 5, 30.0), line("A", 5, 20.0)
    assert told(AS_OF, *lines) == (2, 30, 1, 6, 0)


def test_exactly_one_order_is_the_last_at_every_moment(open_frames):
    lines = [line("A", 1), line("A", 6), line("B", 3), line("C", 3), line("A", 2, customer="d")]
    frames = open_frames(transactions=lines)
    moments = frames.moments([datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3, 4, 7, 11)])
    found = orders(frames, moments).collect("polars").to_native()
    keys = found.filter(found["is_last"]).select("customer_id", "as_of_us")
    assert keys.is_unique().all()
    assert keys.height == found.select("customer_id", "as_of_us").n_unique() == 9


def test_two_customers_with_one_order_id_have_an_order_each(open_frames):
    frames = open_frames(transactions=[line("A", 1, 10.0), line("A", 1, 5.0, customer="d")])
    rows = compute(frames, AS_OF, ["spend_ever"]).sort("customer_id").collect("polars")
    assert rows["spend_ever"].to_list() == [10, 5]


def test_coming_orders_are_told_once_by_their_first_line(open_frames):
    frames = open_frames(transactions=[line("A", 12), line("A", 13), line("B", 10)])
    ahead = coming_orders(frames, frames.moments([AS_OF]), horizon=30).collect("polars")
    assert ahead["days_ahead"].to_list() == [1]


@pytest.mark.parametrize(
    ("kind", "said", "who"),
    [
        ("campaign", None, "company"),
        ("campaign_received", None, "company"),
        ("coupon", None, "company"),
        ("email_sent", None, "company"),
        ("visit", None, "customer"),
        ("call", None, "customer"),
        ("call", "company", "company"),
        ("coupon", "customer", "customer"),
    ],
)
def test_who_acted_is_what_the_table_says_or_else_told_by_the_kind(open_frames, kind, said, who):
    act = {"customer_id": "c", "occurred_at": "2026-01-01", "kind": kind, "initiated_by": said}
    frames = open_frames(transactions=[line("A", 1)], interactions=[act])
    found = interactions(frames, frames.moments([AS_OF])).collect("polars")
    assert found["initiated_by"].to_list() == [who]


def known_of(frames, *moments):
    return sorted(compute(frames, moments, ()).collect("polars").to_native()["customer_id"])


def test_customers_are_known_by_an_order_an_act_or_since(open_frames):
    frames = open_frames(
        transactions=[line("A", 1, customer="buys")],
        interactions=[{"customer_id": "acts", "occurred_at": "2026-01-02", "kind": "visit"}],
        customers=[
            {"customer_id": "listed", "since": None},
            {"customer_id": "before", "since": datetime(2026, 1, 10, 23, 59, 59, 999_999)},
            {"customer_id": "at", "since": datetime(2026, 1, 11)},
            {"customer_id": "after", "since": datetime(2026, 1, 12)},
        ],
    )
    assert known_of(frames, AS_OF) == ["acts", "before", "buys", "listed"]


def test_an_order_makes_known_whoever_is_said_to_join_later(open_frames):
    since = [{"customer_id": "c", "since": datetime(2026, 2, 1)}]
    frames = open_frames(transactions=[line("A", 1)], customers=since)
    assert known_of(frames, AS_OF) == ["c"]


def test_whoever_comes_after_the_moment_is_not_known(open_frames):
    frames = open_frames(transactions=[line("A", 11), line("B", 1, customer="d")])
    assert known_of(frames, AS_OF) == ["d"]
    assert known_of(frames, datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_a_known_customer_has_one_row_per_moment(open_frames):
    frames = open_frames(
        transactions=[line("A", 1), line("B", 2)],
        customers=[{"customer_id": "c"}, {"customer_id": "c"}],
    )
    assert known_of(frames, AS_OF, AS_OF + timedelta(days=1)) == ["c", "c"]


def test_an_event_knows_only_its_own_columns():
    with pytest.raises(AttributeError, match="there is no days_ahead; there are days_ago, amount"):
        _ = speak_of("returns").days_ahead
