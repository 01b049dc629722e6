"""Callers over HTTP/1.1 keep-alive, in a process of their own: how long each answer takes.

Raw sockets of uvloop, one request at a time each, so that the caller costs little of the box.
Read by benchmarks/serving.py, which starts it: a JSON plan on stdin, JSON figures on stdout.
"""

import asyncio
import base64
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import uvloop

END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Caller(asyncio.Protocol):
    """One connection, which asks anew as soon as it is answered, until the time is up."""

    def __init__(self, requests: Iterator[bytes], until: float, most: int) -> None:
        self.requests = islice(requests, most)
        self.until = until
        self.took: list[float] = []
        self.wrong = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._ask()

    def _ask(self) -> None:
        self.head, self.held, self.missing = b"", bytearray(), -1
        request = next(self.requests, None) if time.perf_counter() < self.until else None
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note how long a whole answer took, and ask again."""
        self.held += data
        if self.missing < 0:
            head, end, _ = self.held.partition(END)
            if not end:
                return
            lower = bytes(head).lower()
            _, found, rest = lower.partition(LENGTH)
            self.missing = len(head) + len(END) + (int(rest.split(b"\r\n")[0]) if found else 0)
            self.wrong += not lower.startswith(b"http/1.1 200")
        if len(self.held) >= self.missing:
            self.took.append(time.perf_counter() - self.began)
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Say that all is over."""
        self.wrong += error is not None
        if not self.done.done():
            self.done.set_result(None)


async def call(plan: dict[str, Any]) -> dict[str, float]:
    """Return how many answers came in how many seconds, and the quantiles of theirs."""
    requests = cycle(base64.b64decode(r) for r in plan["requests"])
    loop, began = asyncio.get_running_loop(), time.perf_counter()

    def make() -> Caller:
        return Caller(requests, began + plan["seconds"], plan["most"])

    places = [("127.0.0.1", plan["port"])] * plan["connections"]
    callers = [(await loop.create_connection(make, *place))[1] for place in places]
    await asyncio.wait_for(asyncio.gather(*(c.done for c in callers)), 120)
    took = sorted(t for c in callers for t in c.took)
    return {
        "answers": len(took),
        "wall": time.perf_counter() - began,
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "wrong": sum(c.wrong for c in callers),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(call(json.load(sys.stdin)))))
