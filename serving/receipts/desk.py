"""Receipts on their way into the store: written by a thread of their own, a batch at a time."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence

from serving.problems import RefusalError
from serving.receipts.issue import Issued
from serving.receipts.kept import Filed, Row, write_receipts
from serving.store.opened import Store, StoreError

LOG = logging.getLogger("bentoml.patron")

GATHERED_S = 0.1  # that receipts wait for others to be written with
BATCH = 500  # receipts that wait for no others
MOST = 20_000  # receipts that wait; when so many do, so do requests
PATIENCE_S = 5.0  # that a request waits, and that closing takes
PAUSE_S = 0.5  # before a store that did not take a batch is asked again


class Desk:
    """Takes receipts with their answers, and sees to it that they get into the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._changed = threading.Condition()
        self._waiting: list[Filed] = []
        self._count = self._filed = self._done = 0
        self._hurried = self._closed = False
        self._writer = threading.Thread(target=self._write_on, name="receipts", daemon=True)
        self._writer.start()

    async def admit(self) -> None:
        """Wait until there is room for the receipts of another request; refuse if none comes."""
        end = time.monotonic() + PATIENCE_S
        while self._count >= MOST:
            if time.monotonic() > end:
                detail = "The store does not take the receipts of earlier answers."
                raise RefusalError("busy", detail)
            await asyncio.sleep(PAUSE_S / 10)

    def file(self, issued: Issued, rows: Sequence[Row]) -> None:
        """Take the receipts and the flat rows answered, to be on disk within a second."""
        if len(issued):
            with self._changed:
                self._waiting.append((issued, rows))
                self._count += len(issued)
                self._filed += 1
                self._changed.notify_all()

    def flush(self, seconds: float = PATIENCE_S) -> bool:
        """Wait until all that was filed before is in the store; return whether it is."""
        with self._changed:
            goal = self._filed
            self._hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done >= goal, seconds)

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join(PATIENCE_S)
        if self._count:
            LOG.error("%s receipts were not kept: the store did not answer.", self._count)

    def _write_on(self) -> None:
        while (batch := self._gather()) is not None:
            self._insist(batch)
            with self._changed:
                self._count -= sum(len(issued) for issued, _ in batch)
                self._done += len(batch)
                self._changed.notify_all()

    def _gather(self) -> list[Filed] | None:
        """Return what came within a tenth of a second, or None when nothing comes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: self._count >= BATCH or self._hurried or self._closed, GATHERED_S
            )
            batch, self._waiting, self._hurried = self._waiting, [], False
            return batch or None

    def _insist(self, batch: list[Filed]) -> None:
        """Write the batch, again and again while the store is away."""
        while True:
            try:
                write_receipts(self.store, batch)
                return
            except StoreError as error:
                LOG.warning("Receipts wait: the store does not take them (%s).", _name(error))
                time.sleep(PAUSE_S)
            except Exception as error:  # no other attempt would go better
                count = sum(len(issued) for issued, _ in batch)
                LOG.error("%s receipts could not be kept: %s.", count, _name(error))
                return


def _name(error: Exception) -> str:
    return type(error).__name__  # not its message, which may hold rows
