"""Sign what goes out as Standard Webhooks 1.0.0 has it."""

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def make_secret() -> str:
    """Return a new secret, as it is shown to who checks signatures."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(keys: Iterable[str], message_id: str, at_s: int, body: bytes) -> str:
    """Return the signatures under each secret: a receiver needs to know one of them."""
    said = f"{message_id}.{at_s}.".encode() + body
    macs = (hmac.digest(base64.b64decode(k.removeprefix(PREFIX)), said, "sha256") for k in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)
