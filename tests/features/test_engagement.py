"""What a customer does beside ordering, counted by hand."""

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


def act(kind, age, **more):
    return {"customer_id": "c", "kind": kind, "occurred_at": ago(age), **more}


ORDERS = [order(2000), order(200), order(50)]
ACTS = [
    act("campaign", 2),
    act("survey", 3, value=7.0),
    act("visit", 5, value=3.0),
    act("complaint", 10),
    act("email_click", 14),
    act("email_open", 15),
    act("visit", 20, value=4.0),
    act("support_ticket", 28),
    act("survey", 33, value=10.0),
    act("survey", 34, value=None),
    act("call", 35, initiated_by="company"),
    act("call", 38, initiated_by="customer"),
    act("email_open", 40),
    act("visit", 60, value=None),
    act("complaint_closed", 70),
    act("email_click", 75),
    act("visit", 80, value=8.0),
    act("complaint", 82),
    act("email_open", 89),
    act("call", 100),
    act("ticket_resolved", 190),
    act("support_ticket", 200),
    act("visit", 300, value=5.0),
    act("complaint", 400),
]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ACTS[1:]]

EXPECTED = {
    "visits_7d": 1,
    "visits_30d": 2,
    "visits_90d": 4,
    "visits_365d": 5,
    "days_since_visit": 5,
    "visit_lateness": 5 / ((300 - 5) / 4),
    "mean_visit_depth": (3 + 4 + 8 + 5) / 4,
    "visits_trend": 2 / 4,
    "visits_since_order": 2,
    "visits_per_order": 5 / 2,
    "emails_opened_30d": 1,
    "emails_opened_90d": 3,
    "emails_clicked_30d": 1,
    "emails_clicked_90d": 2,
    "emails_answered_30d": 2,
    "emails_answered_90d": 5,
    "click_rate": 2 / 3,
    "days_since_email": 14,
    "email_lateness": 14 / ((89 - 14) / 4),
    "days_since_call": 38,
    "calls_90d": 1,
    "calls_365d": 2,
    "complaints_30d": 2,
    "complaints_90d": 3,
    "complaints_365d": 4,
    "plain_complaints_30d": 1,
    "plain_complaints_90d": 2,
    "days_since_complaint": 10,
    "open_complaints": 5 - 2,
    "complaints_since_order": 2,
    "complaints_per_order": 4 / 2,
    "days_since_survey": 3,
    "mean_survey": (7 + 10) / 2,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}

PER_ORDER = {"visits_per_order": "visit", "complaints_per_order": "complaint"}
LATENESS = {"visit_lateness": "visit", "email_lateness": "email_click"}

# What leaves a feature null, and what makes it known: acts, beside an order 400 days ago.
UNTIL = {
    "days_since_visit": (act("call", 9), act("visit", 9)),
    "mean_visit_depth": (act("visit", 9, value=None), act("visit", 9, value=2.0)),
    "visits_trend": (act("visit", 91), act("visit", 90)),
    "click_rate": (act("email_click", 9), act("email_open", 90)),
    "days_since_email": (act("email_sent", 9), act("email_open", 9)),
    "days_since_complaint": (act("complaint_closed", 9), act("support_ticket", 9)),
    "days_since_call": (act("call", 9, initiated_by="company"), act("call", 9)),
    "days_since_survey": (act("call", 9), act("survey", 9, value=None)),
    "mean_survey": (act("survey", 9, value=None), act("survey", 9, value=0.0)),
}

ONCE, TO_COME = [order(400)], [order(-1)]
NEWCOMERS = {
    "listed": {"transactions": TO_COME, "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [*TO_COME, order(3, -1.0)]},
    "written to": {"transactions": TO_COME, "interactions": [act("campaign", 3)]},
    "between others": {"transactions": [*TO_COME, order(3, -1.0)], "interactions": BESIDE},
}


def test_every_feature_of_engagement_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "engagement"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(
        features_of(AS_OF, EXPECTED, transactions=ORDERS, interactions=ACTS + request.param)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_engagement_is_what_a_hand_counts(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_without_an_act_of_the_customer_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


def test_every_null_rule_has_an_example():
    or_null = {name for name in EXPECTED if not FEATURES[name].or_zero}
    assert {*UNTIL, *PER_ORDER, *LATENESS} == or_null
    assert all(RULES[name].startswith("null ") for name in or_null)


@pytest.fixture
def told(customer):
    def compute(name, *acts, orders=ONCE):
        return customer(AS_OF, name, transactions=orders, interactions=list(acts))[name]

    return compute


@pytest.mark.parametrize("name", UNTIL)
def test_a_feature_is_null_exactly_until_what_its_docstring_names(told, name):
    before, after = UNTIL[name]
    assert told(name, before) is None
    assert told(name, after) is not None


@pytest.mark.parametrize(("name", "kind"), PER_ORDER.items())
def test_acts_per_order_are_null_without_an_order_in_the_year(told, name, kind):
    assert told(name, act(kind, 9), orders=[order(366)]) is None
    assert told(name, act(kind, 9), orders=[order(365)]) == 1
    assert told(name, act(kind, 366), orders=[order(365)]) == 0


@pytest.mark.parametrize(("name", "kind"), LATENESS.items())
def test_lateness_is_null_until_the_second_act_and_their_gap_a_day_at_least(told, name, kind):
    assert told(name, act(kind, 9)) is None
    assert told(name, act(kind, 9), act(kind, 12)) == 3
    assert told(name, act(kind, 9), act(kind, 9.5)) == 9


def test_other_kinds_count_nowhere(customer):
    acts = [act("newsletter", 3, value=2.0)]
    row = customer(AS_OF, *EXPECTED, transactions=ONCE, interactions=acts)
    assert [row[n] for n in EXPECTED] == [0 if FEATURES[n].or_zero else None for n in EXPECTED]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("visits_since_order", "visit"), ("complaints_since_order", "support_ticket")],
)
def test_an_act_is_since_the_order_only_if_it_came_later(told, name, kind):
    orders = [order(90), order(10)]
    assert told(name, act(kind, 10), orders=orders) == 0
    assert told(name, act(kind, timedelta(days=10) - MICRO), orders=orders) == 1
    assert told(name, act(kind, 50), act(kind, 9), act(kind, 8), orders=orders) == 2
    assert told(name, act(kind, 50), act(kind, 9), orders=[order(-1)]) == 2


@pytest.mark.parametrize(("who", "calls"), [("company", 0), ("customer", 1), (None, 1)])
def test_calls_are_those_the_customer_made(told, who, calls):
    assert told("calls_90d", act("call", 9, initiated_by=who)) == calls


def test_what_happens_at_the_moment_is_not_seen_yet(told):
    assert told("visits_7d", act("visit", 0)) == 0
    assert told("visits_7d", act("visit", MICRO)) == 1
