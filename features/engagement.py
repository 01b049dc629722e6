"""What happens between a customer and the shop beside orders; the shop's own acts kept apart."""

import narwhals.stable.v2 as nw

from features.events import Events
from features.verbs import count, or_zero, windows


@or_zero
@windows(7, 30, 90)
def visits(interactions: Events, days: int) -> nw.Expr:
    """Visits in the window."""
    return count((interactions.kind == "visit") & (interactions.days_ago <= days))


@or_zero
@windows(30, 90)
def complaints(interactions: Events, days: int) -> nw.Expr:
    """Complaints and support tickets in the window."""
    kinds = interactions.kind.is_in(["complaint", "support_ticket"])
    return count(kinds & (interactions.days_ago <= days))


@or_zero
@windows(30, 90)
def emails_answered(interactions: Events, days: int) -> nw.Expr:
    """E-mails opened or clicked in the window."""
    kinds = interactions.kind.is_in(["email_open", "email_click"])
    return count(kinds & (interactions.days_ago <= days))


@or_zero
@windows(30, 90)
def company_contacts(interactions: Events, days: int) -> nw.Expr:
    """Acts of the shop towards the customer in the window: campaigns, calls, coupons sent."""
    return count((interactions.initiated_by == "company") & (interactions.days_ago <= days))


def days_since_contact(interactions: Events) -> nw.Expr:
    """Days since the customer's last own act beside ordering; null until the first."""
    own = interactions.initiated_by != "company"
    return nw.when(own).then(interactions.days_ago).min()
