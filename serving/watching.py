"""Keep the keys in memory as the store has them, so that no request waits for the store."""

import logging
from threading import Event, Thread

from serving.admission import Door
from serving.store.keys import read_keys
from serving.store.opened import Store

LOG = logging.getLogger("bentoml.patron")

RENEWED_S = 3.0  # a revoked key counts that much longer, and as long as the store takes to answer


def watch_keys(door: Door, store: Store) -> Event:
    """Read the keys now and every few seconds from now on, until the event returned is set.

    While the store is away the keys last read stay, each up to its own end.
    """
    over = Event()
    watch = _Watch(door, store)
    watch.look()
    Thread(target=watch.run, args=(over,), name="patron-keys", daemon=True).start()
    return over


class _Watch:
    """One who reads the keys; it tells of trouble once, not at every look."""

    def __init__(self, door: Door, store: Store) -> None:
        self.door = door
        self.store = store
        self.well = True

    def run(self, over: Event) -> None:
        while not over.wait(RENEWED_S):
            self.look()

    def look(self) -> None:
        try:
            self.door.renew(read_keys(self.store))
            self.well = True
        except Exception as error:  # the thread that ended would keep revoked keys alive
            if self.well:
                # Its message may hold the address of the store, and that a password.
                LOG.error("The keys cannot be read: %s", type(error).__name__)
            self.well = False
