"""How deep JSON is nested, told before it is read."""

import re

DEEPEST = 32

_REST = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_STEPS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b"": 0}
_DEEP = b"[" * (DEEPEST + 1)
# The next bracket beyond all texts, or the end; a text may lack its own. Nothing is tried twice.
_NEXT = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"?)*+([\[\]{}]|\Z)', re.DOTALL)


def is_too_deep(body: bytes) -> bool:
    """Return whether lists and objects lie more than 32 deep; what is not JSON may be either.

    Brackets in texts make a plain count say more, and then each step is walked; or less, and then
    the reader's own limit of some 1,000 levels holds.
    """
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    marks = body.translate(_ALIKE, _REST)
    for _ in range(DEEPEST):  # each turn takes away what holds nothing
        if _DEEP in marks:
            break
        marks = marks.replace(b"[]", b"")
        if not marks:
            return False
    return _walk(body)


def _walk(body: bytes) -> bool:
    depth = 0
    for step in _NEXT.finditer(body):
        depth += _STEPS[step[1]]
        if depth > DEEPEST:
            return True
    return False
