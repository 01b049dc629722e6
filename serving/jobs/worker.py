"""A worker: takes jobs one after the other until it is told to stop."""

import fcntl
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from contract.errors import PatronError
from serving.jobs.claims import LEASE_S, LostError, claim, hold, is_waiting, release
from serving.jobs.delivering import TIMEOUT_S, deliver_on
from serving.jobs.job import Job
from serving.jobs.queue import forget_jobs
from serving.jobs.work import Say, work
from serving.scorer import Scorer
from serving.store.opened import Store, StoreError

POLL_S = 0.5
PAUSE_S = 2.0  # after something failed, before it is tried again
TIDIED_S = 3600.0

Load = Callable[[], Scorer]


class WorkerError(PatronError):
    """A worker cannot work here."""

    code = "worker"


def run(store: Store, load: Load, stop: Event, say: Say) -> None:
    """Work on jobs, and forget those of long ago, until told to stop."""
    name, tidied = secrets.token_hex(8), -TIDIED_S
    with _alone(store), _delivering(store, stop, say):
        while not stop.is_set():
            try:
                if time.monotonic() - tidied > TIDIED_S:
                    forget_jobs(store)
                    tidied = time.monotonic()
                if not take_one(store, name, (load, stop), say):
                    stop.wait(POLL_S)
            except PatronError as error:  # the store is away, or no model can be had
                say(str(error))
                stop.wait(PAUSE_S)


def take_one(store: Store, name: str, how: tuple[Load, Event], say: Say) -> bool:
    """Work on a job, if there is one, and return whether there was."""
    load, stop = how
    if not is_waiting(store, name):
        return False
    scorer = load()
    job = claim(store, name)
    if job is None:
        return False
    say(f"job {job.job_id} is being worked on")
    try:
        with _holding(store, job):
            work(store, scorer, job, stop, say)
    except LostError:
        say(f"job {job.job_id} was cancelled, or is another worker's")
    except PatronError:
        raise
    except Exception as error:  # neither message nor traceback: both may hold rows
        say(f"job {job.job_id} stopped: {type(error).__name__}; it is tried again")
        with suppress(LostError):
            release(store, job)
        stop.wait(PAUSE_S)
    return True


@contextmanager
def _holding(store: Store, job: Job) -> Iterator[None]:
    """Renew the lease while the block runs; on SQLite there is none else who could take the job."""
    over = Event()

    def renew() -> None:
        while not over.wait(LEASE_S / 3):
            with suppress(StoreError):  # the next time it may answer
                try:
                    with store.write() as connection:
                        hold(connection, job)
                except LostError:
                    return

    thread = Thread(target=renew, name="patron-lease", daemon=True)
    if not store.embedded:
        thread.start()
    try:
        yield
    finally:
        over.set()


@contextmanager
def _delivering(store: Store, stop: Event, say: Say) -> Iterator[None]:
    """Tell webhooks while the block runs, beside the jobs, which may take hours."""
    thread = Thread(target=deliver_on, args=(store, stop, say), name="patron-webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * TIMEOUT_S)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Hold a lock beside a SQLite file while the block runs: it has one worker at a time."""
    file = store.engine.url.database
    if not store.embedded or not file:
        yield
        return
    with Path(f"{file}.worker").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkerError(
                "Another worker works on this store.",
                "SQLite has one at a time; for several, set PATRON_STORE to PostgreSQL.",
            ) from None
        yield
