"""Follow the registry: fetch the champions when they change, and let only good ones serve."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple

from contract.errors import BundleError, PatronError, RegistryError
from contract.registry import CHAMPION, Registry
from contract.releases import News, Releases
from contract.versions import Version

# MLflow's own, 120 s and 7 times, would hold up all that follows.
LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
}
SOON_S = 2.0  # until the next look while something is amiss
AGAIN_S = 60.0  # until what was refused is fetched again: it may have been put right
KEPT = "kept"  # in the place of the run of what serves in place of a bad champion


class Found(NamedTuple):
    """A release on disk, what is in it, and why it is not of all champions, if so."""

    name: str
    versions: Sequence[Version]
    lacking: str = ""
    fetched: bool = False


@dataclass
class Follower:
    """Keeps a folder of releases at the registry's champions.

    `open_it` opens the registry, `try_out` raises where a folder of bundles cannot answer, and
    `say` is told each change once.
    """

    open_it: Callable[[], Registry]
    releases: Releases
    try_out: Callable[[Path], object]
    say: Callable[[str], None]
    _registry: Registry | None = field(default=None, init=False)
    _good: str = field(default="", init=False)
    _refused: tuple[str, str, float] = field(default=("", "", 0.0), init=False)
    _news: News = field(default=News(reason="MLflow was not asked yet."), init=False)

    def follow(self, stop: Event, seconds: float) -> None:
        """Look every so many seconds until told to stop; nothing that fails ends it."""
        for name, limit in LIMITS.items():
            os.environ.setdefault(name, limit)
        self.releases.tell(self._news)
        while not stop.is_set():
            self.look()
            stop.wait(min(SOON_S, seconds) if self._news.reason else seconds)

    def look(self) -> None:
        """Let the champions serve if they changed and are good; tell what is amiss if not."""
        try:
            self._tell(self._let_serve(self._ask()))
        except PatronError as error:
            self._tell(str(error))
        except Exception as error:  # whatever the disk or MLflow comes up with ends nothing
            self._tell(f"The champions cannot be fetched ({type(error).__name__}).")

    def _ask(self) -> Sequence[Version]:
        try:
            self._registry = self._registry or self.open_it()
            return self._registry.list_versions(CHAMPION)
        except Exception as error:
            kind = type(error.__cause__ or error).__name__
            raise RegistryError(
                f"MLflow cannot be asked which models are champions ({kind}).",
                "See that it runs; the models that were fetched last go on serving.",
            ) from error

    def _let_serve(self, versions: Sequence[Version]) -> str:
        """Return why these versions do not serve, or nothing as they do."""
        if not versions:
            return "No model has been promoted. Run patron train, then promote."
        name = name_release(versions)
        refused, reason, since = self._refused
        if name == refused and time.monotonic() < since + AGAIN_S:
            return reason
        if name != self._good:
            try:
                lacking = self._serve(name, versions)
            except BundleError as error:
                lacking = f"The newest champions are refused: {error}"
            if lacking:
                return self._refuse(name, lacking)
        self._good, self._refused = name, ("", "", 0.0)
        return ""

    def _serve(self, name: str, versions: Sequence[Version]) -> str:
        """Have a release on disk, whole and tried out, and point to it; return what it lacks."""
        found = Found(name, versions) if self._is_good(name) else self._fetch(versions)
        if found.fetched or found.name != self.releases.find_current():
            self.releases.point(found.name)
            self.releases.tidy()
        if found.fetched or not found.lacking:
            who = "Serving now" if found.lacking else "Champions"
            self.say(f"{who}: {', '.join(f'{v.target} {v.number}' for v in found.versions)}.")
        return found.lacking

    def _is_good(self, name: str) -> bool:
        """Return whether the release is on disk and can still answer."""
        if not (self.releases.folder / name).is_dir():
            return False
        try:
            self._check(self.releases.folder / name)
        except BundleError as error:  # it was good once, and its source may still be
            self.say(f"A release is fetched anew: {error}")
            return False
        return True

    def _fetch(self, versions: Sequence[Version]) -> Found:
        """Return a release of the versions, where one is bad with what served before it."""
        before, good, faults = self.releases.list_current(), [], []
        with self.releases.gather() as folder:
            for version in versions:
                try:
                    self._fetch_one(version, folder)
                    good.append(version)
                except BundleError as error:
                    faults.append((version, error))
            if faults and not before:  # half of what was promoted is no beginning
                raise BundleError(" ".join(str(error) for _, error in faults))
            kept = [
                Version(v.target, before[v.target], KEPT) for v, _ in faults if v.target in before
            ]
            lacking = " ".join(_tell_fault(v, before.get(v.target), e) for v, e in faults)
            if faults and before == {**before, **{v.target: v.number for v in good}}:
                return Found(self.releases.find_current(), versions, lacking)
            for version in kept:
                shutil.copytree(self.releases.current / version.target, folder / version.target)
            self._check(folder)
            name = name_release([*good, *kept])
            self.releases.finish(folder, name)
        return Found(name, [*good, *kept], lacking, fetched=True)

    def _fetch_one(self, version: Version, folder: Path) -> None:
        """Put the version into the folder once it is whole and answers, alone as it is."""
        assert self._registry is not None
        with TemporaryDirectory(dir=folder) as alone:
            self._registry.fetch(version, Path(alone))
            self._check(Path(alone))
            (Path(alone) / version.target).rename(folder / version.target)

    def _check(self, folder: Path) -> None:
        try:
            self.try_out(folder)
        except PatronError:
            raise
        except Exception as error:  # its message may hold what is in the file
            raise BundleError(
                f"The models are whole, but cannot answer ({type(error).__name__}).",
                "Train them anew with this version of Patron.",
            ) from error

    def _refuse(self, name: str, reason: str) -> str:
        if name != self._refused[0]:
            more = self._news.refusals + 1
            self._news = self._news.model_copy(update={"refusals": more})
        self._refused = name, reason, time.monotonic()
        return reason

    def _tell(self, reason: str) -> None:
        news = self._news.model_copy(update={"reason": reason})
        if reason != self._news.reason:
            self.say(reason or "The registry answers, and its champions serve.")
        self._news = news
        self.releases.tell(news)


def _tell_fault(version: Version, before: str | None, error: BundleError) -> str:
    goes_on = f"{version.target} {before} goes on" if before else "none served before it"
    return f"The champion {version.target} {version.number} is refused, and {goes_on}: {error}"


def name_release(versions: Sequence[Version]) -> str:
    """Return the one name of these versions together."""
    told = "\n".join(sorted(f"{v.target} {v.number} {v.run_id}" for v in versions))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
