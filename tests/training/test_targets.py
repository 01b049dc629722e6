from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from contract.errors import HistoryError
from contract.norms import Norms
from features.compute import compute
from training.snapshots import find_outcomes, observe_priors, take_snapshots
from training.targets import TARGETS, find_target

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
NORMS = {AS_OF: Norms(as_of=AS_OF)}
MICROSECOND = timedelta(microseconds=1)


def order(customer, at, amount=10.0, order_id=None):
    order_id = order_id or f"{customer}-{at.isoformat()}"
    return {"customer_id": customer, "order_id": order_id, "ordered_at": at, "amount": amount}


def days(count):
    return timedelta(days=count)


def outcomes(history, target):
    found = compute(history, NORMS, (), partial(find_outcomes, target)).to_arrow().to_pylist()
    return {r["customer_id"]: (r["outcome"], r["days_until"]) for r in found}


def test_churn_is_no_order_within_the_horizon(open_rows):
    past = [order(c, AS_OF - days(5)) for c in "abcd"]
    ahead = [order("a", AS_OF + days(3)), order("b", AS_OF + days(90)), order("c", AS_OF)]
    found = outcomes(open_rows(transactions=past + ahead), TARGETS["churn"])
    assert found == {"a": (0, 3.0), "b": (1, None), "c": (0, 0.0), "d": (1, None)}


def test_next_purchase_is_an_order_within_the_horizon(open_rows):
    past = [order(c, AS_OF - days(5)) for c in "ab"]
    ahead = [order("a", AS_OF + days(30) - MICROSECOND), order("b", AS_OF + days(30))]
    found = outcomes(open_rows(transactions=past + ahead), TARGETS["next_purchase"])
    assert found["a"][0] == 1 and found["b"] == (0, None)


def test_a_target_never_sees_the_past(open_rows):
    few = open_rows(transactions=[order("a", AS_OF - days(5)), order("a", AS_OF + days(5))])
    many = [order("a", AS_OF - days(n)) for n in range(1, 300)] + [
        order("a", AS_OF - MICROSECOND),
        order("a", AS_OF + days(5)),
    ]
    for target in TARGETS.values():
        assert outcomes(few, target) == outcomes(open_rows(transactions=many), target)


def test_a_line_added_later_to_an_old_order_is_no_new_order(open_rows):
    rows = [order("a", AS_OF - days(5), order_id="o"), order("a", AS_OF + days(2), order_id="o")]
    assert outcomes(open_rows(transactions=rows), TARGETS["next_purchase"])["a"] == (0, None)


def test_a_return_is_no_order(open_rows):
    rows = [order("a", AS_OF - days(5)), order("a", AS_OF + days(2), amount=-10.0)]
    assert outcomes(open_rows(transactions=rows), TARGETS["churn"])["a"] == (1, None)


def test_churn_speaks_of_customers_who_ordered_within_a_year(open_rows):
    rows = [order("a", AS_OF - days(365)), order("b", AS_OF - days(365) - MICROSECOND)]
    history = open_rows(transactions=rows)
    assert list(take_snapshots(history, TARGETS["churn"], NORMS).rows["customer_id"]) == ["a"]
    everyone = take_snapshots(history, TARGETS["next_purchase"], NORMS).rows
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
    priors = observe_priors(history, TARGETS["churn"], AS_OF)
    assert priors.lapsed == pytest.approx((3 + 1) / (4 + 2))
    assert priors.prospect == pytest.approx((1 + 1) / (2 + 2))


def test_prospects_have_the_prior_of_the_lapsed_where_there_were_none(open_rows):
    history = open_rows(transactions=[order("a", AS_OF - days(400))])
    priors = observe_priors(history, TARGETS["churn"], AS_OF)
    assert priors.lapsed == priors.prospect == pytest.approx(2 / 3)


def test_a_target_of_another_horizon_is_the_same_target():
    longer = TARGETS["churn"].over(120)
    assert (longer.horizon_days, longer.name) == (120, "churn")
    assert TARGETS["churn"].over(None) is TARGETS["churn"]
    with pytest.raises(HistoryError, match="A horizon of 0 days is not ahead"):
        TARGETS["churn"].over(0)


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(HistoryError, match=r"no target 'leaving'.*churn, next_purchase"):
        find_target("leaving")
