"""Models by their sha256: those that serve, those in folders, and those that can be fetched."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from contract.bundle import MANIFEST, Bundle, load_bundle
from contract.errors import PatronError
from serving.receipts.issue import Form, Model

MOST = 40  # models held that no longer serve


class Library:
    """Finds the very model that answered, or nothing; one found is held."""

    def __init__(
        self, folders: Sequence[Path], fetch: Callable[[Model], Bundle | None] | None = None
    ) -> None:
        self._folders = folders
        self._fetch = fetch
        self._held: dict[str, Bundle] = {}

    def find(self, model: Model, serving: Iterable[Bundle] = ()) -> Bundle | None:
        """Return the model, or None where it is not here."""
        sha256 = model[2]
        for bundle in (*serving, *self._held.values()):
            if bundle.sha256 == sha256:
                return bundle
        found = self._read(model) or (self._fetch(model) if self._fetch else None)
        if found is None or found.sha256 != sha256:
            return None
        while len(self._held) >= MOST:
            self._held.pop(next(iter(self._held)), None)
        self._held[sha256] = found
        return found

    def find_all(self, form: Form, serving: Iterable[Bundle] = ()) -> dict[str, Bundle | None]:
        """Return for each target of the form its model, None where it is not here."""
        loaded = tuple(serving)
        return {model[0]: self.find(model, loaded) for model in form.models}

    def _read(self, model: Model) -> Bundle | None:
        target, version, sha256 = model
        for folder in self._folders:
            for file in folder.glob(f"**/{target}/*/{MANIFEST}"):
                try:
                    if hashlib.sha256(file.read_bytes()).hexdigest() == sha256:
                        return load_bundle(file.parent, version)
                except (OSError, PatronError):
                    continue  # it was removed meanwhile, or is not whole
        return None
