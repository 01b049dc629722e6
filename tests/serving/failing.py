"""The service as it is, but failing on demand: with all it was told in the error, or too slowly.

Served by BentoML, never imported by a test: it changes what it imports.
"""

import time
from typing import Any

from serving.app import Patron
from serving.routes import front, scores

__all__ = ["Patron"]

_answer = scores.answer
front.SECONDS = 1


def _answer_or_fail(body: bytes, *more: Any) -> Any:
    if b"fail-now" in body:
        raise LookupError(body.decode())
    if b"dawdle-now" in body:
        time.sleep(1.3)
    return _answer(body, *more)


scores.answer = _answer_or_fail
