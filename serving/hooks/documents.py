"""CRMs that send a record as it is now: Odoo, EspoCRM, Frappe and ERPNext."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from serving.hooks.plain import Row, act, find_first, order

# Kinds that features know, by what the record is; any other is told by its own name.
ODOO = {"helpdesk.ticket": "support_ticket", "survey.user_input": "survey", "crm.phonecall": "call"}
FRAPPE = {"Issue": "support_ticket", "CRM Call Log": "call", "Call Log": "call"}

ODOO_SALES = ("sale.order", "pos.order")
ODOO_PLACED = ("sale", "done", "paid", "invoiced")
FRAPPE_SALES = ("Sales Order", "Sales Invoice", "POS Invoice")
SUBMITTED = 1

# An EspoCRM record does not say what it is. These only an account or a contact has.
ESPO_PEOPLE = ("emailAddress", "phoneNumber", "firstName", "website", "industry")
WHO = {"Inbound": "customer", "Outbound": "company"}


def map_odoo(said: Any, came: datetime) -> Iterator[Row]:
    """Return the order, or what happened to the record, of one `_model`, `_id` and `_action`."""
    model, number = said["_model"], said["_id"]
    when = find_first(said, "date_order", "write_date", "create_date")
    customer = number if model == "res.partner" else said.get("partner_id")
    if model in ODOO_SALES and "amount_total" in said and _is_placed(said):
        name = said.get("name") or number
        yield order(customer, name, when or came, said["amount_total"], key=f"{model}:{number}")
        return
    kind = ODOO.get(model) or model.replace(".", "_")
    yield act(customer, kind, when or came, key=f"{model}:{number}:{when}" if when else None)


def _is_placed(said: Mapping[str, Any]) -> bool:
    return said.get("state", ODOO_PLACED[0]) in ODOO_PLACED


def map_espocrm(said: Any, came: datetime) -> Iterator[Row]:
    """Return the won opportunity, or what happened, of each record of the array."""
    if not isinstance(said, list):
        raise TypeError("an array is expected")
    for record in said:
        customer = _find_espo_customer(record)
        when = find_first(record, "dateStart", "modifiedAt", "createdAt")
        if record.get("stage") == "Closed Won" and "amount" in record:
            day = record.get("closeDate") or when or came
            currency = record.get("amountCurrency")
            yield order(customer, record["id"], day, record["amount"], currency=currency)
            continue
        key = f"{record['id']}:{when}" if when else None
        who = WHO.get(record.get("direction", ""))
        yield act(customer, _name_espo(record), when or came, key=key, initiated_by=who)


def _name_espo(record: Mapping[str, Any]) -> str:
    if "dateStart" in record:
        return "call" if "direction" in record else "meeting"
    if "number" in record and "status" in record:
        return "support_ticket"
    return "opportunity" if "stage" in record else "record_change"


def _find_espo_customer(record: Mapping[str, Any]) -> Any:
    if customer := find_first(record, "accountId", "contactId"):
        return customer
    if record.get("parentType") in ("Account", "Contact"):
        return record.get("parentId")
    return record.get("id") if record.keys() & set(ESPO_PEOPLE) else None


def map_frappe(said: Any, came: datetime) -> Iterator[Row]:
    """Return the lines of the submitted order or invoice, or what happened to the document."""
    kind, name = said["doctype"], said["name"]
    when = find_first(said, "transaction_date", "posting_date", "modified", "creation")
    person = name if kind == "Customer" else find_first(said, "customer", "party_name")
    if kind in FRAPPE_SALES and said.get("docstatus", SUBMITTED) == SUBMITTED:
        yield from _tell_lines(said, person, when or came)
        return
    told = FRAPPE.get(kind) or kind.lower().replace(" ", "_")
    changed = said.get("modified")
    key = f"{kind}:{name}:{changed}" if changed else None
    yield act(person, told, changed or when or came, key=key)


def _tell_lines(said: Mapping[str, Any], customer: Any, when: Any) -> Iterator[Row]:
    name, key = said["name"], f"{said['doctype']}:{said['name']}"
    currency = said.get("currency")
    for place, item in enumerate(said.get("items") or ()):
        yield order(
            customer, name, when, item["amount"], key=f"{key}:{place}", currency=currency,
            product_id=item.get("item_code"), quantity=item.get("qty"), unit_price=item.get("rate"),
        )  # fmt: skip
    if not said.get("items"):
        yield order(customer, name, when, said["grand_total"], key=key, currency=currency)
