"""The service as it is, but failing on demand: with all it was told in the error, or too slowly.

Served by BentoML, never imported by a test: it changes what it imports.
"""

import time
from typing import Any

from serving.app import Patron
from serving.routes import front, scores

__all__ = ["Patron"]

_read, _respond = scores.read_form, scores._respond
front.SECONDS = 1


def _read_or_fail(form: Any, body: bytes) -> Any:
    if b"fail-now" in body:
        raise LookupError(body.decode())
    return _read(form, body)


def _respond_late(question: Any, *more: Any) -> Any:
    if any("dawdle-now" in (one.record_id, one.customer_id) for one in question.records):
        time.sleep(1.3)
    return _respond(question, *more)


scores.read_form = _read_or_fail
scores._respond = _respond_late
