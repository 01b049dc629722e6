"""CRMs that send an event about a record: Twenty, BottleCRM, HubSpot, Klaviyo."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from serving.hooks.plain import Row, act, find_first, order

MILLIONTHS = 1_000_000
PEOPLE = ("person", "company", "contact", "account")
HUBSPOT_PEOPLE = {"0-1": "contact", "0-2": "company"}
BOTTLECRM = {"ticket.created": "support_ticket"}
WHO = {"inbound": "customer", "outbound": "company"}
KLAVIYO = {
    "opened_email": "email_open",
    "email_opened": "email_open",
    "clicked_email": "email_click",
    "email_clicked": "email_click",
    "received_email": "email_sent",
    "email_delivered": "email_sent",
    "submitted_review": "survey",
}


def map_twenty(said: Any, came: datetime) -> Iterator[Row]:
    """Return the opportunity won, or what happened, of one event."""
    thing, _, action = said["eventName"].partition(".")
    record, when = said["record"], said.get("eventDate") or came
    customer = _find_owner(thing, record, "companyId", "pointOfContactId", "personId")
    amount = record.get("amount") or {}
    if thing == "opportunity" and record.get("stage") == "CUSTOMER" and "amountMicros" in amount:
        sum_told = float(amount["amountMicros"]) / MILLIONTHS
        day, currency = record.get("closeDate") or when, amount.get("currencyCode")
        yield order(customer, record["id"], day, sum_told, currency=currency)
        return
    yield act(customer, f"{thing}_{action}", when, key=f"{said['eventName']}:{record['id']}:{when}")


def map_bottlecrm(said: Any, came: datetime) -> Iterator[Row]:
    """Return the invoice paid, or what happened, of one event."""
    event, record = said["event"], said.get("data") or {}
    thing, _, action = event.partition(".")
    customer = _find_owner(thing, record, "account_id", "contact_id")
    when = record.get("occurred_at") or said.get("created_at") or came
    if event == "invoice.paid":
        day, currency = record.get("paid_at") or when, record.get("currency")
        number = record.get("invoice_number") or record["id"]
        key = f"invoice:{record['id']}"
        yield order(customer, number, day, record["total_amount"], key=key, currency=currency)
        return
    closed = event == "ticket.updated" and record.get("closed_on")
    kind = "ticket_closed" if closed else BOTTLECRM.get(event, f"{thing}_{action}")
    if thing == "interaction":
        kind = record.get("kind") or thing
    who = WHO.get(str(record.get("direction")).lower())
    yield act(customer, kind, when, key=said.get("id"), initiated_by=who)


def map_hubspot(said: Any, came: datetime) -> Iterator[Row]:
    """Return what happened to the contact or company of each event, or of a workflow's one."""
    for event in said if isinstance(said, list) else [said]:
        name = event.get("subscriptionType") or "contact.workflow"
        thing, _, action = name.partition(".")
        thing = HUBSPOT_PEOPLE.get(event.get("objectTypeId", ""), thing)
        number = find_first(event, "objectId", "vid", "hs_object_id")
        when = event.get("occurredAt") or came
        # A retry differs by its attemptNumber, so the body does not tell that it is one.
        parts = [event.get(part) for part in ("eventId", "subscriptionId", "objectId")]
        key = ":".join(map(str, [*parts, when])) if event.get("eventId") else None
        yield act(number if thing in PEOPLE else None, f"{thing}_{_snake(action)}", when, key=key)


def map_klaviyo(said: Any, came: datetime) -> Iterator[Row]:
    """Return what the profile of each event did."""
    for event in said["data"]:
        payload = event["payload"]
        told = payload["data"]
        attributes = told.get("attributes") or {}
        when = find_first(attributes, "datetime", "timestamp") or came
        topic = event["topic"].rpartition(".")[2]
        kind = KLAVIYO.get(topic, topic)
        yield act(_find_profile(payload), kind, when, key=event.get("external_id"), channel="email"
                  if "email" in topic else None)  # fmt: skip


def _find_profile(payload: Mapping[str, Any]) -> Any:
    """Return the shop's own id of the profile, where it is told, else Klaviyo's."""
    for one in payload.get("included") or ():
        own = (one.get("attributes") or {}).get("external_id")
        if one.get("type") == "profile" and own:
            return own
    profile = (payload["data"].get("relationships") or {}).get("profile") or {}
    return (profile.get("data") or {}).get("id")


def _find_owner(thing: str, record: Mapping[str, Any], *names: str) -> Any:
    return record.get("id") if thing in PEOPLE else find_first(record, *names)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
