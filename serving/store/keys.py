"""The keys that callers show: made, listed, revoked. Of a secret the store holds only a hash."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sql

from contract.errors import PatronError
from serving.store.opened import Store, now_us
from serving.store.schema import KEYS

LIVE = 2  # of one name: the one in use, and the one that takes its place
SECRET_BYTES = 32
ID_BYTES = 6
DAY_US = 86_400_000_000
LONGEST_DAYS = 36_500
MOST_PER_SECOND = 1_000_000

# What a key may be let do; `admin` is all of it.
SCOPES = ("scores", "rows", "models", "jobs", "privacy", "admin")

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class KeysError(PatronError):
    """A key cannot be made or revoked as asked."""

    code = "keys"


@dataclass(frozen=True)
class Wish:
    """What is asked of a new key: whose it is, what it may, how long and how often."""

    name: str
    scopes: tuple[str, ...]
    days: int | None = None
    per_second: int | None = None


@dataclass(frozen=True)
class Key:
    """What is known of a key; not its secret."""

    key_id: str
    name: str
    hash: str
    scopes: frozenset[str]
    made_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    per_second: int | None = None

    def is_live(self, at_us: int) -> bool:
        """Whether the key counts at a moment."""
        return self.revoked_us is None and (self.expires_us is None or at_us < self.expires_us)

    def may(self, scope: str) -> bool:
        """Whether the key is let do what the scope names."""
        return scope in self.scopes or "admin" in self.scopes

    def tell_state(self, at_us: int) -> str:
        """Return `live`, `expired` or `revoked`."""
        if self.revoked_us is not None:
            return "revoked"
        return "live" if self.is_live(at_us) else "expired"


def create_key(store: Store, wish: Wish) -> tuple[Key, str]:
    """Return a new key and what its caller has to show, which nobody can tell again."""
    _check(wish)
    made = now_us()
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    shown = f"patron_{key_id}_{secret}"
    key = Key(
        key_id,
        wish.name,
        hash_key(shown.encode()),
        frozenset(wish.scopes),
        made,
        made + wish.days * DAY_US if wish.days else None,
        per_second=wish.per_second,
    )
    with store.write() as connection:
        if not store.embedded:
            # Two who make a key at once would each see the other's not yet.
            connection.execute(sql.text(f"LOCK TABLE {KEYS.name} IN SHARE ROW EXCLUSIVE MODE"))
        known = _read(connection.execute(sql.select(KEYS).where(KEYS.c.name == wish.name)))
        _refuse_third([other for other in known if other.is_live(made)])
        row = {**key.__dict__, "scopes": ",".join(sorted(key.scopes))}
        connection.execute(sql.insert(KEYS).values(row))
    return key, shown


def read_keys(store: Store) -> list[Key]:
    """Return every key ever made, the oldest first."""
    with store.read() as connection:
        return _read(connection.execute(sql.select(KEYS).order_by(KEYS.c.made_us, KEYS.c.key_id)))


def revoke_key(store: Store, key_id: str) -> Key:
    """Make the key count no more, for good, and return it as it was."""
    with store.write() as connection:
        found = _read(connection.execute(sql.select(KEYS).where(KEYS.c.key_id == key_id)))
        if not found:
            raise KeysError("There is no key of this id.", "See patron keys list.")
        at = KEYS.c.key_id == key_id
        unrevoked = KEYS.c.revoked_us.is_(None)
        connection.execute(sql.update(KEYS).where(at, unrevoked).values(revoked_us=now_us()))
    return found[0]


def tell_keys(keys: Iterable[Key]) -> str:
    """Return a table of keys: what they are for and how long, never what has to be shown."""
    at = now_us()
    rows = [("id", "name", "scopes", "a second", "made", "expires", "state")]
    for key in keys:
        often = f"{key.per_second:,}" if key.per_second else "no limit"
        ends = _tell_day(key.expires_us) if key.expires_us else "never"
        scopes = ",".join(sorted(key.scopes))
        made, state = _tell_day(key.made_us), key.tell_state(at)
        rows.append((key.key_id, key.name, scopes, often, made, ends, state))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def hash_key(shown: bytes) -> str:
    """Return the hash by which a key is known.

    One round of SHA-256 is enough: a slow hash makes words that people choose costly to guess, and
    nobody guesses 256 random bits.
    """
    return hashlib.sha256(shown).hexdigest()


def _read(rows: Iterable[sql.Row]) -> list[Key]:
    told = (row._asdict() for row in rows)
    return [Key(**{**row, "scopes": frozenset(row["scopes"].split(","))}) for row in told]


def _tell_day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M}Z"


def _check(wish: Wish) -> None:
    """Refuse a wish that makes no sense."""
    if not _NAME.fullmatch(wish.name):
        raise KeysError(
            "A key's name has another form.", "Take 1 to 64 letters, digits, points, - or _."
        )
    unknown = [scope for scope in wish.scopes if scope not in SCOPES]
    if unknown or not wish.scopes:
        found = f"There is no scope {', '.join(unknown)}." if unknown else "No scope was named."
        raise KeysError(found, f"Take some of {', '.join(SCOPES)}.")
    if wish.days is not None and not 1 <= wish.days <= LONGEST_DAYS:
        raise KeysError("A key's days are out of range.", f"Take 1 to {LONGEST_DAYS:,}.")
    if wish.per_second is not None and not 1 <= wish.per_second <= MOST_PER_SECOND:
        raise KeysError("A key's calls are out of range.", f"Take 1 to {MOST_PER_SECOND:,}.")


def _refuse_third(live: list[Key]) -> None:
    if len(live) >= LIVE:
        ids = " and ".join(key.key_id for key in live)
        raise KeysError(
            f"This name has {LIVE} live keys, {ids}: one in use and one to take its place.",
            "Revoke the one no longer in use: patron keys revoke ID.",
        )
