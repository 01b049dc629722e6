"""A trained model on disk: data only, each file with its sha256, nothing executable."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from contract.errors import BundleError
from contract.models import Columns, Logistic, Model, Numbers, load_logistic, load_model

FORMAT = 1
MANIFEST = "manifest.json"


class Eligible(BaseModel):
    """Whom a target speaks of: customers whose feature is known, and not above a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    at_most: float | None = None

    def holds(self, columns: Columns) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return, for each row, whether the customer is eligible."""
        known = columns[self.feature]
        limit = np.inf if self.at_most is None else self.at_most
        with np.errstate(invalid="ignore"):
            return np.asarray(known <= limit)


class Calibration(BaseModel):
    """What turns log-odds beyond the base rate into probabilities that came true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = 1.0
    intercept: float = 0.0


class Priors(BaseModel):
    """The share of outcomes among those the model does not speak of, when last observed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lapsed: float
    prospect: float


class Manifest(BaseModel):
    """All of a bundle but the model's own numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    target: str
    meaning: str
    horizon_days: int
    family: str
    as_of: datetime
    inputs: tuple[str, ...]
    eligible: Eligible
    base_rate: float
    calibration: Calibration
    priors: Priors
    non_goods: tuple[str, ...] = ()
    percentiles: tuple[float, ...]
    pace: float
    metrics: dict[str, float]
    dictionary: str
    files: dict[str, str] = {}


@dataclass(frozen=True)
class Bundle:
    """A model with all that is needed to answer by it; immutable, safe to share."""

    manifest: Manifest
    model: Model
    baseline: Logistic
    entries: Sequence[dict[str, str]]
    sha256: str = ""
    version: str = ""

    @property
    def target(self) -> str:
        """The target's name."""
        return self.manifest.target

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Every feature needed to answer: the model's, the baseline's, and the eligible's."""
        own = [n for term in self.baseline.terms for n in term] + [self.manifest.eligible.feature]
        return tuple(dict.fromkeys([*self.manifest.inputs, *own]))

    def probability(self, columns: Columns) -> Numbers:
        """Return the calibrated probability of each row, were it eligible."""
        base = log_odds(self.manifest.base_rate)
        beyond = self.model.margin(columns, base) - base
        fit = self.manifest.calibration
        return logistic(base + fit.intercept + fit.slope * beyond)

    def baseline_probability(self, columns: Columns) -> Numbers:
        """Return what the days since the last order alone would say of each row."""
        return logistic(self.baseline.margin(columns, log_odds(self.manifest.base_rate)))

    def percentile(self, probability: Numbers) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return how many percent of the customers scored at registration lie below each value."""
        below = np.searchsorted(np.array(self.manifest.percentiles), probability, side="right")
        return np.clip(below - 1, 0, 100)


def log_odds(share: float | Numbers) -> Any:
    """Return the log-odds of a share, kept off 0 and 1."""
    kept = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def logistic(margin: Numbers) -> Numbers:
    """Return the probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-margin)))


def save_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Write the bundle into the folder and return it with its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [bundle.model.save(folder), bundle.baseline.save(folder, "baseline.json")]
    names.append("dictionary.json")
    _write_json(folder / "dictionary.json", list(bundle.entries))
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
    model_file = next((n for n in manifest.files if n in ("trees.ubj", "logistic.json")), "nothing")
    return Bundle(
        manifest=manifest,
        model=load_model(folder / model_file, manifest.inputs),
        baseline=load_logistic(folder / "baseline.json"),
        entries=json.loads((folder / "dictionary.json").read_text("utf-8")),
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
