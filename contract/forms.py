"""The forms a trained model may have on disk, and a blend of several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import BundleError
from contract.linear import read_logistic
from contract.models import Columns, Model, Numbers, list_once, read_form, write_form
from contract.plain import read_cells, read_repeating
from contract.trees import read_boosted


@dataclass(frozen=True)
class Blend:
    """The weighted mean of several models' log-odds."""

    members: tuple[Model, ...]
    weights: tuple[float, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features its members read, each once."""
        return list_once([name for member in self.members for name in member.inputs])

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        pairs = zip(self.members, self.weights, strict=True)
        return np.asarray(sum(weight * m.margin(columns, base) for m, weight in pairs))

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write each member and what it weighs; return the files' names."""
        stems = [f"{stem}-{number}" for number in range(1, len(self.members) + 1)]
        content = {"form": "blend", "members": stems, "weights": self.weights}
        parts = zip(self.members, stems, strict=True)
        files = [name for member, own in parts for name in member.save(folder, own)]
        return [write_form(folder, stem, content), *files]


def read_blend(content: dict[str, Any], folder: Path, stem: str) -> Blend:
    """Return the blend that a bundle holds."""
    stems, weights = content["members"], tuple(float(w) for w in content["weights"])
    # A member is named after its blend, so that no file can name itself.
    if any(own != f"{stem}-{n}" for n, own in enumerate(stems, 1)) or len(stems) != len(weights):
        raise ValueError
    return Blend(tuple(load_model(folder, own) for own in stems), weights)


FORMS: Mapping[str, Callable[[dict[str, Any], Path, str], Model]] = {
    "logistic": read_logistic,
    "boosted": read_boosted,
    "repeating": read_repeating,
    "cells": read_cells,
    "blend": read_blend,
}


def load_model(folder: Path, stem: str) -> Model:
    """Return the model in a verified bundle's files of that stem."""
    content = read_form(folder, stem)
    form = str(content.get("form"))
    if form not in FORMS:
        raise BundleError(
            f"{stem}.json is of the form {form}; a bundle may hold {', '.join(FORMS)}.",
            "Register it anew.",
        )
    try:
        return FORMS[form](content, folder, stem)
    except (KeyError, ValueError, TypeError) as error:
        raise BundleError(f"{stem}.json holds no {form} model.", "Register it anew.") from error
