"""The moment cuts: what is at or after it is not seen; windows hold what is exactly N days ago."""

from datetime import UTC, datetime, timedelta

import pytest

from features.dictionary import FEATURES
from features.events import SOURCES
from features.timeline import DAY_US, future, past

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
OLD = {"customer_id": "c", "order_id": "old", "ordered_at": datetime(2020, 1, 1, tzinfo=UTC)}

WINDOWED = [n for n, f in FEATURES.items() if f.window_days and "a_year_ago" not in n]


def tables_with(source, at):
    """Tables in which one thing of the source happened at `at`, and an order long ago."""
    transactions = [{**OLD, "amount": 1.0, "quantity": 1}]
    if source == "interactions":
        kinds = ("visit", "complaint", "email_open", "campaign")
        acts = [{"customer_id": "c", "kind": k, "occurred_at": at} for k in kinds]
        return {"transactions": transactions, "interactions": acts}
    amount = 5.0 if source == "orders" else -5.0
    new = {"customer_id": "c", "order_id": "new", "ordered_at": at, "amount": amount, "quantity": 1}
    return {"transactions": [*transactions, new]}


@pytest.fixture
def feature(customer):
    def compute_one(name, at):
        return customer(AS_OF, name, **tables_with(FEATURES[name].source, at))[name]

    return compute_one


@pytest.mark.parametrize("source", SOURCES)
def test_a_row_at_the_moment_is_not_seen_and_one_microsecond_before_is(feature, source):
    name = {"orders": "orders_7d", "returns": "returns_90d", "interactions": "visits_7d"}[source]
    assert feature(name, AS_OF) == 0
    assert feature(name, AS_OF - MICRO) == 1


def of_window(name):
    return FEATURES[name].source, FEATURES[name].window_days


@pytest.fixture(scope="module")
def edges(customer):
    """What each windowed feature says of something at its first instant, and just before it."""
    told = {}
    for source, days in sorted({of_window(n) for n in WINDOWED}):
        names = [n for n in WINDOWED if of_window(n) == (source, days)]
        edge = AS_OF - timedelta(days=days)
        rows = [customer(AS_OF, *names, **tables_with(source, at)) for at in (edge, edge - MICRO)]
        told |= {name: tuple(row[name] for row in rows) for name in names}
    return told


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_holds_what_is_exactly_its_days_ago_and_nothing_earlier(edges, name):
    at_edge, before = edges[name]
    assert at_edge > 0, f"{name} misses its first instant"
    assert before == 0, f"{name} reaches too far back"


def test_a_year_ago_holds_day_365_and_not_the_day_after_the_stretch(feature):
    begins = AS_OF - timedelta(days=365)
    ends = begins + timedelta(days=30)
    ats = (begins - MICRO, begins, ends - MICRO, ends)
    assert [feature("orders_a_year_ago_30d", at) for at in ats] == [0, 1, 1, 0]


def test_an_age_is_whole_where_it_is_whole_and_never_zero(open_frames):
    rows = [{**OLD, "ordered_at": AS_OF - age, "amount": 1.0} for age in (MICRO, 10 * DAY)]
    frames = open_frames(transactions=rows)
    seen = past(frames.transactions, frames.moments([AS_OF])).collect("polars").to_native()
    assert sorted(seen["days_ago"]) == [1 / DAY_US, 10.0]


DAY = timedelta(days=1)


def test_the_future_holds_the_moment_itself_and_ends_before_the_horizon(open_frames):
    ats = [AS_OF - MICRO, AS_OF, AS_OF + 30 * DAY - MICRO, AS_OF + 30 * DAY]
    frames = open_frames(transactions=[{**OLD, "ordered_at": at, "amount": 1.0} for at in ats])
    ahead = future(frames.transactions, frames.moments([AS_OF]), horizon=30)
    days = sorted(ahead.collect("polars").to_native()["days_ahead"])
    assert days[0] == 0
    assert days[1] == pytest.approx(30)
    assert days[1] < 30
    assert len(days) == 2


def test_a_moment_in_another_zone_cuts_at_the_same_instant(customer):
    berlin = datetime.fromisoformat("2026-01-01T01:00:00+01:00")
    for at, seen in ((AS_OF, 0), (AS_OF - MICRO, 1)):
        assert customer(berlin, "orders_7d", **tables_with("orders", at))["orders_7d"] == seen


def test_before_cuts_the_tables_at_the_moment(open_frames):
    rows = [{**OLD, "ordered_at": AS_OF - MICRO, "amount": 1.0}, {**OLD, "ordered_at": AS_OF}]
    frames = open_frames(transactions=[{**row, "amount": 1.0} for row in rows])
    kept = frames.before(AS_OF).transactions.collect("polars").to_native()
    assert kept["at_us"].to_list() == [int(AS_OF.timestamp()) * 1_000_000 - 1]
