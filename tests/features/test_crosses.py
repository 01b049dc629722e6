"""What several features say together, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import log, sqrt

import polars as pl
import pytest
from scipy.special import hyp2f1

from contract.norms import Norms, Repeating, Spending
from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
R, ALPHA, A, B = 0.5, 7.0, 0.6, 2.5
P, Q, GAMMA = 6.0, 4.0, 15.0
NORMS = Norms(
    as_of=AS_OF,
    repeating=Repeating(r=R, alpha=ALPHA, a=A, b=B),
    spending=Spending(p=P, q=Q, gamma=GAMMA),
)


def order(days, amount=10.0):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": f"O{days}", "ordered_at": at, "amount": amount}


def act(kind, days):
    return {"customer_id": "c", "kind": kind, "occurred_at": AS_OF - timedelta(days=days)}


# Gaps of 10, 20, 40 and 14 days, then a silence of 35: 5 orders in the 17 weeks from the first on.
ORDERS = [order(119), order(109), order(89, 20.0), order(49, 30.0), order(35, 50.0)]
ACTS = [act("complaint", 9), act("support_ticket", 80), act("complaint", 91)]
ACTS += [act("visit", days) for days in (3, 6, 30, 31)]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ORDERS[1:]]

LATENESS = 35 / 21
S = log(21) - (log(10) + log(20) + log(40) + log(14)) / 4
REGULARITY = (3 - S + sqrt((S - 3) ** 2 + 24 * S)) / (12 * S)

X, LAST, AGE, YEAR = 4, 12, 17, 365 / 7
LEFT = A / (B + X - 1) * ((ALPHA + AGE) / (ALPHA + LAST)) ** (R + X)
NONE = ((ALPHA + AGE) / (ALPHA + AGE + YEAR)) ** (R + X)
SERIES = hyp2f1(R + X, B + X, A + B + X - 1, YEAR / (ALPHA + AGE + YEAR))
ORDERS_IF_ACTIVE = (A + B + X - 1) / (A - 1) * (1 - NONE * SERIES)
ORDER_VALUE = P * (GAMMA + 120) / (P * 5 + Q - 1)

EXPECTED = {
    "lateness_of_regulars": LATENESS * log(1 + 5),
    "lateness_of_clocks": LATENESS * REGULARITY,
    "complaints_while_late": 2 * (LATENESS - 1),
    "visits_while_late": 3 * (LATENESS - 1),
    "spend_against_habit": (20 + 30 + 50) / (120 * 90 / 119),
    "spend_at_risk": ORDERS_IF_ACTIVE * ORDER_VALUE * LEFT / (1 + LEFT),
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
SAID = {
    "null until the first order": 1,
    "null until the second": 2,
    "null until the third order": 3,
}
KNOWN_FROM = {name: SAID[rule] for name, rule in RULES.items() if not FEATURES[name].or_zero}

NEWCOMERS = {
    "listed": {"transactions": [order(-1)], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [order(-1), order(3, -1.0)]},
    "visited": {"transactions": [order(-1)], "interactions": ACTS},
    "between others": {"transactions": [order(-1), *BESIDE], "interactions": ACTS},
}


def test_every_feature_of_crosses_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "crosses"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(
        features_of(AS_OF, EXPECTED, NORMS, transactions=ORDERS + request.param, interactions=ACTS)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_crosses_is_what_a_hand_computes(row, name):
    assert row[name] == pytest.approx(EXPECTED[name], rel=1e-5)


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, NORMS, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_a_feature_is_zero_or_null(newcomer, name):
    assert newcomer[name] == (0 if FEATURES[name].or_zero else None)


@pytest.fixture(scope="module")
def after_orders(customer):
    """The features before the first order, after it, after the second …"""
    before = [order(-1), order(130, -1.0)]
    return [
        customer(AS_OF, *EXPECTED, norms=NORMS, transactions=[*before, *ORDERS[:placed]])
        for placed in range(5)
    ]


@pytest.mark.parametrize("name", KNOWN_FROM)
def test_a_feature_is_known_exactly_from_the_order_its_docstring_names(after_orders, name):
    known = [row[name] is not None for row in after_orders]
    assert known == [placed >= KNOWN_FROM[name] for placed in range(5)]


@pytest.mark.parametrize("name", ["complaints_while_late", "visits_while_late"])
def test_acts_weigh_nothing_until_the_customer_is_late(customer, name):
    for ages in ((35,), (60, 30), (70, 40, 10)):
        orders = [order(days) for days in ages]
        row = customer(AS_OF, name, transactions=orders, interactions=ACTS)
        assert row[name] == 0


def test_spending_as_ever_is_a_habit_of_1(customer):
    orders = [order(days) for days in (360, 270, 180, 90)]
    row = customer(AS_OF, "spend_against_habit", transactions=orders)
    assert row["spend_against_habit"] == 1


def test_after_one_order_no_money_is_at_risk(customer):
    row = customer(AS_OF, "spend_at_risk", norms=NORMS, transactions=[order(300)])
    assert row["spend_at_risk"] == 0


def test_without_models_no_money_is_known_to_be_at_risk(customer):
    row = customer(AS_OF, "spend_at_risk", norms=Norms(as_of=AS_OF), transactions=ORDERS)
    assert row["spend_at_risk"] is None
