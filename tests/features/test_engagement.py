"""What happens between a customer and the shop beside orders, counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from features.dictionary import FEATURES

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = {
    "customer_id": "c",
    "order_id": "A",
    "ordered_at": datetime(2020, 1, 1, tzinfo=UTC),
    "amount": 1.0,
}


def act(kind, days, **more):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "kind": kind, "occurred_at": at, **more}


ACTS = [
    act("campaign", 2),
    act("visit", 5),
    act("complaint", 10),
    act("email_open", 15),
    act("visit", 20),
    act("visit", 60),
    act("coupon", 70),
    act("email_click", 75),
    act("support_ticket", 80),
]

EXPECTED = {
    "visits_7d": 1,
    "visits_30d": 2,
    "visits_90d": 3,
    "complaints_30d": 1,
    "complaints_90d": 2,
    "emails_answered_30d": 1,
    "emails_answered_90d": 2,
    "company_contacts_30d": 1,
    "company_contacts_90d": 2,
    "days_since_contact": 5,
}


@pytest.fixture(scope="module")
def features(customer):
    return lambda acts, *names: customer(
        AS_OF, *names, transactions=[LONG_AGO], **({"interactions": acts} if acts else {})
    )


def test_every_feature_of_engagement_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "engagement"}


@pytest.fixture(scope="module")
def row(features):
    return features(ACTS, *EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_engagement_is_what_a_hand_counts(row, name):
    assert row[name] == EXPECTED[name]


def test_without_an_act_counts_are_zero_and_days_since_contact_is_null(features):
    row = features([], *EXPECTED)
    assert row["days_since_contact"] is None
    assert {row[n] for n in EXPECTED if n != "days_since_contact"} == {0}


def test_the_shops_own_acts_are_no_contact_of_the_customer(features):
    assert features([act("campaign", 2)], "days_since_contact")["days_since_contact"] is None


def test_other_kinds_are_contacts_but_count_nowhere_else(features):
    row = features([act("survey", 3)], *EXPECTED)
    assert row["days_since_contact"] == 3
    assert {row[n] for n in EXPECTED if n != "days_since_contact"} == {0}
