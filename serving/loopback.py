"""Whether a caller sits on this machine: only such a one is answered while there is no key."""

import socket
from contextlib import closing
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from serving.store.keys import KeysError, read_keys
from serving.store.opened import now_us, open_store

# Who sends on what another asked says so in one of these.
FORWARDED = frozenset((b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"))


def is_loopback(host: str) -> bool:
    """Whether what listens on the host, an address or a name, hears this machine alone."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(is_loopback_address(str(told[4][0])) for told in found)


def refuse_keyless(host: str, store_url: str) -> None:
    """Refuse to be heard beyond this machine before there is a key to ask for."""
    if is_loopback(host):
        return
    with closing(open_store(store_url)) as store:
        at = now_us()
        live = any(key.is_live(at) for key in read_keys(store))
    if not live:
        raise KeysError(
            f"Other machines can reach {host}, and the store holds no live key to ask them for.",
            "Make one, patron keys create NAME --scopes scores, or listen on 127.0.0.1.",
        )


@lru_cache(64)
def is_loopback_address(told: str) -> bool:
    """Whether an IP address is the loopback's."""
    try:
        address = ip_address(told)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_from_here(scope: Any) -> bool:
    """Whether a request came in on a loopback address, was meant for it, and by no proxy.

    A page in a browser here can have its own name on the Internet lead to 127.0.0.1, and `Host`
    tells that name; one without a dot is none on the Internet.
    """
    server = scope.get("server")
    if not server or not is_loopback_address(str(server[0])):
        return False
    headers = scope["headers"]
    hosts = [told for name, told in headers if name == b"host"]
    if not all(_is_of_here(host) for host in hosts):
        return False
    return not any(name in FORWARDED for name, _ in headers)


@lru_cache(64)
def _is_of_here(host: bytes) -> bool:
    told = host.decode("latin-1")
    name = told[1:].partition("]")[0] if told.startswith("[") else told.partition(":")[0]
    return is_loopback_address(name) or not {".", ":"} & set(name)
