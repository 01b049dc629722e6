"""The key that a request shows: in X-API-Key, or as Bearer or Basic in Authorization."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import NamedTuple

_ID, _SECRET = rb"[0-9a-f]{12}", rb"[A-Za-z0-9_-]{43}"
_KEY = re.compile(rb"patron_(" + _ID + rb")_" + _SECRET)
_APART = re.compile(rb"(" + _ID + rb"):(" + _SECRET + rb")")


class Shown(NamedTuple):
    """A key of the right form: the id in it, and all of it."""

    key_id: str
    whole: bytes


def read_key(headers: Iterable[tuple[bytes, bytes]]) -> Shown | None:
    """Return the key that the headers show, or None.

    X-API-Key goes before Authorization, which may be meant for a proxy. A header told twice
    shows no key: another part of the way may have read the other one.
    """
    own, common = [], []
    for name, told in headers:
        if name == b"x-api-key":
            own.append(told)
        elif name == b"authorization":
            common.append(told)
    if own:
        return _take(own[0]) if len(own) == 1 else None
    return _read_authorization(common[0]) if len(common) == 1 else None


def _read_authorization(told: bytes) -> Shown | None:
    scheme, _, rest = told.partition(b" ")
    kind = scheme.lower()
    if kind == b"bearer":
        return _take(rest.strip())
    return _read_basic(rest.strip()) if kind == b"basic" else None


def _read_basic(told: bytes) -> Shown | None:
    """Return the key of `id:secret`, or of `anything:key`."""
    try:
        pair = b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        return None
    apart = _APART.fullmatch(pair)
    return _take(b"patron_%b_%b" % apart.groups() if apart else pair.partition(b":")[2])


def _take(told: bytes) -> Shown | None:
    form = _KEY.fullmatch(told)
    return Shown(form[1].decode(), told) if form else None
