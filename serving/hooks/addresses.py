"""Where webhooks come in: an address with a secret in it for each source."""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from serving.hooks.forms import HookError, find_form
from serving.store.opened import Store, now_us
from serving.store.schema import HOOKS, INBOX

SECRET_BYTES = 32
NO_HASH = "0" * 64  # compared where there is no hook, so that it takes as long

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


class Hook(NamedTuple):
    """A source whose token was right: its form, and the secret it signs with, if any."""

    source: str
    form: str
    secret: str | None


class Tally(NamedTuple):
    """A source, and what came from it in the last week."""

    source: str
    form: str
    signed: bool
    revoked: bool
    came: int
    waiting: int
    rows: int
    faulty: int


def create_hook(store: Store, source: str, form: str, secret: str | None = None) -> str:
    """Return the path of a new address; its token is told this once and kept as a hash."""
    if not _SOURCE.fullmatch(source):
        raise HookError("The source has a wrong name.", "Use up to 48 of a-z 0-9 _ -, as in odoo.")
    if secret is not None and (not secret or find_form(form).verify is None):
        raise HookError(f"A secret is of no use to the form {form}.", "Leave it out.")
    find_form(form)
    token = secrets.token_urlsafe(SECRET_BYTES)
    row = {"source": source, "hash": hash_token(token), "form": form, "secret": secret,
           "made_us": now_us(), "revoked": False}  # fmt: skip
    with store.write() as connection:
        kept = connection.execute(sql.select(HOOKS.c.revoked).where(HOOKS.c.source == source))
        if kept.scalar() is False:
            raise HookError(f"{source} has an address.", f"First: patron hooks revoke {source}.")
        connection.execute(sql.delete(HOOKS).where(HOOKS.c.source == source))
        connection.execute(sql.insert(HOOKS), row)
    return f"/v1/hooks/{source}/{token}"


def revoke_hook(store: Store, source: str) -> None:
    """Make the source's address one that does not exist."""
    there = (HOOKS.c.source == source) & HOOKS.c.revoked.is_(False)
    with store.write() as connection:
        ended = connection.execute(sql.update(HOOKS).where(there).values(revoked=True, secret=None))
    if not ended.rowcount:
        raise HookError(f"{source} has no address.", "See patron hooks list.")


def find_hook(connection: Connection, source: str, token: str) -> Hook | None:
    """Return the hook if this is its token; no source and a wrong token take the same time."""
    named = source if _SOURCE.fullmatch(source) else ""  # a path may hold what no column can
    there = (HOOKS.c.source == named) & HOOKS.c.revoked.is_(False)
    found = connection.execute(sql.select(HOOKS).where(there)).first()
    right = hmac.compare_digest(hash_token(token), found.hash if found else NO_HASH)
    return Hook(found.source, found.form, found.secret) if found and right else None


def list_hooks(connection: Connection) -> list[Tally]:
    """Return every source with what came from it, as far as the inbox still knows."""
    unread = sql.case((INBOX.c.read_us.is_(None) & INBOX.c.row.is_not(None), 1), else_=0)
    sums = [
        sql.func.count(INBOX.c.row),
        sql.func.coalesce(sql.func.sum(unread), 0),
        sql.func.coalesce(sql.func.sum(INBOX.c.rows), 0),
        sql.func.count(INBOX.c.fault),
    ]
    columns = [HOOKS.c.source, HOOKS.c.form, HOOKS.c.secret.is_not(None), HOOKS.c.revoked]
    joined = sql.outerjoin(HOOKS, INBOX, HOOKS.c.source == INBOX.c.source)
    asked = sql.select(*columns, *sums).select_from(joined).group_by(*columns)
    return [Tally(*row) for row in connection.execute(asked.order_by(HOOKS.c.source))]


def hash_token(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
