"""Read the inbox: letters become rows of customers, each once, whatever stops in between."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from threading import Event, Thread
from typing import Any, NamedTuple

import sqlalchemy as sql
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from serving.hooks.forms import FORMS
from serving.hooks.plain import Row
from serving.store import inbox
from serving.store.inbox import Letter, Outcome
from serving.store.opened import Store
from serving.store.privacy import find_erased
from serving.store.rows import add_interactions, add_transactions

LOG = logging.getLogger("bentoml.patron")

POLL_S = 1.0  # another process may have kept a letter
GATHER_S = 0.02  # letters that come together are read together
PRUNED_EVERY = 3600  # rounds, of a second or less
ROWS_AT_ONCE = 1_000
LONGEST_KEY = 70  # with its source it is a name of our forms

# What a body of another shape than its form brings about while it is read.
WRONG = (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError)
# What a database says to a row that it cannot hold.
REFUSED = (sql.exc.DataError, sql.exc.IntegrityError, OverflowError)


class Read(NamedTuple):
    """A letter as it was understood: its rows, as the store has them, and counts of faults."""

    letter: Letter
    transactions: list[dict[str, Any]]
    interactions: list[dict[str, Any]]
    faults: Counter[str]


def read_inbox(store: Store) -> int:
    """Return how many letters were read; none is left."""
    total = 0
    while True:
        with store.read() as connection:
            letters = inbox.list_unread(connection)
        if not letters:
            return total
        _settle_all(store, [understand(letter) for letter in letters])
        total += len(letters)


def read_within(connection: Connection) -> None:
    """Read every letter within a transaction that has the inbox's turn."""
    while letters := inbox.list_unread(connection):
        settle(connection, [understand(letter) for letter in letters])


def understand(letter: Letter) -> Read:
    """Return the rows that a letter tells; what is wrong is counted, what is right is taken."""
    read = Read(letter, [], [], Counter())
    form = FORMS.get(letter.form or "")
    try:
        rows = form.read(json.loads(letter.body), letter.came) if form else ()
        for place, row in enumerate(rows):
            _take(read, row, place)
    except WRONG:
        read.faults["wrong_form"] += 1
    if form is None:
        read.faults["no_form"] += 1
    return read


def _take(read: Read, row: Row, place: int) -> None:
    if not row.told.get("customer_id"):
        read.faults["no_customer"] += 1
        return
    told_id = _name(read.letter, row, place)
    form, name = _list_forms()[row.table]
    try:
        kept = form.model_validate({**row.told, name: told_id}).as_row()
    except ValidationError:
        read.faults["wrong_form"] += 1
        return
    (read.transactions if row.table == "transactions" else read.interactions).append(kept)


def _name(letter: Letter, row: Row, place: int) -> str:
    """Return what a row is known by: two sources may use the same key for different rows."""
    key = row.key or f"{letter.digest}:{place}"
    if len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    return f"{letter.source}:{key}"


@cache
def _list_forms() -> Mapping[str, tuple[Any, str]]:
    """Return the form of each table's rows and the name of their id."""
    # Not above: the routes import what imports this.
    from serving.routes.told import ToldInteraction, ToldTransaction

    return {
        "transactions": (ToldTransaction, "transaction_id"),
        "interactions": (ToldInteraction, "interaction_id"),
    }


def settle(connection: Connection, reads: Sequence[Read]) -> None:
    """Write the rows of letters, but those of customers who were erased, and mark them read."""
    ids = {row["customer_id"] for r in reads for row in (*r.transactions, *r.interactions)}
    erased = find_erased(connection, ids)
    kept = [_leave_out(read, erased) for read in reads]
    for rows in _part([row for read in kept for row in read.transactions]):
        add_transactions(connection, rows)
    for rows in _part([row for read in kept for row in read.interactions]):
        add_interactions(connection, rows)
    inbox.mark_read(connection, [_tell(read) for read in kept])


def _part(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Return the rows in parts, as a database takes so many names in one question."""
    return (rows[first : first + ROWS_AT_ONCE] for first in range(0, len(rows), ROWS_AT_ONCE))


def _leave_out(read: Read, erased: set[str]) -> Read:
    lists = read.transactions, read.interactions
    kept = [[row for row in rows if row["customer_id"] not in erased] for rows in lists]
    lost = sum(map(len, lists)) - sum(map(len, kept))
    faults = read.faults + Counter(erased=lost)
    return Read(read.letter, kept[0], kept[1], faults)


def _tell(read: Read) -> Outcome:
    told = ",".join(f"{code}:{n}" for code, n in sorted(read.faults.items()))
    return Outcome(read.letter.row, len(read.transactions) + len(read.interactions), told or None)


def _settle_all(store: Store, reads: Sequence[Read]) -> None:
    """Write what letters tell; one that the database refuses is marked, and holds up no other."""
    try:
        with store.write() as connection:
            inbox.take_turn(connection)
            waiting = inbox.find_waiting(connection, [read.letter for read in reads])
            settle(connection, [read for read in reads if read.letter.row in waiting])
    except REFUSED:
        if len(reads) > 1:
            for read in reads:
                _settle_all(store, [read])
            return
        faults = Counter(refused=1)
        with store.write() as connection:
            inbox.mark_read(connection, [_tell(Read(reads[0].letter, [], [], faults))])


class Reader:
    """Reads the inbox in a thread of its own: when woken, and every second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._woken, self._stopped = Event(), Event()
        self._thread = Thread(target=self._run, name="patron-inbox", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell that a letter came."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread once what it reads is written."""
        self._stopped.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        rounds, well = 0, True
        while not self._stopped.is_set():
            if self._woken.wait(POLL_S):
                self._stopped.wait(GATHER_S)
            self._woken.clear()
            try:
                read_inbox(self._store)
                if rounds % PRUNED_EVERY == 0:
                    inbox.prune(self._store)
                rounds, well = rounds + 1, True
            except Exception as error:
                # Whatever it is, the next second may be better. Its message may hold rows.
                if well:
                    LOG.error("The inbox cannot be read now: %s", type(error).__name__)
                well = False
                self._stopped.wait(POLL_S)
