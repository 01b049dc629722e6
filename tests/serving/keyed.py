"""Keys of every kind in a home's store: those that count, and those that do no more."""

from pathlib import Path

import sqlalchemy as sql

from serving.store.keys import SCOPES, Wish, create_key, revoke_key
from serving.store.opened import open_store
from serving.store.schema import KEYS

UNKNOWN = f"patron_{'0' * 12}_{'A' * 43}"


def name_store(home: Path) -> str:
    return f"sqlite:///{home / 'patron.db'}"


def make_keys(home: Path) -> dict[str, str]:
    """Return a key for each scope, and one that expired, was revoked, or never was."""
    store = open_store(name_store(home))
    made = {scope: create_key(store, Wish(scope, (scope,))) for scope in SCOPES}
    made["expired"] = create_key(store, Wish("expired", ("admin",), days=1))
    made["revoked"] = create_key(store, Wish("revoked", ("admin",)))
    made["slow"] = create_key(store, Wish("slow", ("models",), per_second=5))
    revoke_key(store, made["revoked"][0].key_id)
    ended = KEYS.c.key_id == made["expired"][0].key_id
    with store.write() as connection:
        connection.execute(sql.update(KEYS).where(ended).values(expires_us=1))
    store.close()
    return {name: shown for name, (_, shown) in made.items()} | {"unknown": UNKNOWN}
