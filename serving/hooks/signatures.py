"""How each kind of CRM signs what it sends; every signature is compared in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

FRESH = timedelta(minutes=5)  # what was signed longer ago may be a copy sent again


class Sent(NamedTuple):
    """A request as it came: its headers by lower-case name, its body, its URL, and when."""

    headers: Mapping[str, str]
    body: bytes
    url: str
    came: datetime


Verify = Callable[[str, Sent], bool]


def verify_espocrm(secret: str, sent: Sent) -> bool:
    """Return whether EspoCRM signed it: Signature from 9.0 on, X-Signature before."""
    mac = _sign(secret, sent.body)
    if signature := sent.headers.get("signature"):
        return _same(mac.hex().encode(), _after_colon(signature))
    return _same(mac, _after_colon(sent.headers.get("x-signature", "")))


def verify_twenty(secret: str, sent: Sent) -> bool:
    """Return whether Twenty signed it within five minutes; its clock tells milliseconds."""
    stamp = sent.headers.get("x-twenty-webhook-timestamp", "")
    signature = sent.headers.get("x-twenty-webhook-signature", "")
    mac = _sign(secret, stamp.encode() + b":" + sent.body).hex()
    return _same(mac, signature) and _is_fresh(_read_unix(stamp, 1000), sent)


def verify_frappe(secret: str, sent: Sent) -> bool:
    """Return whether Frappe or ERPNext signed it."""
    mac = base64.b64encode(_sign(secret, sent.body))
    return _same(mac, sent.headers.get("x-frappe-webhook-signature", ""))


def verify_bottlecrm(secret: str, sent: Sent) -> bool:
    """Return whether BottleCRM signed it within five minutes."""
    signature = sent.headers.get("x-bottlecrm-signature", "")
    parts = dict(part.strip().partition("=")[::2] for part in signature.split(","))
    stamp = parts.get("t", "")
    mac = _sign(secret, stamp.encode() + b"." + sent.body).hex()
    return _same(mac, parts.get("v1", "")) and _is_fresh(_read_unix(stamp, 1), sent)


def verify_hubspot(secret: str, sent: Sent) -> bool:
    """Return whether HubSpot signed it: by version 3, within five minutes, else by 2 or 1."""
    where = b"POST" + sent.url.encode()
    if signature := sent.headers.get("x-hubspot-signature-v3"):
        stamp = sent.headers.get("x-hubspot-request-timestamp", "")
        mac = base64.b64encode(_sign(secret, where + sent.body + stamp.encode()))
        return _same(mac, signature) and _is_fresh(_read_unix(stamp, 1000), sent)
    version = sent.headers.get("x-hubspot-signature-version", "v1")
    said = secret.encode() + (where if version == "v2" else b"") + sent.body
    told = sent.headers.get("x-hubspot-signature", "")
    return _same(hashlib.sha256(said).hexdigest(), told)


def verify_klaviyo(secret: str, sent: Sent) -> bool:
    """Return whether Klaviyo signed it within five minutes; its clock tells a date of HTTP."""
    stamp = sent.headers.get("klaviyo-timestamp", "")
    mac = _sign(secret, sent.body + stamp.encode()).hex()
    signature = sent.headers.get("klaviyo-signature", "")
    return _same(mac, signature) and _is_fresh(_read_date(stamp), sent)


def _sign(secret: str, said: bytes) -> bytes:
    return hmac.digest(secret.encode(), said, "sha256")


def _same(ours: str | bytes, theirs: str | bytes) -> bool:
    mine, told = (one.encode() if isinstance(one, str) else one for one in (ours, theirs))
    return hmac.compare_digest(mine, told)


def _after_colon(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _is_fresh(told: datetime | None, sent: Sent) -> bool:
    return told is not None and abs(sent.came - told) <= FRESH


def _read_unix(stamp: str, parts: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(stamp) / parts, UTC) if stamp.isdecimal() else None
    except (ValueError, OverflowError, OSError):
        return None


def _read_date(stamp: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            told = read(stamp)
        except ValueError:
            continue
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    return None
