from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from contract.errors import HistoryError
from contract.norms import Norms, Spending
from features.compute import compute
from features.events import Events
from features.sums import Numbers
from training.outcomes import find_outcomes
from training.snapshots import observe_priors, take_snapshots
from training.targets import HAS_ORDERED, TARGETS, find_target, target

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
NORMS = {AS_OF: Norms(as_of=AS_OF)}
MICROSECOND = timedelta(microseconds=1)
CHURN, NEXT = TARGETS["churn"].over(90), TARGETS["next_purchase"].over(30)
STEP_UP = TARGETS["up_sell"].over(90)


def order(customer, at, amount=10.0, order_id=None):
    order_id = order_id or f"{customer}-{at.isoformat()}"
    return {"customer_id": customer, "order_id": order_id, "ordered_at": at, "amount": amount}


def days(count):
    return timedelta(days=count)


def outcomes(history, target):
    reads = partial(find_outcomes, target)
    found = compute(history, NORMS, target.features, reads).to_arrow().to_pylist()
    return {r["customer_id"]: (r["outcome"], r["days_until"]) for r in found}


def test_churn_is_no_order_within_the_horizon(open_rows):
    past = [order(c, AS_OF - days(5)) for c in "abcd"]
    ahead = [order("a", AS_OF + days(3)), order("b", AS_OF + days(90)), order("c", AS_OF)]
    found = outcomes(open_rows(transactions=past + ahead), CHURN)
    # b orders when the horizon is over: churned by then, and 90 days until the order.
    assert found == {"a": (0, 3.0), "b": (1, 90.0), "c": (0, 0.0), "d": (1, None)}


def test_next_purchase_is_an_order_within_the_horizon(open_rows):
    past = [order(c, AS_OF - days(5)) for c in "ab"]
    ahead = [order("a", AS_OF + days(30) - MICROSECOND), order("b", AS_OF + days(30))]
    found = outcomes(open_rows(transactions=past + ahead), NEXT)
    assert found["a"][0] == 1 and found["b"] == (0, 30.0)


def test_a_target_never_sees_the_past(open_rows):
    few = open_rows(transactions=[order("a", AS_OF - days(5)), order("a", AS_OF + days(5))])
    many = [order("a", AS_OF - days(n)) for n in range(1, 300)] + [
        order("a", AS_OF - MICROSECOND),
        order("a", AS_OF + days(5)),
    ]
    for asked in (CHURN, NEXT):
        assert outcomes(few, asked) == outcomes(open_rows(transactions=many), asked)


def test_a_line_added_later_to_an_old_order_is_no_new_order(open_rows):
    rows = [order("a", AS_OF - days(5), order_id="o"), order("a", AS_OF + days(2), order_id="o")]
    assert outcomes(open_rows(transactions=rows), NEXT)["a"] == (0, None)


def test_a_return_is_no_order(open_rows):
    rows = [order("a", AS_OF - days(5)), order("a", AS_OF + days(2), amount=-10.0)]
    assert outcomes(open_rows(transactions=rows), CHURN)["a"] == (1, None)


def test_up_sell_is_spend_per_order_a_quarter_above_what_is_expected(open_rows):
    """The model expects 3 (10 + spend) / (3 orders + 4 - 1) per order: 2 orders of 100 make 70."""
    norms = NORMS[AS_OF].model_copy(update={"spending": Spending(p=3.0, q=4.0, gamma=10.0)})
    past = [order(c, AS_OF - days(n), amount=100.0) for c in "abcde" for n in (5, 9)]
    expected = 3 * (10 + 200) / (3 * 2 + 4 - 1)
    assert expected == 70
    ahead = [order("a", AS_OF + days(3), amount=87.6), order("b", AS_OF + days(3), amount=87.5)]
    # Two orders of c are worth 87.6 on the mean; one of d comes when the horizon is over.
    ahead += [order("c", AS_OF + days(n), amount=v) for n, v in ((1, 20.0), (2, 155.2))]
    ahead += [order("d", AS_OF + days(90), amount=900.0)]
    history = open_rows(transactions=past + ahead)
    reads = partial(find_outcomes, STEP_UP)
    found = compute(history, {AS_OF: norms}, STEP_UP.features, reads).to_arrow().to_pylist()
    assert {r["customer_id"]: r["outcome"] for r in found} == {
        "a": 1,
        "b": 0,
        "c": 1,
        "d": 0,
        "e": 0,
    }


def test_a_users_own_target_is_one_function(open_rows):
    try:

        @target(HAS_ORDERED, horizon_days=14)
        def returning(returns: Events, orders_365d: Numbers) -> Numbers:
            """A customer of the year sends something back within the horizon."""
            return (returns.count() > 0) & (orders_365d > 0)

        rows = [order(c, AS_OF - days(5)) for c in "ab"]
        rows += [
            order("a", AS_OF + days(2), amount=-4.0),
            order("b", AS_OF + days(20), amount=-4.0),
        ]
        found = outcomes(open_rows(transactions=rows), TARGETS["returning"])
        assert {name: outcome for name, (outcome, _) in found.items()} == {"a": 1, "b": 0}
    finally:
        TARGETS.pop("returning", None)


def test_a_target_may_name_nothing_but_events_and_features():
    with pytest.raises(
        HistoryError, match=r"The target odd names future, weather\..*docs/features"
    ):

        @target(HAS_ORDERED)
        def odd(future, orders, weather):
            """A customer buys an umbrella."""


def test_churn_speaks_of_customers_who_ordered_within_a_year(open_rows):
    rows = [order("a", AS_OF - days(365)), order("b", AS_OF - days(365) - MICROSECOND)]
    history = open_rows(transactions=rows)
    assert list(take_snapshots(history, CHURN, NORMS).rows["customer_id"]) == ["a"]
    everyone = take_snapshots(history, NEXT, NORMS).rows
    assert list(everyone["customer_id"]) == ["a", "b"]


def test_priors_are_the_shares_among_the_lapsed_and_the_never_ordered(open_rows):
    lapsed = [order(c, AS_OF - days(400)) for c in "abcd"] + [order("a", AS_OF + days(1))]
    customers = [
        {"customer_id": "p", "since": AS_OF - days(9)},
        {"customer_id": "q", "since": AS_OF - days(9)},
        {"customer_id": "undated", "since": None},
    ]
    ordering = order("p", AS_OF + days(1))
    history = open_rows(transactions=[*lapsed, ordering], customers=customers)
    priors = observe_priors(history, CHURN, NORMS[AS_OF])
    assert priors.lapsed == pytest.approx((3 + 1) / (4 + 2))
    assert priors.prospect == pytest.approx((1 + 1) / (2 + 2))


def test_prospects_have_the_prior_of_the_lapsed_where_there_were_none(open_rows):
    history = open_rows(transactions=[order("a", AS_OF - days(400))])
    priors = observe_priors(history, CHURN, NORMS[AS_OF])
    assert priors.lapsed == priors.prospect == pytest.approx(2 / 3)


def test_a_target_of_another_horizon_is_the_same_target():
    longer = CHURN.over(120)
    assert (longer.horizon_days, longer.name) == (120, "churn")
    assert CHURN.over(None) is CHURN
    with pytest.raises(HistoryError, match="A horizon of 0 days is not ahead"):
        CHURN.over(0)


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(HistoryError, match=r"no target 'leaving'.*churn, next_purchase, up_sell"):
        find_target("leaving")
