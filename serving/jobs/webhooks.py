"""Who is told that jobs ended: addresses that the operator names, never a caller."""

import secrets
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sql

from contract.errors import PatronError
from serving.jobs.signing import make_secret
from serving.loopback import is_loopback
from serving.store.opened import Store, now_us
from serving.store.schema import DELIVERIES, WEBHOOKS

ROTATED_US = 86_400_000_000  # so long the secret before signs too


class WebhookError(PatronError):
    """A webhook cannot be made so, or there is none of that id."""

    code = "webhook"


class Tally(NamedTuple):
    """A webhook, and what became of what it was to be told."""

    webhook_id: str
    state: str
    told: int
    waiting: int
    given_up: int
    url: str


def create_webhook(store: Store, url: str) -> tuple[str, str]:
    """Return the id of a new webhook, and its secret, which is shown this once."""
    check_url(url)
    webhook_id, secret = f"wh_{secrets.token_hex(6)}", make_secret()
    row = {"webhook_id": webhook_id, "url": url, "secret": secret, "state": "live",
           "made_us": now_us()}  # fmt: skip
    with store.write() as connection:
        connection.execute(sql.insert(WEBHOOKS), row)
    return webhook_id, secret


def check_url(url: str) -> None:
    """Refuse an address to which what is signed could be read on its way."""
    try:
        place = urlsplit(url)
        host, port = place.hostname or "", place.port
    except ValueError:
        host, port = "", None
    if not host or port == 0 or place.username is not None or not url.isascii():
        raise WebhookError("That is no address.", "Write it as https://crm.example/hooks/patron.")
    if place.scheme != "https" and not (place.scheme == "http" and is_loopback(host)):
        raise WebhookError("The address is not https.", "Only on this machine http will do.")


def rotate_webhook(store: Store, webhook_id: str) -> str:
    """Return a new secret; for a day both sign, so that the receiver can change over."""
    secret = make_secret()
    until = now_us() + ROTATED_US
    changed = {"old_secret": WEBHOOKS.c.secret, "old_until_us": until, "secret": secret}
    _change(store, webhook_id, changed)
    return secret


def revoke_webhook(store: Store, webhook_id: str) -> None:
    """Tell this webhook nothing any more, nor what waits for it."""
    _change(store, webhook_id, {"state": "revoked", "secret": None, "old_secret": None})
    with store.write() as connection:
        give_up_all(connection, webhook_id)


def give_up_all(connection: sql.Connection, webhook_id: str) -> None:
    """Give up all that waits for a webhook."""
    waiting = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.state == "waiting")
    connection.execute(sql.update(DELIVERIES).where(waiting).values(state="given_up"))


def list_webhooks(store: Store) -> list[Tally]:
    """Return every webhook, the oldest first, never its secret."""
    states = [
        sql.func.coalesce(sql.func.sum(sql.case((DELIVERIES.c.state == one, 1), else_=0)), 0)
        for one in ("told", "waiting", "given_up")
    ]
    own = [WEBHOOKS.c.webhook_id, WEBHOOKS.c.state, WEBHOOKS.c.url, WEBHOOKS.c.made_us]
    joined = sql.outerjoin(WEBHOOKS, DELIVERIES, WEBHOOKS.c.webhook_id == DELIVERIES.c.webhook_id)
    asked = sql.select(*own[:2], *states, own[2]).select_from(joined).group_by(*own)
    with store.read() as connection:
        return [Tally._make(row) for row in connection.execute(asked.order_by(own[3]))]


def _change(store: Store, webhook_id: str, changed: dict[str, Any]) -> None:
    live = (WEBHOOKS.c.webhook_id == webhook_id) & (WEBHOOKS.c.state == "live")
    with store.write() as connection:
        if not connection.execute(sql.update(WEBHOOKS).where(live).values(changed)).rowcount:
            raise WebhookError("There is no live webhook of this id.", "See patron webhooks list.")
