"""What the probability models foretell: their formulas by hand, and published numbers."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import gamma

from contract.norms import Norms, Repeating, Spending
from features import lifetime
from features.dictionary import FEATURES, describe

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)

# The CDNOW customers, as Fader, Hardie & Lee (2005) and Fader & Hardie (2013) fitted them.
R, ALPHA, A, B = 0.243, 4.414, 0.793, 2.426
P, Q, GAMMA = 6.25, 3.74, 15.44
NORMS = Norms(
    as_of=AS_OF,
    repeating=Repeating(r=R, alpha=ALPHA, a=A, b=B),
    spending=Spending(p=P, q=Q, gamma=GAMMA),
)


def order(days, amount=10.0):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": "c", "order_id": f"O{days}", "ordered_at": at, "amount": amount}


# Days with an order 280, 100 and 70 days ago; in weeks the first was 40 before the moment.
ORDERS = [order(280, 20.0), order(100, 15.0), order(70, 25.0)]
BESIDE = [{**one, "customer_id": other} for other in ("b", "d") for one in ORDERS[1:]]
X, LAST, AGE = 2, 30, 40


def expect_none(days):
    """The chance that a customer who has not left places no order in so many days."""
    return ((ALPHA + AGE) / (ALPHA + AGE + days / 7)) ** (R + X)


ALIVE = 1 / (1 + A / (B + X - 1) * ((ALPHA + AGE) / (ALPHA + LAST)) ** (R + X))
YEAR = 365 / 7
SERIES = hyp2f1(R + X, B + X, A + B + X - 1, YEAR / (ALPHA + AGE + YEAR))
TO_COME = ALIVE * (A + B + X - 1) / (A - 1) * (1 - expect_none(365) * SERIES)
VALUE = P * (GAMMA + 20 + 15 + 25) / (P * 3 + Q - 1)

EXPECTED = {
    "active_probability": ALIVE,
    "order_probability_30d": ALIVE * (1 - expect_none(30)),
    "order_probability_90d": ALIVE * (1 - expect_none(90)),
    "expected_orders_365d": TO_COME,
    "expected_order_value": VALUE,
    "expected_spend_365d": TO_COME * VALUE,
    "expected_order_share": TO_COME / 3,
}

RULES = {e["name"]: e["missing"] for e in describe(tuple(EXPECTED))}
NEWCOMERS = {
    "listed": {"transactions": [order(-1)], "customers": [{"customer_id": "c"}]},
    "returned": {"transactions": [order(-1), order(3, -1.0)]},
    "visited": {
        "transactions": [order(-1)],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": "2025-12-01"}],
    },
    "between others": {"transactions": [order(-1), order(3, -1.0), *BESIDE]},
}


def test_every_feature_of_lifetime_has_an_example():
    assert set(EXPECTED) == {f.name for f in FEATURES.values() if f.room == "lifetime"}


def of_c(made):
    return made.row(by_predicate=pl.col("customer_id") == "c", named=True)


@pytest.fixture(scope="module", params=[[], BESIDE], ids=["alone", "between others"])
def row(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, NORMS, transactions=ORDERS + request.param))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_of_lifetime_is_what_a_hand_computes(row, name):
    assert row[name] == pytest.approx(EXPECTED[name])


@pytest.fixture(scope="module", params=NEWCOMERS)
def newcomer(request, features_of):
    return of_c(features_of(AS_OF, EXPECTED, NORMS, **NEWCOMERS[request.param]))


@pytest.mark.parametrize("name", EXPECTED)
def test_before_the_first_order_a_feature_is_null(newcomer, name):
    assert newcomer[name] is None


@pytest.mark.parametrize("name", EXPECTED)
def test_from_the_first_order_on_a_feature_is_known(customer, name):
    days = 365 if name == "expected_order_share" else 2000
    assert customer(AS_OF, name, norms=NORMS, transactions=[order(days)])[name] is not None
    rules = {"null until the first", "null until the first order"}
    assert RULES[name] in rules or name == "expected_order_share"


def test_without_an_order_in_the_year_there_is_no_share_of_its_orders(customer):
    row = customer(AS_OF, "expected_order_share", norms=NORMS, transactions=[order(366)])
    assert row["expected_order_share"] is None


@pytest.mark.parametrize(
    ("left_out", "known"),
    [
        (("repeating",), {"expected_order_value"}),
        (("spending",), set(EXPECTED) - {"expected_order_value", "expected_spend_365d"}),
        (("repeating", "spending"), set()),
    ],
    ids=lambda names: " and ".join(sorted(names)),
)
def test_what_a_model_foretells_is_null_where_the_shop_has_no_such_model(customer, left_out, known):
    norms = NORMS.model_copy(update=dict.fromkeys(left_out))
    row = customer(AS_OF, *EXPECTED, norms=norms, transactions=ORDERS)
    assert {name for name in EXPECTED if row[name] is not None} == known


def test_after_one_order_nobody_can_have_left(customer):
    row = customer(AS_OF, "active_probability", norms=NORMS, transactions=[order(2000)])
    assert row["active_probability"] == 1


def test_two_orders_on_one_day_are_one_repeat_less(customer):
    two, one = [order(50.4), order(50.2)], [order(50.4)]
    rows = [customer(AS_OF, *EXPECTED, norms=NORMS, transactions=orders) for orders in (two, one)]
    assert [row["active_probability"] for row in rows] == [1, 1]
    assert rows[0]["expected_orders_365d"] == rows[1]["expected_orders_365d"]


def test_a_longer_silence_makes_it_less_likely_that_a_customer_is_active(customer):
    rows = [
        customer(AS_OF, "active_probability", norms=NORMS, transactions=[*ORDERS[:2], order(last)])
        for last in (90, 60, 30)
    ]
    chances = [row["active_probability"] for row in rows]
    assert chances == sorted(chances)
    assert 0 < chances[0] < chances[-1] < 1


def test_expected_orders_are_those_of_the_published_worksheet():
    """Customer 0001 of CDNOW: x = 2, t_x = 30.43, T = 38.86, and 1.226 orders in 39 weeks."""
    days, age, silence = (np.array([n]) for n in (3.0, 38.86 * 7, (38.86 - 30.43) * 7))
    active = lifetime.active_probability(days, age, silence, NORMS)
    (orders,) = lifetime.expected_orders(days, age, active, NORMS, days=39 * 7)
    assert orders == pytest.approx(1.226, abs=0.0005)


@pytest.mark.parametrize(
    ("orders", "mean_value", "published"), [(2, 22.35, 24.65), (7, 73.74, 71.46), (1, 11.77, 18.91)]
)
def test_expected_values_are_those_published_for_cdnow(orders, mean_value, published):
    days, spend = np.array([float(orders)]), np.array([orders * mean_value])
    (value,) = lifetime.expected_order_value(days, spend, NORMS)
    assert value == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize("days", [30, 90])
def test_the_chance_of_an_order_is_that_of_the_rates_a_customer_may_have(row, days):
    rates = gamma(R + X, scale=1 / (ALPHA + AGE))
    chance, _ = quad(lambda rate: rates.pdf(rate) * (1 - np.exp(-rate * days / 7)), 0, np.inf)
    assert row[f"order_probability_{days}d"] == pytest.approx(ALIVE * chance)


@pytest.mark.parametrize(
    ("r", "alpha", "a", "b"),
    [(R, ALPHA, A, B), (1, 0.7, 0.5, 3), (0.55, 10.6, 0.6, 2.4), (1, 1.5, 1.5, 3), (2, 2, 0.05, 5)],
)
@pytest.mark.parametrize(("repeats", "age"), [(0, 0.2), (0, 7), (3, 7), (30, 300), (300, 1000)])
def test_expected_orders_are_right_in_shops_of_all_kinds(r, alpha, a, b, repeats, age):
    norms = Norms(as_of=AS_OF, repeating=Repeating(r=r, alpha=alpha, a=a, b=b))
    days = (np.array([n]) for n in (repeats + 1.0, age, 1.0))
    (orders,) = lifetime.expected_orders(*days, norms, days=365)
    weeks, top = alpha + age / 7, a + b + repeats - 1
    series = hyp2f1(r + repeats, b + repeats, top, YEAR / (weeks + YEAR))
    by_hand = top / (a - 1) * (1 - (weeks / (weeks + YEAR)) ** (r + repeats) * series)
    assert orders == pytest.approx(by_hand, rel=1e-7)
