"""Who turned to whom, counted by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


def ago(age):
    return AS_OF - (age if isinstance(age, timedelta) else timedelta(days=age))


def order(age, amount=1.0):
    return {"customer_id": "c", "order_id": f"O{age}", "ordered_at": ago(age), "amount": amount}


def act(kind, age, channel=None, initiated_by=None):
    at = ago(age)
    said = {"channel": channel, "initiated_by": initiated_by}
    return {"customer_id": "c", "kind": kind, "occurred_at": at, **said}


# Seven acts of the shop and seven of the customer.
ACTS = [
    act("campaign", 2, "email"),
    act("visit", 5, "web"),
    act("visit", 10, "app"),
    act("email_sent", 20, "email"),
    act("call", 25, "phone"),
    act("call", 45, "phone", "company"),
    act("coupon", 60),
    act("visit", 77, "web"),  # answers the campaign 80 days ago
    act("campaign_received", 80),
    act("coupon_redeemed", 85, "web"),
    act("coupon", 295, "app", "customer"),  # answers the campaign 300 days ago
    act("campaign", 300),
    act("campaign", 330),
    act("visit", 400),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ACTS[1:]]

EXPECTED = {
    "company_contacts_30d": 2,
    "company_contacts_90d": 5,
    "company_contacts_365d": 7,
    "days_since_company_contact": 2,
    "contacts_7d": 1,
    "contacts_30d": 3,
    "contacts_90d": 5,
    "contacts_365d": 6,
    "days_since_contact": 5,
    "contacts_per_month": 7 * 30 / 400,
    "contacts_pace": 3 / (7 * 30 / 400),
    "web_contacts_30d": 1,
    "web_contacts_90d": 3,
    "app_contacts_30d": 1,
    "app_contacts_90d": 1,
    "phone_contacts_30d": 1,
    "phone_contacts_90d": 1,
    "web_share": 3 / 7,
    "app_share": 2 / 7,
    "phone_share": 1 / 7,
    "coupons_redeemed_90d": 1,
    "coupons_redeemed_365d": 2,
    "campaigns_received_90d": 2,
    "campaigns_received_365d": 4,
    "days_since_campaign": 2,
    "campaigns_answered_90d": 1,
    "campaigns_answered_365d": 2,
    "campaigns_answered_share": 2 / 4,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
OF_CAMPAIGNS = ("days_since_campaign", "campaigns_answered_share")

# An act that leaves a feature null, and one that makes it known.
UNTIL = {
    "days_since_company_contact": (act("visit", 9), act("coupon", 9)),
    "days_since_campaign": (act("coupon", 9), act("campaign", 9)),
    "campaigns_answered_share": (act("visit", 9), act("campaign_received", 9)),
    **{
        name: (act("campaign", 9, "web"), act("visit", 9))
        for name, rule in RULES.items()
        if rule in ("null until the first", "null until it")
        and name not in (*OF_CAMPAIGNS, "days_since_company_contact")
    },
}

TO_COME = [order(-1)]
NEWCOMERS = {
    "listed": {"transactions": TO_COME, "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [*TO_COME, order(3, -1.0)]},
    "ordered": {"transactions": [*TO_COME, order(3), order(2)]},
    "between others": {"transactions": [*TO_COME, order(3)], "interactions": BESIDE},
}


def test_every_feature_of_contacts_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "contacts"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(
        features_of(AS_OF, EXPECTED, transactions=[order(9)], interactions=ACTS + request.param)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_contacts_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_without_an_act_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


def test_every_null_rule_has_an_example():
    assert set(UNTIL) == {name for name in EXPECTED if not FEATURES[name].or_zero}


@pytest.fixture
def told(customer):
    def compute(name, *acts):
        return customer(AS_OF, name, transactions=[order(9)], interactions=list(acts))[name]

    return compute


@pytest.mark.parametrize("name", UNTIL)
def test_a_feature_is_null_exactly_until_the_act_its_docstring_names(told, name):
    before, after = UNTIL[name]
    assert told(name, before) is None
    assert told(name, after) is not None


def test_the_shops_own_acts_are_no_contact_of_the_customer(told):
    assert told("days_since_contact", act("campaign", 2)) is None
    assert told("contacts_30d", act("call", 2, initiated_by="company")) == 0


def test_any_kind_of_the_customers_acts_is_a_contact(told):
    assert told("days_since_contact", act("survey", 3)) == 3


def test_a_shop_may_say_that_the_customer_began_what_its_kind_would_not_tell(told):
    assert told("contacts_30d", act("campaign", 3, initiated_by="customer")) == 1
    assert told("campaigns_received_90d", act("campaign", 3, initiated_by="customer")) == 0


@pytest.mark.parametrize(
    ("kind", "who", "redeemed"),
    [
        ("coupon", None, 0),
        ("coupon", "company", 0),
        ("coupon", "customer", 1),
        ("coupon_redeemed", None, 1),
        ("coupon_redemption", None, 1),
        ("coupon_redeemed", "company", 0),
    ],
)
def test_a_coupon_is_redeemed_by_the_customer_and_sent_by_the_shop(told, kind, who, redeemed):
    coupon = act(kind, 3, initiated_by=who)
    assert told("coupons_redeemed_90d", coupon) == redeemed
    assert told("company_contacts_30d", coupon) == 1 - redeemed


def test_an_act_without_a_channel_counts_in_the_whole(told):
    assert told("web_share", act("visit", 3, "web"), act("visit", 2)) == 1 / 2


def test_the_usual_pace_of_contacts_is_1(told):
    assert told("contacts_pace", *[act("visit", days) for days in (90, 60, 30)]) == 1


@pytest.mark.parametrize(
    ("days_later", "answered"),
    [(timedelta(0), 1), (timedelta(days=7), 1), (timedelta(days=7) + MICRO, 0), (-MICRO, 0)],
    ids=["at once", "7 days", "7 days and a microsecond", "a microsecond before"],
)
def test_an_answer_comes_within_exactly_7_days(told, days_later, answered):
    sent = timedelta(days=20)
    acts = act("campaign", sent), act("visit", sent - days_later)
    assert told("campaigns_answered_90d", *acts) == answered
    assert told("campaigns_answered_share", *acts) == answered


@pytest.mark.parametrize("kind", ["call", "visit"])
def test_of_whatever_kind_an_act_at_the_same_instant_answers(told, kind):
    assert told("campaigns_answered_90d", act("campaign", 20), act(kind, 20)) == 1


def test_a_campaign_is_not_answered_before_its_answer_came(told):
    assert told("campaigns_answered_share", act("campaign", 3), act("visit", 0)) == 0
    assert told("campaigns_answered_share", act("campaign", 3), act("visit", MICRO)) == 1


def test_an_answer_is_in_the_window_in_which_it_came(told):
    assert told("campaigns_answered_90d", act("campaign", 95), act("visit", 90)) == 1
    assert told("campaigns_answered_90d", act("campaign", 95), act("visit", 91)) == 0


def test_one_act_answers_all_campaigns_of_the_last_7_days(told):
    acts = [act("campaign", 14), act("campaign", 12), act("campaign", 21), act("visit", 10)]
    assert told("campaigns_answered_90d", *acts) == 2
    assert told("campaigns_answered_share", *acts) == pytest.approx(2 / 3)


def test_neither_the_shops_acts_nor_orders_are_answers(told):
    acts = [act("campaign", 10), act("email_sent", 9), act("call", 8, initiated_by="company")]
    assert told("campaigns_answered_90d", *acts) == 0
