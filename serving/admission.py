"""Who is let in: a key that counts, for what it may do, as often as it may."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from serving.credentials import read_key
from serving.loopback import is_from_here
from serving.problems import RefusalError
from serving.scopes import OPEN, find_scope
from serving.store.keys import Key, hash_key
from serving.store.opened import now_us

NO_KEY_YET = "No key was made yet, so only callers on this machine are answered: patron keys create"
SHOW_ONE = "Show a key that counts: X-API-Key, Authorization: Bearer, or Basic."
UNREAD = "The store that holds the keys cannot be read."
NO_OWNER = ""  # of what is left behind without a key; a key's name has a letter
NOBODY = hash_key(b"")  # compared with where there is no such key, so that it takes as long


class Door:
    """What lets requests in; it holds the keys, as last read, in memory.

    While there is no key, or it does not know yet because the store was away since the service
    began, it lets in whoever calls from this machine.
    """

    def __init__(self, keys: Iterable[Key] | None = ()) -> None:
        self.keys: dict[str, Key] | None = None
        self.buckets: dict[str, Bucket] = {}
        if keys is not None:
            self.renew(keys)

    def renew(self, keys: Iterable[Key]) -> None:
        """Take the keys, as they were just read, in place of those held so far."""
        known = {key.key_id: key for key in keys}
        self.buckets = {
            key_id: kept if (kept := self.buckets.get(key_id)) else Bucket(key.per_second)
            for key_id, key in known.items()
            if key.per_second
        }
        self.keys = known

    def require_known(self, scope: Any) -> None:
        """Refuse callers on other machines while it is not known which keys there are."""
        if self.keys is None and not is_from_here(scope):
            raise RefusalError("not_ready", "Keys are not known; see reasons.", reasons=[UNREAD])

    def admit(self, scope: Any) -> None:
        """Let a request in and note whose it is, or refuse it: 401, 403, 429, 404.

        What a caller leaves here is theirs under each key of their name, so that keys can change.
        """
        wanted = find_scope(scope["path"])
        scope["owner"] = NO_OWNER
        if wanted == OPEN:
            return
        self.require_known(scope)
        if self.keys:
            key = self._find(scope["headers"])
            self._spend(key)
            scope["owner"] = key.name
            if wanted is not None and not key.may(wanted):
                raise RefusalError("forbidden", f"This needs a key with the scope {wanted}.")
        elif not is_from_here(scope):
            raise RefusalError("unauthorized", NO_KEY_YET)
        if wanted is None:
            routes = ", ".join(sorted(scope["app"].state.paths))
            raise RefusalError("not_found", f"The routes are {routes}.")

    def _find(self, headers: Iterable[tuple[bytes, bytes]]) -> Key:
        """Return the key shown, or refuse; why it does not count is not told."""
        shown = read_key(headers)
        key = (self.keys or {}).get(shown.key_id) if shown else None
        whole = shown.whole if shown else b""
        same = hmac.compare_digest(key.hash if key else NOBODY, hash_key(whole))
        if key is None or not same or not key.is_live(now_us()):
            raise RefusalError("unauthorized", SHOW_ONE)
        return key

    def _spend(self, key: Key) -> None:
        """Count one call of a key that may not call as often as it likes."""
        bucket = self.buckets.get(key.key_id)
        if bucket and not bucket.take(monotonic()):
            told = {
                "RateLimit-Policy": f'"default";q={bucket.per_second};w=1',
                "RateLimit": '"default";r=0;t=1',
            }
            often = f"This key may call {bucket.per_second:,} times a second."
            raise RefusalError("rate_limited", often, told)


@dataclass
class Bucket:
    """Calls that a key has left: as many as a second brings, at most."""

    per_second: int

    def __post_init__(self) -> None:
        self.left = float(self.per_second)
        self.at = monotonic()

    def take(self, now: float) -> bool:
        """Take one call, and return whether one was left."""
        self.left = min(self.per_second, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
