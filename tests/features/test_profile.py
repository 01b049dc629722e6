"""Who a customer is, as it was said at the moment, counted by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from contract.norms import Norms
from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
NORMS = Norms(
    as_of=AS_OF, vocabulary={"country": ("GB", "DE", "FR"), "kind": ("private", "business")}
)


def ago(age):
    return AS_OF - (age if isinstance(age, timedelta) else timedelta(days=age))


def order(age, amount=1.0):
    return {"customer_id": "c", "order_id": f"O{age}", "ordered_at": ago(age), "amount": amount}


def entry(age, country="GB", kind="private", since=datetime(2024, 1, 1, tzinfo=UTC)):
    """What is said of the customer from so many days before the moment on."""
    valid_from = None if age is None else ago(age)
    told = {"country": country, "kind": kind, "since": since, "valid_from": valid_from}
    return {"customer_id": "c", **told}


# The last entry is not valid yet.
ENTRIES = [
    entry(700, "GB", "private"),
    entry(300, "DE", "private"),
    entry(100, "FR", "business"),
    entry(-10, "GB", "private"),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ENTRIES[1:]]

EXPECTED = {
    "country": 3,
    "kind": 2,
    "days_since_profile_change": 100,
    "profile_changes": 2,
    "days_known": 366 + 365,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}

# What leaves a feature null, and what makes it known.
UNTIL = {
    "country": (entry(9, country="ZA"), entry(9)),
    "kind": (entry(9, kind="charity"), entry(9)),
    "days_since_profile_change": (entry(-1), entry(9)),
    "days_known": (entry(9, since=None), entry(9)),
}

NEWCOMERS = {
    "ordered": {"transactions": [order(3)]},
    "returned": {"transactions": [order(-1), order(3, -1.0)]},
    "visited": {
        "transactions": [order(-1)],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "listed": {"transactions": [order(-1)], "customers": [{"customer_id": "c"}]},
    "between others": {"transactions": [order(3)], "customers": BESIDE},
}


def test_every_feature_of_profile_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "profile"}


@pytest.fixture
def told(customer):
    def compute(name, *entries, norms=NORMS):
        tables = {"transactions": [order(3)], "customers": list(entries)}
        return customer(AS_OF, name, norms=norms, **tables)[name]

    return compute


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(
        features_of(
            AS_OF, EXPECTED, NORMS, transactions=[order(3)], customers=ENTRIES[::-1] + request.param
        )
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_profile_is_what_a_hand_counts(row, name):
    assert row[name] == EXPECTED[name]


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, NORMS, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_of_whom_nothing_is_said_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


def test_every_null_rule_has_an_example():
    assert set(UNTIL) == {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert all(RULES[name].startswith("null ") for name in UNTIL)


@pytest.mark.parametrize("name", UNTIL)
def test_a_feature_is_null_exactly_until_what_its_docstring_names(told, name):
    before, after = UNTIL[name]
    assert told(name, before) is None
    assert told(name, after) is not None


@pytest.mark.parametrize(("age", "country"), [(0, 1), (MICRO, 2)])
def test_an_entry_is_used_from_strictly_before_the_moment_on(told, age, country):
    assert told("country", entry(300, "GB"), entry(age, "DE")) == country


@pytest.mark.parametrize("name", ["country", "kind", "days_since_profile_change"])
def test_an_attribute_without_the_time_from_which_it_holds_is_not_used(told, name):
    assert told(name, entry(None)) is None


def test_an_undated_attribute_neither_replaces_nor_changes_a_dated_one(told):
    entries = [entry(300, "DE"), entry(None, "GB")]
    assert told("country", *entries) == 2
    assert told("profile_changes", *entries) == 0
    assert told("days_since_profile_change", *entries) == 300


def test_a_customers_table_without_times_has_no_attributes(customer):
    plain = {"customer_id": "c", "country": "GB", "kind": "private"}
    row = customer(AS_OF, *EXPECTED, norms=NORMS, transactions=[order(3)], customers=[plain])
    assert [row[name] for name in EXPECTED] == [None, None, None, 0, None]


def test_the_first_entry_is_no_change_and_the_second_is(told):
    assert told("profile_changes", entry(300, "GB")) == 0
    assert told("profile_changes", entry(300, "GB"), entry(100, "DE")) == 1


def test_an_entry_that_says_the_same_again_is_no_change(told):
    same = [entry(300, "GB"), entry(100, "GB")]
    assert told("profile_changes", *same) == 0
    assert told("days_since_profile_change", *same) == 300
    there_and_back = [*same, entry(80, "DE"), entry(60, "DE"), entry(40, "GB"), entry(20, "GB")]
    assert told("profile_changes", *there_and_back) == 2
    assert told("days_since_profile_change", *there_and_back) == 40


def test_either_of_country_and_kind_is_a_change_and_both_at_once_are_one(told):
    assert told("profile_changes", entry(300), entry(100, kind="business")) == 1
    assert told("profile_changes", entry(300), entry(100, "DE", "business")) == 1


def test_the_commonest_country_is_of_rank_1(told):
    assert [told("country", entry(9, name)) for name in NORMS.vocabulary["country"]] == [1, 2, 3]
    assert [told("kind", entry(9, kind=name)) for name in NORMS.vocabulary["kind"]] == [1, 2]


def test_norms_without_a_vocabulary_know_no_country(told):
    assert told("country", entry(9), norms=Norms(as_of=AS_OF)) is None
    assert told("kind", entry(9), norms=Norms(as_of=AS_OF)) is None


@pytest.mark.parametrize(("age", "days"), [(0, None), (-5, None), (1.5, 1.5)])
def test_days_known_begin_when_the_customer_joined(told, age, days):
    assert told("days_known", entry(9, since=ago(age))) == days


def test_the_date_of_joining_is_known_if_any_entry_says_it(told):
    assert told("days_known", entry(300, since=ago(300)), entry(9, since=None)) == 300
    assert told("days_known", entry(300, since=None), entry(9, since=ago(300))) == 300


def test_of_several_dates_of_joining_the_earliest_counts(told):
    assert told("days_known", entry(300, since=ago(200)), entry(9, since=ago(400))) == 400


@pytest.mark.parametrize("year", [1980, 2026])
def test_who_is_listed_without_a_date_is_known_at_every_moment_for_nobody_knows_how_long(
    customer, year
):
    at = datetime(year, 1, 1, tzinfo=UTC)
    listed = [{"customer_id": "c", "since": None}] * 2
    row = customer(at, "days_known", norms=NORMS, transactions=[order(-1)], customers=listed)
    assert (row["customer_id"], row["days_known"]) == ("c", None)
