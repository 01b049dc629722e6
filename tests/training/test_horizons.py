"""How far ahead a shop is asked: its customers' own gaps, corrected for those still open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from contract.errors import HistoryError
from training.horizons import Gaps, estimate_survival, find_horizon, measure_return, sort_near
from training.targets import TARGETS

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def order(customer, days_ago):
    at = AS_OF - timedelta(days=days_ago)
    return {"customer_id": customer, "order_id": f"{customer}{days_ago}", "ordered_at": at,
            "amount": 10.0}  # fmt: skip


def test_survival_is_that_of_kaplan_and_meier():
    # Gaps of 10, 10 and 30 days closed; one is open at 20. At 10 days 2 of 4 end; at 30 the last.
    gaps = Gaps(np.array([10.0, 10, 30, 20]), np.array([False, False, False, True]), np.ones(4))
    days, survival = estimate_survival(gaps)
    assert days.tolist() == [10, 30]
    assert survival == pytest.approx([0.5, 0.0])


def test_open_gaps_make_the_days_longer(open_rows):
    # Ten came back after 20 days and three after 80. Of ten more it is not known after 60 days.
    back = [order(f"b{n}", d) for n in range(10) for d in (120, 100)]
    slow = [order(f"s{n}", d) for n in range(3) for d in (200, 120)]
    away = [order(f"a{n}", 60) for n in range(10)]
    known, all_of_them = (
        open_rows(transactions=rows) for rows in (back + slow, back + slow + away)
    )
    assert measure_return(known, AS_OF, 0.7) == 20
    assert measure_return(all_of_them, AS_OF, 0.7) == 80


def test_each_customer_counts_once_however_often_they_order(open_rows):
    often = [order("often", d) for d in range(1, 100, 2)]
    seldom = [order(f"s{n}", d) for n in range(3) for d in (300, 200, 100)]
    assert measure_return(open_rows(transactions=often + seldom), AS_OF, 0.5) == 100


def test_the_horizon_is_the_first_round_one_that_is_long_enough():
    assert next(sort_near(25)) == 30
    assert list(sort_near(30))[:3] == [30, 14, 60]
    assert next(sort_near(900)) == 365


def test_a_shop_gets_a_horizon_of_its_own(shop_history):
    history = shop_history.before(int(AS_OF.timestamp() * 1e6))
    churn, soon = (find_horizon(history, TARGETS[n], AS_OF) for n in ("churn", "next_purchase"))
    assert (churn.horizon_days, soon.horizon_days) == (90, 30)
    wanted = measure_return(history, AS_OF, 0.8)
    assert 60 < wanted <= 90


def test_a_horizon_of_which_nearly_all_come_true_is_refused_with_others(shop_history):
    history = shop_history.before(int(AS_OF.timestamp() * 1e6))
    with pytest.raises(
        HistoryError, match=r"next_purchase over 1 days came true for \d\.\d%"
    ) as no:
        find_horizon(history, replace(TARGETS["next_purchase"], horizon_days=1), AS_OF)
    assert "Give another --horizon: 7 (" in str(no.value)


def test_a_horizon_that_suits_is_kept_as_it_was_given(shop_history):
    history = shop_history.before(int(AS_OF.timestamp() * 1e6))
    given = TARGETS["churn"].over(45)
    assert find_horizon(history, given, AS_OF) is given


def test_a_history_of_days_gets_no_horizon(open_rows):
    history = open_rows(transactions=[order("a", 10), order("b", 5)])
    with pytest.raises(HistoryError, match="No horizon of 7 to 365 days suits churn"):
        find_horizon(history, TARGETS["churn"], AS_OF)
