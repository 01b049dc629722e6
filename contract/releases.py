"""Releases on disk: whole sets of champions, a link to the one that serves, and what is amiss."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.bundle import MANIFEST

CURRENT = "current"
NEWS = "news.json"
UNFINISHED = ".unfinished"
KEPT = 5  # releases, so that going back needs no download
ABANDONED_S = 3600  # after which nobody is still writing a release


class News(BaseModel):
    """What the service shall tell of the registry: why it may not serve the champions, if so."""

    model_config = ConfigDict(frozen=True)

    reason: str = ""
    refusals: int = 0  # since the follower started


@dataclass(frozen=True)
class Releases:
    """A folder with a subfolder per release, each as load_bundles reads it."""

    folder: Path

    @property
    def current(self) -> Path:
        """The link to the release that serves; it may not be there yet."""
        return self.folder / CURRENT

    def find_current(self) -> str:
        """Return the name of the release that serves, or nothing."""
        try:
            return self.current.readlink().name
        except OSError:
            return ""

    def list_current(self) -> dict[str, str]:
        """Return the version of each target in the release that serves."""
        return {f.parts[-3]: f.parts[-2] for f in self.current.glob(f"*/*/{MANIFEST}")}

    @contextmanager
    def gather(self) -> Iterator[Path]:
        """Yield an empty folder, gone at the end unless it was finished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(UNFINISHED, dir=self.folder))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def finish(self, made: Path, name: str) -> None:
        """Make what was gathered the release of that name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        made.rename(self.folder / name)

    def point(self, name: str) -> None:
        """Make the release the one that serves; who follows the link sees the old or the new."""
        (self.folder / name).touch()
        passing = self.folder / f"{CURRENT}-{os.getpid()}{UNFINISHED}"
        passing.unlink(missing_ok=True)
        passing.symlink_to(name, target_is_directory=True)
        passing.replace(self.current)

    def tidy(self) -> None:
        """Remove what was never finished, and all but the current and the newest releases."""
        found = [f for f in self.folder.iterdir() if f.is_dir() and not f.is_symlink()]
        broken = [f for f in found if f.name.endswith(UNFINISHED)]
        whole = sorted({*found} - {*broken}, key=lambda f: f.stat().st_mtime, reverse=True)
        late = time.time() - ABANDONED_S
        old = [f for f in whole[KEPT:] if f.name != self.find_current()]
        for folder in [*old, *(f for f in broken if f.stat().st_mtime < late)]:
            shutil.rmtree(folder, ignore_errors=True)

    def tell(self, news: News) -> None:
        """Leave the news for the service."""
        self.folder.mkdir(parents=True, exist_ok=True)
        passing = self.folder / f"{NEWS}-{os.getpid()}{UNFINISHED}"
        passing.write_text(news.model_dump_json(), "utf-8")
        passing.replace(self.folder / NEWS)

    def read_news(self) -> News:
        """Return what was told last; nothing is amiss where nobody tells."""
        try:
            return News.model_validate_json((self.folder / NEWS).read_bytes())
        except (OSError, ValidationError):
            return News()
