"""The work folder of a batch: what is done stays done, whatever stops the rest."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contract.errors import BusyError, PatronError
from serving.batch.disk import sync_folder, tell_full, write_whole
from serving.batch.manifest import Part, Plan


class WorkError(PatronError):
    """Work on a batch cannot go on as it is."""

    code = "work"


@dataclass(frozen=True)
class Work:
    """A folder with the plan, the tables in parts, and the rows of the parts that are done."""

    folder: Path

    @property
    def plan(self) -> Plan:
        """What the batch follows from."""
        return Plan.model_validate_json(self._plan.read_text())

    @property
    def began_us(self) -> int:
        """The moment the batch was begun, before anything was read, in microseconds."""
        return self._plan.stat().st_mtime_ns // 1_000

    @property
    def _plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def tables(self) -> Path:
        """The folder of the tables in parts; it is there only when they all are."""
        return self.folder / "tables"

    @property
    def rows(self) -> Path:
        """The folder of the rows of parts that are done."""
        return self.folder / "rows"

    def place(self, number: int) -> Path:
        """Return where the rows of a part are, where files hold them."""
        return self.rows / f"part-{number:05d}.parquet"

    def rejects(self, number: int) -> Path:
        """Return where the customers of a part are who have no answer."""
        return self.folder / f"rejected-{number:05d}.parquet"

    def find_done(self, number: int) -> Part | None:
        """Return what a part that is done says of itself."""
        mark = self.folder / f"done-{number:05d}.json"
        return Part.model_validate_json(mark.read_text()) if mark.exists() else None

    def read_done(self, number: int) -> Part:
        """Return what a part says of itself that must be done."""
        part = self.find_done(number)
        if part is None:
            raise WorkError(f"Part {number} is not done.", "Run the same command again.")
        return part

    def mark_done(self, number: int, part: Part) -> None:
        """Say that a part is done, once its rows are where they belong."""
        write_whole(self.folder / f"done-{number:05d}.json", part.model_dump_json().encode())

    def begin(self, plan: Plan) -> None:
        """Have the folder for this plan: with what is done of it, or new."""
        if _read_plan(self._plan) != plan:
            self.drop()
            self.rows.mkdir(parents=True)
            write_whole(self._plan, plan.model_dump_json().encode())
        self.rows.mkdir(exist_ok=True)

    def drop(self) -> None:
        """Remove the folder: the plan first, as what is left of the rest is of no use."""
        if self._plan.exists():
            self._plan.unlink()
            sync_folder(self.folder)
        if self.folder.exists():
            shutil.rmtree(self.folder)


@contextmanager
def open_work(folder: Path, plan: Plan) -> Iterator[Work]:
    """Yield the work folder, with what is done of the same plan; other work is thrown away.

    While one process holds the folder no other gets it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    with tell_full(folder.parent), lock.open("w") as held:
        _hold(held.fileno(), folder)
        work = Work(folder)
        work.begin(plan)
        yield work
        lock.unlink(missing_ok=True)


def _hold(lock: int, folder: Path) -> None:
    """Hold the lock as long as it is open; refuse where another does, or just did."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.fstat(lock).st_nlink > 0
    except BlockingIOError:
        held = False
    if not held:
        raise BusyError(f"Another patron score is at work on {folder.stem}.", "Wait until it ends.")


def _read_plan(place: Path) -> Plan | None:
    try:
        return Plan.model_validate_json(place.read_text())
    except (OSError, ValidationError):
        return None
