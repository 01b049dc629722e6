"""The bundles that serve, fetched from the registry."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.bundle import Bundle, load_bundle
from contract.errors import RegistryError
from contract.registry import CHAMPION, EARLY, PREFIX, Registry
from contract.replies import ask
from contract.versions import Version


def fetch_champions(registry: Registry, folder: Path) -> dict[str, Bundle]:
    """Return the champion of every target, downloaded into the folder; refuse if there is none."""
    versions = registry.list_versions(CHAMPION)
    if not versions:
        raise RegistryError("No model has been promoted.", "Run patron train, then promote.")
    return {version.target: registry.fetch(version, folder) for version in versions}


@contextmanager
def lay_out_champions(registry: Registry) -> Iterator[Path]:
    """Yield a folder that holds just the champions, as long as somebody reads from it."""
    with tempfile.TemporaryDirectory() as folder:
        fetch_champions(registry, Path(folder))
        yield Path(folder)


def fetch_champion(registry: Registry, target: str) -> tuple[Bundle, ...]:
    """Return the target's champion as it serves and as it was judged; nothing without one."""
    if target not in registry.list_targets(CHAMPION):
        return ()
    version = registry.find(target, CHAMPION)
    with tempfile.TemporaryDirectory() as folder:
        champion = registry.fetch(version, Path(folder))
        early = _fetch_early(registry, version, Path(folder))
    return (champion, early) if early else (champion,)


def fetch_version(registry: Registry, target: str, number: str) -> Bundle | None:
    """Return the bundle of a target's version, or None where the registry has no such version."""
    made = ask(registry.client.get_model_version, PREFIX + target, number)
    if made is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return registry.fetch(Version(target, number, made.run_id), Path(folder))


def _fetch_early(registry: Registry, version: Version, folder: Path) -> Bundle | None:
    from mlflow.exceptions import MlflowException

    place = folder / EARLY
    place.mkdir()
    try:
        got = registry.client.download_artifacts(version.run_id, EARLY, str(place))
    except (MlflowException, OSError):  # a run that was deleted, or somebody else's version
        return None
    return load_bundle(Path(got), version.number)
