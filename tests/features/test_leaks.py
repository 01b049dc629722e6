"""The gate lets no feature pass that knows what came at or after its moment."""

from datetime import UTC, datetime

import pytest

from contract.check import check
from contract.columns import TABLES
from contract.tables import find_tables
from features import sources
from features.dictionary import FEATURES
from features.engines import read_tables
from features.events import Events
from features.gather import read_history
from features.leaks import AFTER, LeakError, find_aware, find_leaks, refuse_leaks
from features.norms import find_norms
from features.sources import Shop
from features.timeline import DAY_US, Source

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(small_shop):
    return read_history(find_tables(str(small_shop)))


@pytest.fixture(scope="module")
def norms(history):
    return find_norms(history, [AS_OF])[AS_OF]


@pytest.fixture(scope="module")
def aware(history, norms):
    return find_aware(history, AS_OF, norms)


def test_no_feature_sees_rows_at_or_after_its_moment(history, norms):
    assert find_leaks(history, AS_OF, norms) == []


# What no row that repeats an earlier one a microsecond before the moment can change.
UNMOVED = {"days_known"}


@pytest.mark.parametrize("name", FEATURES)
def test_the_gate_would_notice_a_row_one_microsecond_earlier(aware, name):
    silent = {n for n in FEATURES if "a_year_ago" in n} | UNMOVED | NEVER_TOLD
    assert (name in aware) == (name not in silent)


# The invented shop tells nothing of these, so neither do its rows put in again.
NEVER_TOLD = {
    "calls_90d", "calls_365d", "days_since_call", "mean_survey", "days_since_survey",
    "coupons_redeemed_90d", "coupons_redeemed_365d",
}  # fmt: skip


def plant(monkeypatch, beyond_us):
    """Let features see so many microseconds beyond the moment as if they were past."""

    def past(self, name, as_of_us):
        late_us = as_of_us + beyond_us
        return Events(self.source(name).see(late_us), late_us)

    monkeypatch.setattr(Shop, "past", past)


LEAKS = {
    "a row at the moment": 1,
    "a row one microsecond later": 2,
    "rows of the year after": 365 * DAY_US,
}


@pytest.mark.parametrize("kind", AFTER)
def test_a_planted_leak_of_each_kind_is_caught(monkeypatch, history, norms, kind):
    plant(monkeypatch, LEAKS[kind])
    leaks = find_leaks(history, AS_OF, norms)
    assert kind in {leak.saw for leak in leaks}
    assert {"orders_ever", "days_since_contact"} <= {leak.feature for leak in leaks}
    with pytest.raises(LeakError, match=r"features know the future: .* saw a row"):
        refuse_leaks(history, AS_OF, norms)


def test_one_leaking_feature_is_named(monkeypatch, history, norms):
    def make_timeless(history):
        lines = history.lines
        return Source(lines.bounds, 0 * lines["at_us"], {"amount": lines["amount"]})

    monkeypatch.setitem(sources.SOURCES, "returns", make_timeless)
    leaks = find_leaks(history, AS_OF, norms, ["orders_7d", "returns_ever"])
    assert {leak.feature for leak in leaks} == {"returns_ever"}
    assert {leak.saw for leak in leaks} == set(AFTER)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_every_table_says_from_when_on_its_rows_were_known_or_is_constant(table):
    names = [c.name for c in table.columns if c.kind == "time"]
    assert table.clock in names if table.name != "products" else table.clock is None


def test_an_attribute_without_valid_from_is_refused_and_told(features_of, engine, tables):
    line = {"customer_id": "c", "order_id": "A", "ordered_at": "2026-01-01", "amount": 1.0}
    listed = [{"customer_id": "c", "country": "DE", "kind": "reseller"}]
    row = features_of(AS_OF, ["country", "kind"], transactions=[line], customers=listed)
    assert row["country"].to_list() == row["kind"].to_list() == [None]
    given = tables(transactions=[line], customers=listed)
    found = check(
        read_tables(given, engine, keep_text=True), given.layout, AS_OF, lambda step: None
    )
    told = {f"{f.table}.{f.column}": f for f in found.findings if f.rule == "undated"}
    assert told.keys() == {"customers.country", "customers.kind"}
    assert told["customers.country"].rows == 1
    assert "Give valid_from" in told["customers.country"].to_do
