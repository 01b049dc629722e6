"""Spans, levels, ranges and tables, on rows that can be checked by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from contract.errors import HistoryError
from contract.norms import Norms
from contract.worth import Told
from features.timeline import AS_OF, CUSTOMER
from training.outcomes import DAYS_UNTIL, OUTCOME
from training.seasons import YEAR, Closed
from training.targets import TARGETS
from training.worth.families import FAMILIES
from training.worth.levels import (
    Course,
    Totals,
    fit_levels,
    foretell_level,
    foretell_totals,
    measure_level,
)
from training.worth.others import observe_others
from training.worth.ranges import fit_spread
from training.worth.snapshots import ORDERS, SPENT, Worths, take_worths
from training.worth.spans import count_back, find_span, list_spans, plan_judging

AT = datetime(2026, 1, 1, tzinfo=UTC)
WORTH = TARGETS["lifetime_value"]
NORMS = {AT: Norms(as_of=AT)}


def order(customer, days_ago, amount=10.0):
    at = AT - timedelta(days=days_ago)
    return {"customer_id": customer, "order_id": f"{customer}{days_ago}{amount}",
            "ordered_at": at, "amount": amount}  # fmt: skip


def told(*parts):
    return Told(*(np.array(part, dtype=np.float64) for part in parts))


def test_a_worth_is_what_is_spent_within_the_days_less_what_is_returned(open_rows):
    rows = [order(c, 5) for c in "abc"] + [order("a", -1, 30.0), order("a", -20, 50.0)]
    rows += [order("a", -3, -12.5), order("b", -2, -4.0), order("a", -40, 99.0)]
    taken = take_worths(open_rows(transactions=rows), WORTH, NORMS, [30, 365])
    assert taken[30].outcome.tolist() == [67.5, -4.0, 0.0]
    assert taken[365].outcome.tolist() == [166.5, -4.0, 0.0]
    assert taken[30].orders.tolist() == [2, 0, 0]
    assert taken[30].spent.tolist() == [10, 10, 10]
    assert not {OUTCOME, ORDERS, SPENT, DAYS_UNTIL} & set(taken[30].columns)


def test_who_has_never_ordered_is_worth_what_such_customers_came_to(open_rows):
    since = AT - timedelta(days=9)
    customers = [{"customer_id": c, "since": since} for c in "pqr"]
    rows = [order("a", 5), order("p", -1, 23.0), order("p", -2, 23.0)]
    history = open_rows(transactions=rows, customers=customers)
    others = observe_others(history, WORTH.over(30), NORMS[AT], 30)
    # One of three; 20 more of whom nothing is known count beside them.
    assert others.chance == pytest.approx(2 / 23)
    assert others.chance * others.orders * others.value == pytest.approx(46 / 23)
    none = observe_others(open_rows(transactions=rows[:1]), WORTH.over(30), NORMS[AT], 30)
    assert none.chance * none.orders * none.value == 0


def test_the_span_is_the_longest_of_which_the_history_holds_four(open_rows):
    def span(days):
        history = open_rows(transactions=[order("a", days), order("a", 1)])
        return find_span(history, 365, AT)

    assert [span(d) for d in (900, 480, 479, 240, 120)] == [120, 120, 90, 60, 30]
    with pytest.raises(HistoryError, match=r"119 days of orders .* too few for a horizon of 30"):
        span(119)
    assert list_spans(60) == [60, 30] and list_spans(45) == [30] and list_spans(14) == [14]


def test_a_whole_horizon_is_judged_where_the_history_before_it_is_long_enough(open_rows):
    def plan(days):
        history = open_rows(transactions=[order("a", days), order("a", 1)])
        return plan_judging(history, (365, 120), AT), count_back(history, 365, AT)

    year, back = plan(390 + 360)
    assert (year.span, back) == (120, 390)
    assert year.stages.serve == AT - timedelta(days=390)
    assert plan(390 + 270)[0].span == 90
    assert plan(390 + 269) == (None, 120)


def test_a_level_is_what_makes_the_means_those_that_came():
    parts = told([0.5, 0.5], [2, 4], [10, 20])
    chance, orders, worth = measure_level(parts, Totals(0.5, 3.0, 50.0))
    assert chance == pytest.approx(0)
    assert orders == pytest.approx(np.log(3 / 1.5))
    assert worth == pytest.approx(np.log(50 / 25))


def test_levels_bring_the_customers_to_the_totals_wanted():
    from contract.worth import raise_levels

    parts = told([0.2, 0.6, 0.9], [1, 2, 8], [10, 20, 5])
    wanted = Totals(0.4, 1.1, 17.0)
    raised = raise_levels(parts, fit_levels(parts, wanted))
    assert raised.chance.mean() == pytest.approx(0.4)
    assert raised.expected_orders.mean() == pytest.approx(1.1)
    assert raised.predicted.mean() == pytest.approx(17.0)
    assert (raised.orders >= 1).all()


def test_fewer_orders_than_customers_who_order_there_are_none():
    from contract.worth import raise_levels

    parts = told([0.2, 0.6], [1, 2], [10, 20])
    raised = raise_levels(parts, fit_levels(parts, Totals(0.4, 0.1, 4.0)))
    assert raised.orders == pytest.approx([1, 1])
    assert raised.predicted.mean() == pytest.approx(4.0)


def test_half_of_a_level_is_that_of_a_year_ago():
    """The last window was off by .3; the one that began a year before the day, by .1."""
    day = 600.0
    starts = np.array([day - YEAR, 400.0, 510.0])
    closed = Closed(starts, np.array([0.1, 0.2, 0.3]), 90)
    assert foretell_level(closed, day) == pytest.approx((0.3 + 0.1) / 2)
    young = Closed(starts[1:], np.array([0.2, 0.3]), 90)
    assert foretell_level(young, day) == pytest.approx(0.3)


def make_course(day):
    """Windows of 60 days were off by 1 at first, then by .5; those of a year by .2 always."""
    starts = np.arange(40.0, day, 30.0)
    near = np.where(starts < 300, 1.0, 0.5)
    off = {("flat", 60): np.tile(near[:, None], 3), ("flat", 365): np.full((len(starts), 3), 0.2)}
    return Course(starts, day, off)


def test_the_last_closed_year_tells_the_level_of_the_next():
    begun = told([0.5], [2], [10])
    totals = foretell_totals(make_course(600.0), begun, ("flat", 365, 60))
    assert totals.orders == pytest.approx(np.exp(0.2))
    assert totals.worth == pytest.approx(10 * np.exp(0.2))
    assert totals.chance == pytest.approx(1 / (1 + np.exp(-0.2)))


def test_before_a_year_has_closed_it_is_the_mean_of_the_windows_of_a_year():
    course = make_course(400.0)
    closed = course.starts[course.starts + 60 <= 400]
    mean = np.where(closed < 300, 1.0, 0.5).mean()
    assert not course.has_closed(365) and 0.5 < mean < 1
    totals = foretell_totals(course, told([0.5], [2], [10]), ("flat", 365, 60))
    assert totals.worth == pytest.approx(10 * np.exp(mean))


def test_a_window_that_is_still_open_tells_nothing():
    course = make_course(410.0)
    assert course.foretell("flat", 60) == pytest.approx([0.75] * 3)  # .5, and 1 a year ago
    off = {
        key: np.where(course.starts[:, None] + 60 > 410, 99.0, own)
        for key, own in course.off.items()
    }
    assert Course(course.starts, 410.0, off).foretell("flat", 60) == pytest.approx([0.75] * 3)


def test_a_range_is_of_customers_with_such_a_worth_in_units_of_it():
    """Foretold 10 to each of fifty, who come to 1 to 50; those served are foretold 20."""
    came, right = np.arange(1.0, 51), np.full(50, 25.5)
    spread = fit_spread(came, right, np.full(80, 51.0))
    assert spread.at == (51,)
    assert spread.low == pytest.approx((2 * np.quantile(came, 0.1),))
    assert spread.high == pytest.approx((2 * np.quantile(came, 0.9),))


def test_a_range_rises_with_the_worth_and_holds_eight_in_ten():
    rng = np.random.default_rng(5)
    mean = rng.gamma(1, 50, 4000)
    came = rng.gamma(4, mean / 4)
    spread = fit_spread(came[:2000], mean[:2000] * 3, mean[2000:])
    assert all((np.diff(end) >= 0).all() for end in (spread.at, spread.low, spread.high))
    low, high = spread.find(mean[2000:])
    assert ((came[2000:] >= low) & (came[2000:] <= high)).mean() == pytest.approx(0.8, abs=0.03)


def test_nothing_foretold_has_no_range():
    assert fit_spread(np.zeros(60), np.ones(60), np.ones(3)).at == ()


def make_worths(count=90):
    """A third was silent for 10 days and came to 2 orders of 30, the rest to nothing."""
    silence = np.repeat([10.0, 100.0, 200.0], count // 3)
    rows = pd.DataFrame(
        {
            CUSTOMER: [str(n) for n in range(count)],
            AS_OF: np.full(count, int(AT.timestamp() * 1e6)),
            OUTCOME: np.where(silence < 50, 60.0, 0.0),
            ORDERS: np.where(silence < 50, 2.0, 0.0),
            SPENT: 0.0,
            DAYS_UNTIL: np.nan,
            "days_since_order": silence,
            "orders_ever": 1.0,
            "order_days": 1.0,
        }
    )
    return Worths(rows, 30, NORMS, ranks=np.zeros((count, 3), dtype=np.float32))


def test_a_table_says_each_cells_mean_drawn_towards_that_of_all():
    """Of all, 30.5 in 91 order. Of the first cell's 30 all do, and 20 more as of all."""
    worths = make_worths()
    models = FAMILIES["rfm_rule"].fit(worths, "flat", {})
    beyond = models["chance"].margin(worths.columns, 0.0)
    usual = 30.5 / 91
    share = (30 + 20 * usual) / 50
    odds = np.log(share / (1 - share)) - np.log(usual / (1 - usual))
    assert beyond[0] == pytest.approx(odds)
    assert beyond[0] > 0 > beyond[50]
    assert np.exp(models["value"].margin(worths.columns, 0.0))[0] == pytest.approx(1, abs=0.02)


def test_outcomes_are_dealt_within_a_moment_and_together():
    worths = make_worths()
    dealt = worths.deal(3)
    assert dealt.outcome.tolist() != worths.outcome.tolist()
    assert sorted(dealt.outcome) == sorted(worths.outcome)
    assert (dealt.outcome == 30 * dealt.orders).all()
