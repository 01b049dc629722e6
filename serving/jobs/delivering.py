"""Tell webhooks that jobs ended: again and again over a day, until each has answered."""

import http.client
import random
import socket
import ssl
import time
from threading import Event
from typing import NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from contract.errors import PatronError
from serving.jobs.signing import sign
from serving.jobs.webhooks import give_up_all
from serving.jobs.work import Say
from serving.store.opened import Store, now_us
from serving.store.schema import DELIVERIES, WEBHOOKS

POLL_S = 1.0
TIMEOUT_S = 10.0  # to connect, and again for the answer
TAKEN_S = 60.0  # so long no other worker tells the same
# Seconds from each attempt to the next, up to a fifth more; all together a day.
WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 28_800, 32_400)
GONE = 410
TELLS = (OSError, http.client.HTTPException)


class Letter(NamedTuple):
    """What is to be told to whom."""

    row: int
    webhook_id: str
    message_id: str
    body: str
    attempts: int
    url: str
    keys: tuple[str, ...]


def deliver_on(store: Store, stop: Event, say: Say) -> None:
    """Deliver what is due, until told to stop."""
    while not stop.is_set():
        try:
            while not stop.is_set() and deliver_one(store, say):
                pass
        except PatronError:  # the store is away, of which the worker tells
            pass
        stop.wait(POLL_S)


def deliver_one(store: Store, say: Say) -> bool:
    """Send one letter that is due, and return whether there was one.

    A worker that ends between its being sent and that being noted has it sent again.
    """
    letter = _take(store)
    if letter is None:
        return False
    status, fault = send(letter)
    with store.write() as connection:
        _note(connection, letter, status, fault)
    if fault:
        say(f"webhook {letter.webhook_id} was not told ({fault}), attempt {letter.attempts + 1}")
    return True


def _take(store: Store) -> Letter | None:
    """Return the letter that is due first; no other worker takes it for a while."""
    names = ("row", "webhook_id", "message_id", "body", "attempts")
    columns = [*(DELIVERIES.c[name] for name in names), WEBHOOKS.c.url, WEBHOOKS.c.secret]
    columns += [WEBHOOKS.c.old_secret, WEBHOOKS.c.old_until_us]
    joined = sql.join(DELIVERIES, WEBHOOKS, DELIVERIES.c.webhook_id == WEBHOOKS.c.webhook_id)
    at_us = now_us()
    due = (DELIVERIES.c.state == "waiting") & (DELIVERIES.c.due_us <= at_us)
    asked = sql.select(*columns).select_from(joined).where(due, WEBHOOKS.c.state == "live")
    first = asked.order_by(DELIVERIES.c.due_us).limit(1)
    with store.read() as connection:  # of SQLite a writer would hold up others, each second
        if connection.execute(first).first() is None:
            return None
    with store.write() as connection:
        found = connection.execute(first.with_for_update(skip_locked=True, of=DELIVERIES)).first()
        if found is None:
            return None
        *told, secret, old, until = found
        taken = {"due_us": at_us + round(TAKEN_S * 1e6)}
        connection.execute(
            sql.update(DELIVERIES).where(DELIVERIES.c.row == found.row).values(taken)
        )
    keys = (secret, old) if old and until > at_us else (secret,)
    return Letter._make((*told, keys))


def send(letter: Letter) -> tuple[int, str | None]:
    """Return the status that the receiver answers, 0 if none, and what was wrong, if anything.

    No redirect is followed: it would lead what is signed elsewhere.
    """
    body, at_s = letter.body.encode(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Patron",
        "webhook-id": letter.message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": sign(letter.keys, letter.message_id, at_s, body),
    }
    place = urlsplit(letter.url)
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    link = _open(place.scheme, place.hostname or "", place.port)
    try:
        link.request("POST", path, body, headers)
        status = link.getresponse().status
    except TELLS as error:
        timed_out = isinstance(error, socket.timeout)
        return 0, "no answer in time" if timed_out else type(error).__name__
    finally:
        link.close()
    return status, None if 200 <= status < 300 else f"status {status}"


def _open(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    trusted = ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=trusted)


def _note(connection: Connection, letter: Letter, status: int, fault: str | None) -> None:
    """Note what became of a letter, and when it is sent again; who is gone is told no more."""
    this = sql.update(DELIVERIES).where(DELIVERIES.c.row == letter.row)
    attempts = letter.attempts + 1
    if fault is None:
        connection.execute(this.values(state="told", attempts=attempts, fault=None))
    elif status == GONE:
        there = WEBHOOKS.c.webhook_id == letter.webhook_id
        ended = {"state": "disabled", "secret": None, "old_secret": None}
        connection.execute(sql.update(WEBHOOKS).where(there).values(ended))
        connection.execute(this.values(attempts=attempts, fault=fault))
        give_up_all(connection, letter.webhook_id)
    elif attempts > len(WAITS):
        connection.execute(this.values(state="given_up", attempts=attempts, fault=fault))
    else:
        wait_us = round(WAITS[attempts - 1] * random.uniform(1, 1.2) * 1e6)  # noqa: S311
        later = {"attempts": attempts, "fault": fault, "due_us": now_us() + wait_us}
        connection.execute(this.values(later))
