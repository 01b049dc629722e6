"""The moment cuts: what is at or after it is not seen; windows hold what is exactly N days ago."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute
from features.dictionary import FEATURES, list_needed
from features.gather import read_history
from features.norms import find_norms
from features.sources import SOURCES, Shop
from features.timeline import DAY_US

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF_US = as_micros(AS_OF)
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NORMS = Norms(as_of=AS_OF, prices={"tea": 2.0, "cups": 3.0})

PRODUCTS = [
    {"product_id": "T", "category": "tea", "cost": 0.25},
    {"product_id": "K", "category": "cups", "cost": 0.5},
]
KINDS = ("visit", "complaint", "email_open", "email_click", "campaign", "call", "coupon_redeemed")


def list_sources(name):
    """The sources that a feature is made of, or the features it is made of."""
    return {source for feature in list_needed((name,)) for source in feature.sources}


WINDOWED = [
    (name, source)
    for name, feature in FEATURES.items()
    if feature.window and "ahead" not in feature.window and "a_year_ago" not in name
    for source in sorted(list_sources(name))
]


def line(order, at, amount, product="T", **more):
    one = {"customer_id": "c", "order_id": order, "ordered_at": at, "amount": amount}
    return {**one, "product_id": product, "quantity": 1, "discount": 0.5, **more}


def act(kind, at, channel=None):
    return {"customer_id": "c", "kind": kind, "occurred_at": at, "channel": channel}


# An order long ago and one within every window, both of tea, and a return.
USUAL = [line("old", LONG_AGO, 1.0), line("usual", AS_OF - DAY, 1.0)]
USUAL += [line("usual", AS_OF - DAY, -0.25)]


def tables_with(source, at):
    """Tables in which one thing of the source happened at `at`, beside the usual."""
    new = {
        "orders": [line("new", at, 5.0), line("new", at, 4.0, "K", quantity=2)],
        "lines": [line("new", at, 5.0), line("new", at, 4.0, "K", quantity=2)],
        "returns": [line("new", at, -5.0)],
    }
    acts = {
        "interactions": [act(kind, at) for kind in KINDS]
        + [act("visit", at, channel) for channel in ("web", "app", "phone")],
        "answers": [act("campaign", at - DAY), act("visit", at)],
        "troubles": [act("complaint", at)],
    }
    listed = {
        "attributes": {"country": "GB", "valid_from": at, "since": LONG_AGO},
        "entries": {"valid_from": at, "since": LONG_AGO},
        "joined": {"since": at},
    }
    tables = {"transactions": USUAL + new.get(source, []), "products": PRODUCTS}
    if source in acts:
        tables["interactions"] = acts[source]
    if source in listed:
        tables["customers"] = [{"customer_id": "c", **listed[source]}]
    return tables


@pytest.mark.parametrize("source", SOURCES)
def test_a_row_at_the_moment_is_not_seen_and_one_microsecond_before_is(open_history, source):
    def count(at):
        shop = Shop(open_history(**tables_with(source, at)))
        assert shop.alone(source, AS_OF_US).count() == shop.past(source, AS_OF_US).count()
        return int(shop.past(source, AS_OF_US).count()[0])

    outside = count(AS_OF + DAY)
    assert count(AS_OF) == outside
    assert count(AS_OF - MICRO) > outside


def test_every_window_that_looks_back_is_tried():
    assert {source for _, source in WINDOWED} == {
        "orders", "returns", "lines", "interactions", "answers",
    }  # fmt: skip
    assert ("return_share_365d", "orders") in WINDOWED
    assert ("return_share_365d", "returns") in WINDOWED
    assert len(WINDOWED) > 70


def list_ages(name):
    """A day inside the window, its first instant, the microsecond and the day before that."""
    edge = timedelta(days=int(FEATURES[name].window.removesuffix(" days")))
    return edge - DAY, edge, edge + MICRO, edge + DAY


@pytest.fixture(scope="module")
def told(open_history):
    """What a feature says, in a batch and alone, of something of a source at an age."""
    made = {}
    for source in {source for _, source in WINDOWED}:
        names = [name for name, of in WINDOWED if of == source]
        tables = {"products": PRODUCTS}
        for age in sorted({age for name in names for age in list_ages(name)}):
            happened = tables_with(source, AS_OF - age)
            for table in happened.keys() - {"products"}:
                rows = [row | {"customer_id": str(age)} for row in happened[table]]
                tables[table] = tables.get(table, []) + rows
        history = open_history(**tables)
        batch = compute(history, {AS_OF: NORMS}, names).to_arrow().to_pylist()
        for place, row in enumerate(batch):
            alone = compute(history.block(place, place + 1), {AS_OF: NORMS}, names)
            (same,) = alone.to_arrow().to_pylist()
            made |= {(n, source, row["customer_id"]): (row[n], same[n]) for n in names}
    return made


@pytest.mark.parametrize(("name", "source"), WINDOWED)
def test_a_window_holds_what_is_exactly_its_days_ago_and_nothing_earlier(told, name, source):
    for way in (0, 1):
        inside, first, before, outside = (
            told[name, source, str(age)][way] for age in list_ages(name)
        )
        assert inside != outside, f"{name} does not see {source}"
        assert first == inside, f"{name} misses its first instant"
        assert before == outside, f"{name} reaches too far back"


def test_a_year_ago_holds_day_365_and_not_the_day_after_the_stretch(customer):
    def count(age):
        tables = tables_with("returns", AS_OF)
        tables["transactions"] = [line("new", AS_OF - age, 5.0)]
        return customer(AS_OF, "orders_a_year_ago_30d", **tables)["orders_a_year_ago_30d"]

    begins, ends = 365 * DAY, 335 * DAY
    assert [count(age) for age in (begins + MICRO, begins, ends + MICRO, ends)] == [0, 1, 1, 0]


def test_an_age_is_whole_where_it_is_whole_and_never_zero(open_history):
    lines = [line(str(age), AS_OF - age, 1.0) for age in (MICRO, 10 * DAY)]
    shop = Shop(open_history(transactions=lines))
    assert shop.past("orders", AS_OF_US).days_ago.tolist() == [10.0, 1 / DAY_US]
    assert shop.alone("orders", AS_OF_US).days_ago.tolist() == [10.0, 1 / DAY_US]


@pytest.mark.parametrize("source", SOURCES)
def test_columns_say_nothing_of_what_comes_at_or_after_the_moment(open_history, source):
    early, late = tables_with(source, AS_OF - MICRO), tables_with(source, AS_OF + 30 * DAY)
    late["transactions"] = [r | {"order_id": r["order_id"] + "!"} for r in late["transactions"]]
    late["customers"] = [row | {"country": "FR"} for row in late.get("customers", [])]
    both = {name: early.get(name, []) + rows for name, rows in late.items()}
    shop = Shop(open_history(**{**both, "products": PRODUCTS}))
    seen = shop.past(source, AS_OF_US)
    past = int(seen.count()[0])
    if source != "joined":  # of two dates the earlier is when a customer joined
        assert past < len(seen.days_ago)
    for name in ("days_ago", *shop.source(source).columns):
        told = getattr(seen, name)[past:]
        nothing = {"f": np.nan, "b": False}.get(told.dtype.kind, -1)
        assert np.array_equal(told, np.full(len(told), nothing), equal_nan=told.dtype.kind == "f")


def test_the_future_holds_the_moment_itself_and_ends_before_the_horizon(open_history):
    ats = [AS_OF - MICRO, AS_OF, AS_OF + 30 * DAY - MICRO, AS_OF + 30 * DAY]
    lines = [line(str(at), at, 1.0) for at in ats]
    ahead = Shop(open_history(transactions=lines)).ahead("orders", AS_OF_US, 30)
    days = ahead.days_ahead.tolist()
    assert days[0] == 0
    assert days[1] == pytest.approx(30)
    assert days[1] < 30
    assert len(days) == 2


def test_a_moment_in_another_zone_cuts_at_the_same_instant(customer):
    berlin = datetime.fromisoformat("2026-01-01T01:00:00+01:00")
    for at, seen in ((AS_OF, 1), (AS_OF - MICRO, 2)):
        assert customer(berlin, "orders_7d", **tables_with("orders", at))["orders_7d"] == seen


@pytest.mark.parametrize("source", SOURCES)
def test_before_cuts_every_table_at_the_moment(open_history, source):
    kept, cut = (
        open_history(**tables_with(source, at)).before(AS_OF_US) for at in (AS_OF - MICRO, AS_OF)
    )
    if source != "joined":  # who joins when is told beside the tables
        assert max(int(t["at_us"].max()) for t in (kept.lines, kept.acts, kept.listed) if len(t)) \
            == AS_OF_US - 1  # fmt: skip
    for table in (cut.lines, cut.acts, cut.listed):
        assert (table["at_us"] < AS_OF_US).all()
        assert table.bounds[-1] == len(table["at_us"])


def test_no_feature_and_no_norm_knows_what_came_at_or_after_its_moment(small_shop, tables, engine):
    sources = {file.stem: file for file in small_shop.glob("*.parquet")}
    history = read_history(tables(**sources), engine)
    early = datetime(2026, 3, 1, tzinfo=UTC)
    cut = history.before(as_micros(early))
    assert len(cut.lines) < len(history.lines)
    norms = find_norms(history, [early])
    assert find_norms(cut, [early]) == norms
    assert compute(cut, norms).to_arrow().equals(compute(history, norms).to_arrow())
