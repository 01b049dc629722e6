"""The work folder of a batch: what is done stays done, whatever stops the rest."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contract.errors import PatronError
from serving.batch.disk import write_whole
from serving.batch.manifest import Part, Plan


class WorkError(PatronError):
    """Work on a batch cannot go on as it is."""

    code = "work"


@dataclass(frozen=True)
class Work:
    """A folder with the plan, the tables in parts, and the rows of the parts that are done."""

    folder: Path

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

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)


@contextmanager
def open_work(folder: Path, plan: Plan) -> Iterator[Work]:
    """Yield the work folder, with what is done of the same plan; other work is thrown away.

    While one process holds the folder no other gets it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkError(
                f"Another patron score is at work on {folder.stem}.", "Wait until it ends."
            ) from error
        if _read_plan(folder) != plan:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        work = Work(folder)
        work.rows.mkdir(exist_ok=True)
        write_whole(folder / "plan.json", plan.model_dump_json().encode())
        yield work
        lock.unlink(missing_ok=True)


def _read_plan(folder: Path) -> Plan | None:
    try:
        return Plan.model_validate_json((folder / "plan.json").read_text())
    except (OSError, ValidationError):
        return None
