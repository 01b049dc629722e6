"""How CRMs sign what they send, by their own documents; none of it is Patron's code."""

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime
from email.utils import format_datetime

SECRET = "s3cret-that-only-the-crm-knows"
WEBHOOK_ID = "66570a1b2c3d4e5f6"


def _mac(said: bytes) -> bytes:
    return hmac.new(SECRET.encode(), said, hashlib.sha256).digest()


def sign_espocrm(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    signed = f"{WEBHOOK_ID}:{_mac(body).hex()}".encode()
    return {"Signature": base64.b64encode(signed).decode()}


def sign_old_espocrm(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    signed = WEBHOOK_ID.encode() + b":" + _mac(body)
    return {"X-Signature": base64.b64encode(signed).decode()}


def sign_frappe(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    return {"X-Frappe-Webhook-Signature": base64.b64encode(_mac(body)).decode()}


def sign_twenty(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    stamp = str(int((time.time() - late_s) * 1000))
    return {
        "X-Twenty-Webhook-Timestamp": stamp,
        "X-Twenty-Webhook-Signature": _mac(f"{stamp}:".encode() + body).hex(),
        "X-Twenty-Webhook-Nonce": "0f" * 16,
    }


def sign_bottlecrm(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    stamp = int(time.time() - late_s)
    return {"X-BottleCRM-Signature": f"t={stamp},v1={_mac(f'{stamp}.'.encode() + body).hex()}"}


def sign_hubspot_1(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    return {
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature": hashlib.sha256(SECRET.encode() + body).hexdigest(),
    }


def sign_hubspot_2(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    said = f"{SECRET}POST{url}".encode() + body
    return {
        "X-HubSpot-Signature-Version": "v2",
        "X-HubSpot-Signature": hashlib.sha256(said).hexdigest(),
    }


def sign_hubspot_3(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    stamp = str(int((time.time() - late_s) * 1000))
    mac = _mac(f"POST{url}".encode() + body + stamp.encode())
    return {
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": base64.b64encode(mac).decode(),
    }


def sign_klaviyo(body: bytes, late_s: float = 0, url: str = "") -> dict[str, str]:
    stamp = format_datetime(datetime.fromtimestamp(time.time() - late_s, UTC), usegmt=True)
    return {"Klaviyo-Timestamp": stamp, "Klaviyo-Signature": _mac(body + stamp.encode()).hex()}


# Each way to sign, with its form and whether it tells when.
WAYS = {
    "espocrm": (sign_espocrm, "espocrm", False),
    "old espocrm": (sign_old_espocrm, "espocrm", False),
    "frappe": (sign_frappe, "frappe", False),
    "twenty": (sign_twenty, "twenty", True),
    "bottlecrm": (sign_bottlecrm, "bottlecrm", True),
    "hubspot 1": (sign_hubspot_1, "hubspot", False),
    "hubspot 2": (sign_hubspot_2, "hubspot", False),
    "hubspot 3": (sign_hubspot_3, "hubspot", True),
    "klaviyo": (sign_klaviyo, "klaviyo", True),
}
