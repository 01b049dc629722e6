"""The service as it is, but failing on demand: with all it was told in the error, or too slowly.

Served by BentoML, never imported by a test: it changes what it imports.
"""

import time
from typing import Any

from serving.app import Patron
from serving.routes import front, scores

__all__ = ["Patron"]

_read, _answer = scores.read_form, scores.answer
front.SECONDS = 1


def _read_or_fail(form: Any, body: bytes) -> Any:
    if b"fail-now" in body:
        raise LookupError(body.decode())
    return _read(form, body)


def _answer_late(body: bytes, *more: Any, **told: Any) -> Any:
    if b"dawdle-now" in body:
        time.sleep(1.3)
    return _answer(body, *more, **told)


scores.read_form = _read_or_fail
scores.answer = _answer_late
