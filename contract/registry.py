"""Names, versions and aliases in MLflow; with champions the only files that ask the registry."""

import logging
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract import journal
from contract.bundle import Bundle, load_bundle
from contract.errors import ForgedError, GateError, RegistryError
from contract.journal import REFUSED, Decision, Entry, Term
from contract.replies import ask, insist
from contract.settings import Settings
from contract.versions import Logged, Version, describe_model, shorten

PREFIX = "patron-"
BUNDLE = "bundle"  # the folder in a logged model
EARLY = "early"  # the artifact that is the bundle as it was judged
CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
MOST = 1000  # targets; as many as MLflow lists at once

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


@dataclass(frozen=True)
class Registry:
    """The models of one home, behind MLflow's client."""

    client: Any

    def register(self, target: str, logged: Logged) -> Version:
        """Register the logged model as the target's new version, the challenger, and return it."""
        from mlflow.exceptions import MlflowException

        name = PREFIX + target
        with suppress(MlflowException):  # it is there already
            self.client.create_registered_model(name)
        self.client.update_registered_model(name, describe_model(target, logged.meaning))
        made = self.client.create_model_version(
            name,
            source=f"models:/{logged.model_id}",
            run_id=logged.run_id,
            tags=dict(logged.tags),
            description=shorten(logged.card),
            model_id=logged.model_id,
        )
        insist(self.client.set_registered_model_alias, name, CHALLENGER, made.version)
        return Version(target, str(made.version), logged.run_id)

    def promote(self, target: str, reason: str = "", despite: bool = False) -> Version:
        """Make the target's challenger its champion and return it; the old one stays `previous`.

        One that the gate refused is promoted only `despite` that. What the gate decided and the
        reason are recorded for `history`.
        """
        challenger = self.find(target, CHALLENGER)
        name, number = PREFIX + target, challenger.number
        verdict = self.read_decision(challenger)
        if verdict and verdict.verdict == REFUSED and not despite:
            raise GateError(
                f"The gate refused {name} version {number}: {'; '.join(verdict.reasons)}.",
                "Train another, or promote this one all the same: --despite REASON.",
            )
        entry = journal.write_promotion(target, number, (reason, verdict))
        before = self._version(target, CHAMPION)
        if before and before.number != number:
            insist(self.client.set_registered_model_alias, name, PREVIOUS, before.number)
        insist(self.client.set_registered_model_alias, name, CHAMPION, number)
        insist(self.client.set_registered_model_tag, name, *entry)
        still = self._version(target, CHALLENGER)
        if still and still.number == number:  # a newer one may have come meanwhile
            insist(self.client.delete_registered_model_alias, name, CHALLENGER)
        return challenger

    def read_decision(self, version: Version) -> Decision | None:
        """Return what the gate decided of a version, None where it was not held."""
        name = PREFIX + version.target
        tags = self.client.get_model_version(name, version.number).tags
        return journal.read_decision(version.target, version.number, tags)

    def rollback(self, target: str, reason: str = "") -> Version:
        """Make the version before the champion champion again and return it; record why.

        Going back once more leads to the one before that, as far as promotions are recorded.
        """
        name, back = PREFIX + target, self._version(target, PREVIOUS)
        if back is None:
            raise RegistryError(
                f"{name} has no version before its champion to go back to.",
                "Train and promote another: patron train, then patron promote.",
            )
        entry = journal.write_entry(Entry(back.number, "rolled_back", datetime.now(UTC), reason))
        insist(self.client.set_registered_model_alias, name, CHAMPION, back.number)
        insist(self.client.set_registered_model_tag, name, *entry)
        earlier = journal.find_earlier(self._entries(target))
        if earlier and ask(self.client.get_model_version, name, earlier):
            insist(self.client.set_registered_model_alias, name, PREVIOUS, earlier)
        else:
            insist(self.client.delete_registered_model_alias, name, PREVIOUS)
        return back

    def history(self, target: str) -> list[Term]:
        """Return which version was champion from when to when and why, the oldest first."""
        champion = self._version(target, CHAMPION)
        number = champion.number if champion else None
        return journal.tell_terms(target, self._entries(target), number)

    def find(self, target: str, alias: str) -> Version:
        """Return the version of the target with this alias."""
        found = self._version(target, alias)
        if found is None:
            to_do = "patron train" if alias == CHALLENGER else "patron train, then patron promote"
            raise RegistryError(f"{PREFIX}{target} has no {alias}.", f"Make one: {to_do}.")
        return found

    def list_targets(self, alias: str = "") -> list[str]:
        """Return the targets registered, or only those that have a version with this alias."""
        ours = f"name LIKE '{PREFIX}%'"
        found = self.client.search_registered_models(ours, max_results=MOST)
        targets = sorted(model.name.removeprefix(PREFIX) for model in found)
        return [t for t in targets if not alias or self._version(t, alias)]

    def list_versions(self, alias: str) -> list[Version]:
        """Return each target's version with this alias, where there is one."""
        return [made for t in self.list_targets() if (made := self._version(t, alias))]

    def fetch(self, version: Version, folder: Path) -> Bundle:
        """Return the version's bundle, downloaded to `<folder>/<target>/<number>` and verified.

        Of the logged model only the bundle is fetched, and MLflow's loaders are not asked. Each
        file is held against the manifest's sha256, the manifest against the version's tag.
        """
        import mlflow

        name, place = PREFIX + version.target, folder / version.target / version.number
        uri = self.client.get_model_version_download_uri(name, version.number)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as passing:
            try:
                got = mlflow.artifacts.download_artifacts(f"{uri}/{BUNDLE}", dst_path=passing)
            except (mlflow.MlflowException, OSError) as error:
                raise RegistryError(
                    f"Of {name} version {version.number} no bundle can be fetched.",
                    "See that its artifacts can be reached, or train anew: patron train.",
                ) from error
            shutil.move(got, place)
        return self._refuse_other(version, load_bundle(place, version.number))

    def _refuse_other(self, version: Version, bundle: Bundle) -> Bundle:
        """Refuse a bundle that is whole, yet not the one whose sha256 was registered."""
        made = ask(self.client.get_model_version, PREFIX + version.target, version.number)
        if made and made.tags.get("sha256", bundle.sha256) != bundle.sha256:
            raise ForgedError(
                f"{PREFIX}{version.target} version {version.number} holds another bundle than was"
                " registered.",
                "Find out who wrote its artifacts; train anew: patron train.",
            )
        return bundle

    def _entries(self, target: str) -> list[Entry]:
        model = ask(self.client.get_registered_model, PREFIX + target)
        if model is None:
            raise RegistryError(f"{PREFIX}{target} is not registered.", "Make it: patron train.")
        return journal.read_entries(model.tags)

    def _version(self, target: str, alias: str) -> Version | None:
        made = ask(self.client.get_model_version_by_alias, PREFIX + target, alias)
        return made and Version(target, str(made.version), made.run_id)


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
