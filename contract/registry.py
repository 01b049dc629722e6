"""Names, versions and aliases in MLflow; the only file that talks to the registry."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.bundle import Bundle, load_bundle
from contract.errors import RegistryError
from contract.settings import Settings

PREFIX = "patron-"
BUNDLE = "bundle"
CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


@dataclass(frozen=True)
class Version:
    """One registered version of a target's model."""

    target: str
    number: str
    run_id: str


@dataclass(frozen=True)
class Registry:
    """The models of one home, behind MLflow's client."""

    client: Any

    def register(self, target: str, run_id: str) -> Version:
        """Register the run's bundle as the target's new version, the challenger, and return it."""
        from mlflow.exceptions import MlflowException

        name = PREFIX + target
        try:
            self.client.get_registered_model(name)
        except MlflowException:
            self.client.create_registered_model(name)
        source = f"{self.client.get_run(run_id).info.artifact_uri}/{BUNDLE}"
        made = self.client.create_model_version(name, source=source, run_id=run_id)
        self.client.set_registered_model_alias(name, CHALLENGER, made.version)
        return Version(target, str(made.version), run_id)

    def promote(self, target: str) -> Version:
        """Make the target's challenger its champion and return it; the old one stays `previous`."""
        challenger = self.find(target, CHALLENGER)
        name = PREFIX + target
        if before := self._version(target, CHAMPION):
            self.client.set_registered_model_alias(name, PREVIOUS, before.number)
        self.client.set_registered_model_alias(name, CHAMPION, challenger.number)
        self.client.delete_registered_model_alias(name, CHALLENGER)
        return challenger

    def find(self, target: str, alias: str) -> Version:
        """Return the version of the target with this alias."""
        found = self._version(target, alias)
        if found is None:
            to_do = "patron train" if alias == CHALLENGER else "patron train, then patron promote"
            raise RegistryError(f"{PREFIX}{target} has no {alias}.", f"Make one: {to_do}.")
        return found

    def list_targets(self, alias: str) -> list[str]:
        """Return the targets that have a version with this alias."""
        names = [m.name for m in self.client.search_registered_models()]
        targets = sorted(n.removeprefix(PREFIX) for n in names if n.startswith(PREFIX))
        return [t for t in targets if self._version(t, alias)]

    def fetch(self, version: Version, folder: Path) -> Bundle:
        """Return the version's bundle, downloaded to `<folder>/<target>/<number>` and verified."""
        import mlflow

        uri = self.client.get_model_version_download_uri(PREFIX + version.target, version.number)
        place = folder / version.target / version.number
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as passing:
            got = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=passing)
            shutil.move(got, place)
        return load_bundle(place, version.number)

    def _version(self, target: str, alias: str) -> Version | None:
        from mlflow.exceptions import MlflowException

        try:
            made = self.client.get_model_version_by_alias(PREFIX + target, alias)
        except MlflowException:
            return None
        return Version(target, str(made.version), made.run_id)


def open_registry(settings: Settings) -> Registry:
    """Return the registry that the settings name; the local one is made if it is not there yet."""
    import mlflow

    # MLflow's own notices on standard error say nothing that a user of Patron can act on.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    uri = settings.tracking_uri
    if not settings.mlflow_tracking_uri:
        settings.mlruns.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        client = mlflow.MlflowClient()
        client.search_registered_models(max_results=1)
    except Exception as error:
        where = uri.partition("://")[0]
        raise RegistryError(
            f"MLflow does not answer at the {where} address given ({type(error).__name__}).",
            "Start it, or unset MLFLOW_TRACKING_URI to use the local one.",
        ) from error
    return Registry(client)


def fetch_champions(registry: Registry, folder: Path) -> dict[str, Bundle]:
    """Return the champion of every target, downloaded into the folder; refuse if there is none."""
    targets = registry.list_targets(CHAMPION)
    if not targets:
        raise RegistryError("No model has been promoted.", "Run patron train, then promote.")
    return {t: registry.fetch(registry.find(t, CHAMPION), folder) for t in targets}


@contextmanager
def lay_out_champions(registry: Registry) -> Iterator[Path]:
    """Yield a folder that holds just the champions, as long as somebody reads from it."""
    with tempfile.TemporaryDirectory() as folder:
        fetch_champions(registry, Path(folder))
        yield Path(folder)
