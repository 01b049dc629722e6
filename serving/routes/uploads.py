"""Bodies too large to hold: they come in piece by piece, into a file."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Send

from serving.jobs.asked import Asked
from serving.jobs.uploads import FORMS, LARGEST
from serving.problems import RefusalError
from serving.requests import check_form, point

PATH = "/v1/jobs"
UPLOADS = 4  # at once: each takes a disk's time
IDLE_S = 10  # between one piece and the next
WHOLE_S = 600
DRAINED = 16 * 1024 * 1024  # read on so far: many clients listen only once they have sent all
LONGEST_KEY = 255
KEY, KEY_IN_QUERY = "idempotency-key", "idempotency_key"


class Upload(NamedTuple):
    """A body that came: the file that holds it, and a digest of all of it."""

    file: IO[bytes]
    digest: str


def is_upload(scope: Any) -> bool:
    """Return whether the request brings a body that may be large."""
    if (scope["method"], scope["path"]) != ("POST", PATH):
        return False
    return read_kind(Headers(scope=scope)) in FORMS


def read_kind(headers: Headers) -> str:
    """Return what the body is told to be, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def check_upload(scope: Any) -> None:
    """Refuse what is wrong before the body comes in."""
    headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError("unsupported_media_type", "Send the body uncompressed.")
    read_key(headers, query)
    read_asked(query)
    declared = headers.get("content-length", "")
    if headers.get("expect", "") and declared.isdigit() and int(declared) > LARGEST:
        _refuse_large()  # the caller asks before it sends


def read_key(headers: Headers, query: Mapping[str, str]) -> str:
    """Return the key under which the same request is one request, or refuse."""
    key = (headers.get(KEY) or query.get(KEY_IN_QUERY, "")).strip()
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        detail = f"Send the header Idempotency-Key, 1 to {LONGEST_KEY} characters, such as a UUID."
        raise RefusalError("idempotency_key_missing", detail)
    return key


def read_asked(query: QueryParams) -> Asked:
    """Return what the address asks of every customer of an upload."""
    said: dict[str, Any] = {n: told for n, told in query.items() if n != KEY_IN_QUERY}
    if len(query.multi_items()) > len(query):
        fault = point([], "told_twice", "Each name is expected once.")
        raise RefusalError("wrong_form", "The address tells a name twice.", errors=[fault])
    if "targets" in said:
        said["targets"] = [name.strip() for name in said["targets"].split(",")]
    if said.get("reasons", "").isdecimal():
        said["reasons"] = int(said["reasons"])
    return check_form(Asked, said, "the address")


async def hold_timer(send: Send) -> None:
    """Have BentoML's timer end: it cuts a request off unless something was sent within 30 s.

    The timer hears of any message; the server refuses one of no known type, and sends nothing.
    """
    with suppress(RuntimeError):
        await send({"type": "patron.upload"})


async def take_in(headers: Headers, receive: Receive, file: IO[bytes]) -> Upload:
    """Return the body, which is in the file then; refused when it is too large or too slow."""
    digest, size, more = hashlib.sha256(), 0, True
    declared = headers.get("content-length", "")
    large = declared.isdigit() and int(declared) > LARGEST  # of which nothing needs to be kept
    limit = DRAINED if large else LARGEST + DRAINED
    try:
        async with asyncio.timeout(WHOLE_S):
            while more and size <= limit:
                async with asyncio.timeout(IDLE_S):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                piece = message.get("body", b"")
                size, more = size + len(piece), message.get("more_body", False)
                if not large and size <= LARGEST:
                    digest.update(piece)
                    file.write(piece)
    except TimeoutError:
        detail = f"Send something every {IDLE_S} s, and all within {WHOLE_S} s."
        raise RefusalError("body_too_slow", detail) from None
    if large or size > LARGEST:
        _refuse_large()
    file.flush()
    return Upload(file, digest.hexdigest())


def _refuse_large() -> None:
    detail = f"Upload at most {LARGEST:,} bytes; split the customers over more jobs."
    raise RefusalError("body_too_large", detail)
