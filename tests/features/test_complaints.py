"""Which complaints are open: those that no later entry tells as closed."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = {"customer_id": "c", "order_id": "O", "ordered_at": datetime(2010, 1, 1), "amount": 1.0}
CLOSINGS = (
    "complaint_closed", "complaint_resolved", "ticket_closed", "ticket_resolved", "resolved",
)  # fmt: skip


def act(kind, days, customer="c"):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "kind": kind, "occurred_at": at}


@pytest.fixture
def told(customer):
    def compute(name, *acts):
        return customer(AS_OF, name, transactions=[ORDER], interactions=list(acts))[name]

    return compute


@pytest.mark.parametrize("kind", CLOSINGS)
def test_a_closing_settles_a_complaint(told, kind):
    raised = [act("complaint", 90), act("support_ticket", 80)]
    assert told("open_complaints", *raised) == 2
    assert told("open_complaints", *raised, act(kind, 70)) == 1
    assert told("open_complaints", *raised, *[act(kind, days) for days in (70, 60, 50)]) == 0


def test_a_complaint_is_open_however_long_ago_it_was(told):
    assert told("open_complaints", act("complaint", 4000), act("support_ticket", 366)) == 2
    assert told("open_complaints", act("complaint", 4000), act("resolved", 1)) == 0


def test_a_closing_settles_no_complaint_that_came_after_it(told):
    settled = [act("complaint", 400), act("complaint_closed", 300)]
    assert told("open_complaints", *settled, act("complaint", 10)) == 1
    needless = [act("complaint_closed", days) for days in (500, 490, 200, 190)]
    assert told("open_complaints", *settled, *needless, act("support_ticket", 10)) == 1


def test_closings_alone_leave_nothing_open(told):
    assert told("open_complaints", act("resolved", 9), act("ticket_closed", 8)) == 0


def test_of_a_complaint_told_as_closed_at_its_very_instant_every_kind_says_the_same(told):
    pairs = product(("complaint", "support_ticket"), CLOSINGS)
    open_ones = {told("open_complaints", act(one, 9), act(other, 9)) for one, other in pairs}
    assert len(open_ones) == 1


def test_what_one_customer_closes_leaves_open_what_another_raised(features_of):
    acts = [act("resolved", days, "a") for days in (9, 8, 7)]
    acts += [act("complaint", 6, "b"), act("support_ticket", 5, "b"), act("ticket_closed", 4, "b")]
    acts += [act("ticket_closed", 3, "d"), act("complaint", 2, "d")]
    made = features_of(AS_OF, ["open_complaints"], transactions=[ORDER], interactions=acts)
    assert dict(made.select("customer_id", "open_complaints").iter_rows()) == {
        "a": 0, "b": 1, "c": 0, "d": 1,
    }  # fmt: skip


def test_a_closing_that_is_still_to_come_closes_nothing(told):
    assert told("open_complaints", act("complaint", 9), act("resolved", 0)) == 1
    assert told("open_complaints", act("complaint", 9), act("resolved", -1)) == 1
