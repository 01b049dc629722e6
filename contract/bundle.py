"""A trained model on disk: data only, each file with its sha256, nothing executable."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from contract.choice import USUAL, Shelf
from contract.errors import BundleError
from contract.forms import load_model
from contract.manifest import FORMAT, Manifest
from contract.models import (
    Columns,
    Model,
    Numbers,
    find_percentiles,
    list_once,
    log_odds,
    logistic,
)
from contract.norms import Norms
from contract.segments import SEGMENT_INPUTS, SEGMENTS, find_segments

MANIFEST = "manifest.json"
MODEL, BASELINE = "model", "baseline"
SHELF = "shelf.json"
Percents = np.ndarray[Any, np.dtype[np.int64]]
ENTRIES = TypeAdapter(list[dict[str, str]])


@dataclass(frozen=True)
class Bundle:
    """A model with all that is needed to answer by it; immutable, safe to share."""

    manifest: Manifest
    model: Model
    baseline: Model
    entries: Sequence[dict[str, str]]
    norms: Norms
    rules: Mapping[str, Model] = field(default_factory=dict)
    parts: Mapping[str, Model] = field(default_factory=dict)
    shelf: Shelf | None = None
    sha256: str = ""
    version: str = ""

    @property
    def target(self) -> str:
        """The target's name."""
        return self.manifest.target

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Every feature needed to answer: the models', and whom they speak of."""
        if self.shelf:  # the models read pairs too, which are made of these and the shelf
            return list_once([*self.manifest.inputs, self.manifest.eligible.feature])
        models = [self.model, self.baseline, *self.rules.values(), *self.parts.values()]
        named = [name for model in models for name in model.inputs]
        whom = [self.manifest.eligible.feature, *(SEGMENT_INPUTS if self.rules else ())]
        return list_once([*self.manifest.inputs, *named, *whom])

    @property
    def frame(self) -> tuple[str, ...]:
        """The columns by which `probability` tells a row: of a customer, or of a pair."""
        return list_once([*self.model.inputs, USUAL]) if self.shelf else self.reads

    def probability(self, columns: Columns) -> Numbers:
        """Return the calibrated probability of each row, were it eligible.

        In a segment where a rule was found to be truer than the model, the rule answers.
        """
        base = log_odds(columns[USUAL] if self.shelf else self.manifest.base_rate.share)
        fit = self.manifest.calibration
        beyond = self.model.margin(columns, base) - base
        told = base + fit.intercept + fit.slope * beyond
        if self.rules:
            segments = find_segments(columns)
            for name, rule in self.rules.items():
                told = np.where(segments == SEGMENTS.index(name), rule.margin(columns, base), told)
        return logistic(told)

    def baseline_probability(self, columns: Columns) -> Numbers:
        """Return what the days since the last order alone would say of each row."""
        return logistic(self.baseline.margin(columns, log_odds(self.manifest.base_rate.share)))

    def percentile(self, probability: Numbers) -> Percents:
        """Return how many percent of the customers scored at registration lie below each value."""
        return find_percentiles(self.manifest.percentiles, probability)


def save_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Write the bundle into the folder and return it with its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {MODEL: bundle.model, BASELINE: bundle.baseline}
    models |= {f"rule-{name}": rule for name, rule in bundle.rules.items()}
    models |= {f"part-{name}": part for name, part in bundle.parts.items()}
    names = [name for stem, model in models.items() for name in model.save(folder, stem)]
    names.append("dictionary.json")
    _write_json(folder / "dictionary.json", list(bundle.entries))
    names.append("norms.json")
    _write_json(folder / "norms.json", bundle.norms.model_dump(mode="json"))
    if bundle.shelf:
        names.append(SHELF)
        (folder / SHELF).write_text(bundle.shelf.model_dump_json(), "utf-8")
    hashes = {name: _sha256(folder / name) for name in names}
    manifest = bundle.manifest.model_copy(update={"files": hashes})
    _write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return load_bundle(folder)


def load_bundle(folder: Path, version: str = "") -> Bundle:
    """Return the bundle in the folder, refused unless every file is whole and of a known form."""
    manifest = _read_manifest(folder)
    if {*manifest.files, MANIFEST} != {f.name for f in folder.iterdir()}:
        raise BundleError(
            f"The bundle of {manifest.target} has other files than its manifest names.",
            "Register it anew.",
        )
    for name, expected in manifest.files.items():
        if _sha256(folder / name) != expected:
            raise BundleError(
                f"{name} in the bundle of {manifest.target} is not the file that was registered.",
                "Download the bundle again, or register it anew.",
            )
    return Bundle(
        manifest=manifest,
        model=load_model(folder, MODEL),
        baseline=load_model(folder, BASELINE),
        entries=_read_entries(folder / "dictionary.json"),
        norms=_read_norms(folder / "norms.json"),
        rules={name: load_model(folder, f"rule-{name}") for name in manifest.rules},
        parts={name: load_model(folder, f"part-{name}") for name in manifest.parts},
        shelf=_read_shelf(folder / SHELF) if SHELF in manifest.files else None,
        sha256=_sha256(folder / MANIFEST),
        version=version,
    )


def load_bundles(folder: Path) -> dict[str, Bundle]:
    """Return the bundle of each target: every subfolder `<target>/<version>` of the folder."""
    found = sorted(folder.glob(f"*/*/{MANIFEST}"))
    bundles = {f.parts[-3]: load_bundle(f.parent, version=f.parts[-2]) for f in found}
    if not bundles:
        raise BundleError(
            f"There is no model in {folder}.", "Train and promote one: patron train, promote."
        )
    return bundles


def _read_entries(file: Path) -> list[dict[str, str]]:
    try:
        return ENTRIES.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{file.name} holds no dictionary.", "Register it anew.") from error


def _read_norms(file: Path) -> Norms:
    try:
        return Norms.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{file.name} holds no norms.", "Register it anew.") from error


def _read_shelf(file: Path) -> Shelf:
    try:
        return Shelf.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(f"{file.name} holds no shelf.", "Register it anew.") from error


def _read_manifest(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleError(
            f"{folder.name} holds no readable {MANIFEST} of format {FORMAT}.", "Register it anew."
        ) from error


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"The bundle lacks {file.name}.", "Download it again.") from error


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=1, allow_nan=False), "utf-8")
