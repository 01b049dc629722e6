"""What a customer does beside ordering: visits, mail, calls, complaints."""

import numpy as np

from features.events import Events
from features.sources import COMPLAINTS
from features.sums import Numbers
from features.verbs import at_least, choose, in_unit, or_none, or_zero, ratio, windows

DAY = 1


@or_zero
@windows(7, 30, 90, 365)
@in_unit("visits")
def visits(interactions: Events, days: int) -> Numbers:
    """Visits in the window."""
    return interactions.of("kind", "visit").within(days).count()


@in_unit("days")
def days_since_visit(interactions: Events) -> Numbers:
    """Days since the last visit; null until the first."""
    return interactions.of("kind", "visit").last("days_ago")


@in_unit("ratio")
def visit_lateness(interactions: Events) -> Numbers:
    """Silence of visits in units of their mean gap, a day at least; null until the second."""
    return _compare(interactions.of("kind", "visit"))


@in_unit("pages")
def mean_visit_depth(interactions: Events) -> Numbers:
    """Mean value told with a visit, such as the pages seen; null without one told."""
    return interactions.of("kind", "visit").mean("value")


@in_unit("share")
def visits_trend(visits_30d: Numbers, visits_90d: Numbers) -> Numbers:
    """Share of the last 90 days' visits that fell in their last 30; null without one."""
    return ratio(visits_30d, visits_90d)


@or_zero
@in_unit("visits")
def visits_since_order(interactions: Events, days_since_order: Numbers) -> Numbers:
    """Visits since the last order, or ever where there is none."""
    return _count_since(interactions.of("kind", "visit"), days_since_order)


@in_unit("visits / order")
def visits_per_order(visits_365d: Numbers, orders_365d: Numbers) -> Numbers:
    """Visits per order in the last year; null without an order in it."""
    return ratio(visits_365d, orders_365d)


@or_zero
@windows(30, 90)
@in_unit("e-mails")
def emails_opened(interactions: Events, days: int) -> Numbers:
    """E-mails opened in the window."""
    return interactions.of("kind", "email_open").within(days).count()


@or_zero
@windows(30, 90)
@in_unit("e-mails")
def emails_clicked(interactions: Events, days: int) -> Numbers:
    """E-mails clicked in the window."""
    return interactions.of("kind", "email_click").within(days).count()


@or_zero
@windows(30, 90)
@in_unit("e-mails")
def emails_answered(interactions: Events, days: int) -> Numbers:
    """E-mails opened or clicked in the window."""
    return interactions.of("kind", "email_open", "email_click").within(days).count()


@in_unit("ratio")
def click_rate(emails_clicked_90d: Numbers, emails_opened_90d: Numbers) -> Numbers:
    """E-mails clicked per e-mail opened in the last 90 days; null without one opened."""
    return ratio(emails_clicked_90d, emails_opened_90d)


@in_unit("days")
def days_since_email(interactions: Events) -> Numbers:
    """Days since an e-mail was last opened or clicked; null until the first."""
    return interactions.of("kind", "email_open", "email_click").last("days_ago")


@in_unit("ratio")
def email_lateness(interactions: Events) -> Numbers:
    """Silence of e-mails opened or clicked in units of their mean gap; null until the second."""
    return _compare(interactions.of("kind", "email_open", "email_click"))


@or_zero
@windows(90, 365)
@in_unit("calls")
def calls(interactions: Events, days: int) -> Numbers:
    """Calls by the customer in the window."""
    return _find_calls(interactions).within(days).count()


@in_unit("days")
def days_since_call(interactions: Events) -> Numbers:
    """Days since the customer last called; null until the first."""
    return _find_calls(interactions).last("days_ago")


@or_zero
@windows(30, 90, 365)
@in_unit("complaints")
def complaints(interactions: Events, days: int) -> Numbers:
    """Complaints and support tickets in the window."""
    return interactions.of("kind", *COMPLAINTS).within(days).count()


@or_zero
@windows(30, 90)
@in_unit("complaints")
def plain_complaints(interactions: Events, days: int) -> Numbers:
    """Complaints in the window, support tickets not counted."""
    return interactions.of("kind", "complaint").within(days).count()


@in_unit("days")
def days_since_complaint(interactions: Events) -> Numbers:
    """Days since the last complaint or support ticket; null until the first."""
    return interactions.of("kind", *COMPLAINTS).last("days_ago")


@or_zero
@in_unit("complaints")
def open_complaints(troubles: Events) -> Numbers:
    """Complaints and tickets that no later entry tells as closed or resolved."""
    return or_none(troubles.last("open"))


@or_zero
@in_unit("complaints")
def complaints_since_order(interactions: Events, days_since_order: Numbers) -> Numbers:
    """Complaints and tickets since the last order, or ever where there is none."""
    return _count_since(interactions.of("kind", *COMPLAINTS), days_since_order)


@in_unit("complaints / order")
def complaints_per_order(complaints_365d: Numbers, orders_365d: Numbers) -> Numbers:
    """Complaints and tickets per order in the last year; null without an order in it."""
    return ratio(complaints_365d, orders_365d)


@in_unit("days")
def days_since_survey(interactions: Events) -> Numbers:
    """Days since the customer last answered a survey; null until the first."""
    return interactions.of("kind", "survey").last("days_ago")


@in_unit("survey")
def mean_survey(interactions: Events) -> Numbers:
    """Mean value told with the surveys of the customer; null without one."""
    return interactions.of("kind", "survey").mean("value")


def _find_calls(interactions: Events) -> Events:
    return interactions.of("kind", "call").of("company", False)


def _compare(events: Events) -> Numbers:
    """Return the silence of events in units of the mean days between them."""
    silence = events.last("days_ago")
    gap = ratio(events.first("days_ago") - silence, events.count() - 1)
    return ratio(silence, at_least(gap, DAY))


def _count_since(events: Events, days_ago: Numbers) -> Numbers:
    since = choose(days_ago != days_ago, np.inf, days_ago)  # NaN, where there is none
    return events.count(events.days_ago < events.each(since))
