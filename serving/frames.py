"""Finished features, as a caller sends them, in the form that a model reads."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from contract.bundle import Bundle
from contract.models import Columns, Numbers
from contract.predictions import PREDICTIONS
from features.dictionary import describe
from features.pairing import describe_pairs
from serving.problems import RefusalError
from serving.requests import SHOWN, point

MOST_ROWS, MOST_COLUMNS = 1000, 1000
LARGEST_CELL = 1e15  # beyond every sum and every count, and within single precision
NAMED = 10  # features told by name in a fault

Place = tuple[str | int, ...]
Cell = Annotated[float, Field(strict=True, ge=-LARGEST_CELL, le=LARGEST_CELL, allow_inf_nan=False)]


def read_frame(bundle: Bundle, told: Mapping[str, Numbers], place: Place) -> Columns:
    """Return every column that the model reads; NaN is what is missing.

    Refused is what the model does not read, and what is missing where a feature never is.
    """
    reads = set(bundle.frame)
    rows = len(next(iter(told.values())))
    faults = [
        point(place, "unknown_feature", "The model does not read it; GET /v1/models/{target}.")
        for name in told
        if name not in reads
    ]
    columns = {name: told.get(name, np.full(rows, np.nan)) for name in bundle.frame}
    whole = [n for n in never_missing(bundle) if np.isnan(columns[n]).any()]
    if whole:
        more = f" and {len(whole) - NAMED} more" if len(whole) > NAMED else ""
        said = f"Always known must be {', '.join(whole[:NAMED])}{more}."
        faults.append(point(place, "missing_feature", said))
    refuse_faults(faults)
    return columns


def never_missing(bundle: Bundle) -> tuple[str, ...]:
    """Return the features that are known of every customer, as the dictionary says."""
    entries = [*bundle.entries, *(describe_pairs() if bundle.shelf else ())]
    said = {entry["name"]: entry["missing"] for entry in entries}
    others = tuple(name for name in bundle.frame if name not in said)
    said |= {entry["name"]: entry["missing"] for entry in describe(others)}
    return tuple(name for name in bundle.frame if not said[name].startswith("null"))


def predict(bundle: Bundle, columns: Columns, place: Place) -> dict[str, Any]:
    """Return each column that is predicted, a row per row, every number of it finite."""
    told = PREDICTIONS[bundle.manifest.kind].tell(bundle, columns)
    finite = np.all([np.isfinite(column) for column in told.values()], axis=0)
    expected = "Features such as a customer's orders make are expected."
    refuse_faults([point((*place, int(i)), "no_prediction", expected)
                   for i in np.flatnonzero(~finite)])  # fmt: skip
    return {name: np.asarray(column).tolist() for name, column in told.items()}


def refuse_faults(faults: Iterable[dict[str, str]]) -> None:
    """Refuse the body if there is a fault."""
    told = list(faults)
    if told:
        detail = f"Wrong places in the body: {len(told)}; see errors for up to {SHOWN} of them."
        raise RefusalError("wrong_form", detail, errors=told[:SHOWN])
