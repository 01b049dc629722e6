"""The forms a webhook may have: how each is signed and which rows it tells."""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.errors import PatronError
from serving.hooks import documents, events, plain, signatures
from serving.hooks.plain import Map
from serving.hooks.signatures import Verify

LARGEST = 256 * 1024


class HookError(PatronError):
    """A webhook's address cannot be made, or there is none."""

    code = "hook"


@dataclass(frozen=True)
class Form:
    """A form: what its bodies tell, how they are signed if they can be, and their largest size."""

    read: Map
    verify: Verify | None = None
    largest: int = LARGEST


FORMS: Mapping[str, Form] = {
    "plain": Form(plain.map_plain),
    "odoo": Form(documents.map_odoo),
    "espocrm": Form(documents.map_espocrm, signatures.verify_espocrm),
    "frappe": Form(documents.map_frappe, signatures.verify_frappe),
    "twenty": Form(events.map_twenty, signatures.verify_twenty),
    "bottlecrm": Form(events.map_bottlecrm, signatures.verify_bottlecrm),
    "hubspot": Form(events.map_hubspot, signatures.verify_hubspot),
    # Up to 1,000 events come in one request, each of a kilobyte or more.
    "klaviyo": Form(events.map_klaviyo, signatures.verify_klaviyo, 4 * 1024 * 1024),
}


def find_form(name: str) -> Form:
    """Return the form of this name, or tell which there are."""
    if name not in FORMS:
        raise HookError(f"There is no form {name!r}.", f"There are {', '.join(FORMS)}.")
    return FORMS[name]
