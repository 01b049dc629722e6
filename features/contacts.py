"""Who turned to whom: acts of the customer beside ordering, acts of the shop, and answers."""

from features.events import Events
from features.sums import Numbers
from features.verbs import in_unit, or_zero, ratio, windows

CAMPAIGNS = ("campaign", "campaign_received")
REDEEMED = ("coupon", "coupon_redeemed", "coupon_redemption")
MONTH = 30


@or_zero
@windows(30, 90, 365)
@in_unit("contacts")
def company_contacts(interactions: Events, days: int) -> Numbers:
    """Acts of the shop towards the customer in the window: campaigns, calls, coupons sent."""
    return _by_company(interactions).within(days).count()


@in_unit("days")
def days_since_company_contact(interactions: Events) -> Numbers:
    """Days since the shop's last act towards the customer; null until the first."""
    return _by_company(interactions).last("days_ago")


@or_zero
@windows(7, 30, 90, 365)
@in_unit("contacts")
def contacts(interactions: Events, days: int) -> Numbers:
    """Acts of the customer beside ordering in the window."""
    return _by_customer(interactions).within(days).count()


@in_unit("days")
def days_since_contact(interactions: Events) -> Numbers:
    """Days since the customer's last own act beside ordering; null until the first."""
    return _by_customer(interactions).last("days_ago")


@in_unit("acts / 30 days")
def contacts_per_month(interactions: Events) -> Numbers:
    """Own acts beside ordering per 30 days since the first of them; null until it."""
    own = _by_customer(interactions)
    return ratio(own.count() * MONTH, own.first("days_ago"))


@in_unit("ratio")
def contacts_pace(contacts_30d: Numbers, contacts_per_month: Numbers) -> Numbers:
    """Own acts of the last 30 days in units of the usual 30 days; null until the first."""
    return ratio(contacts_30d, contacts_per_month)


@or_zero
@windows(30, 90)
@in_unit("contacts")
def web_contacts(interactions: Events, days: int) -> Numbers:
    """Acts of the customer on the web in the window."""
    return _by_channel(interactions, "web").within(days).count()


@or_zero
@windows(30, 90)
@in_unit("contacts")
def app_contacts(interactions: Events, days: int) -> Numbers:
    """Acts of the customer in the app in the window."""
    return _by_channel(interactions, "app").within(days).count()


@or_zero
@windows(30, 90)
@in_unit("contacts")
def phone_contacts(interactions: Events, days: int) -> Numbers:
    """Acts of the customer by phone in the window."""
    return _by_channel(interactions, "phone").within(days).count()


@in_unit("share")
def web_share(interactions: Events) -> Numbers:
    """Share of own acts on the web; null until the first."""
    return _share_of_channel(interactions, "web")


@in_unit("share")
def app_share(interactions: Events) -> Numbers:
    """Share of own acts in the app; null until the first."""
    return _share_of_channel(interactions, "app")


@in_unit("share")
def phone_share(interactions: Events) -> Numbers:
    """Share of own acts by phone; null until the first."""
    return _share_of_channel(interactions, "phone")


@or_zero
@windows(90, 365)
@in_unit("coupons")
def coupons_redeemed(interactions: Events, days: int) -> Numbers:
    """Coupons that the customer redeemed in the window."""
    return _by_customer(interactions).of("kind", *REDEEMED).within(days).count()


@or_zero
@windows(90, 365)
@in_unit("campaigns")
def campaigns_received(interactions: Events, days: int) -> Numbers:
    """Campaigns that reached the customer in the window."""
    return _sent(interactions).within(days).count()


@in_unit("days")
def days_since_campaign(interactions: Events) -> Numbers:
    """Days since a campaign last reached the customer; null until the first."""
    return _sent(interactions).last("days_ago")


@or_zero
@windows(90, 365)
@in_unit("campaigns")
def campaigns_answered(answers: Events, days: int) -> Numbers:
    """Campaigns answered in the window: an own act beside ordering came within 7 days."""
    return answers.within(days).count()


@in_unit("share")
def campaigns_answered_share(interactions: Events, answers: Events) -> Numbers:
    """Share of campaigns ever received that were answered within 7 days; null until the first."""
    return ratio(answers.count(), _sent(interactions).count())


def _by_company(interactions: Events) -> Events:
    return interactions.of("company", True)


def _by_customer(interactions: Events) -> Events:
    return interactions.of("company", False)


def _sent(interactions: Events) -> Events:
    return _by_company(interactions).of("kind", *CAMPAIGNS)


def _by_channel(interactions: Events, channel: str) -> Events:
    return _by_customer(interactions).of("channel", channel)


def _share_of_channel(interactions: Events, channel: str) -> Numbers:
    acts = _by_channel(interactions, channel)
    return ratio(acts.count(), _by_customer(interactions).count())
