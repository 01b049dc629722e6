"""What every form of a trained model can do, and the numbers that it reads and says."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.errors import BundleError

Numbers = NDArray[np.float64]
Columns = Mapping[str, Numbers]
Made = TypeVar("Made")

FEW = 100  # rows, up to which laying them out costs more than looking at them


class Model(Protocol):
    """What every form can do: log-odds for rows of features, from a base rate's log-odds on."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features it reads, each once."""
        ...

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        ...

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the model into files that begin with the stem, and return their names."""
        ...


class Few(dict[str, Numbers]):
    """Columns of a few rows, and what one model made of them that others ask for too."""

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns)
        self.made: dict[Hashable, Any] = {}


def find_few(columns: Columns) -> Columns:
    """Return the columns, if they are of a few rows as those that remember what is made of them."""
    return Few(columns) if len(next(iter(columns.values()), ())) <= FEW else columns


def make_once(columns: Columns, key: Hashable, make: Callable[[], Made]) -> Made:
    """Return what `make()` gives, which nobody may change; of a few rows it is made once."""
    if not isinstance(columns, Few):
        return make()
    if key not in columns.made:
        columns.made[key] = make()
    made: Made = columns.made[key]
    return made


def log_odds(share: float | Numbers) -> Any:
    """Return the log-odds of a share, kept off 0 and 1."""
    kept = np.minimum(np.maximum(share, 1e-6), 1 - 1e-6)
    return np.log(kept / (1 - kept))


def or_zero(numbers: Numbers) -> Numbers:
    """Return the numbers with 0 for what is missing."""
    return np.where(np.isnan(numbers), 0.0, numbers)


def logistic(margin: Numbers) -> Numbers:
    """Return the probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-margin)))


def find_percentiles(
    percentiles: Sequence[float], told: Numbers
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many of the percentiles, which are ascending, lie below each number."""
    below = np.searchsorted(np.array(percentiles), told, side="right")
    return np.minimum(np.maximum(below - 1, 0), 100)


def write_form(folder: Path, stem: str, content: Mapping[str, Any]) -> str:
    """Write what a model is made of as JSON, and return the file's name."""
    name = f"{stem}.json"
    (folder / name).write_text(json.dumps(content, indent=1, allow_nan=False), "utf-8")
    return name


def read_form(folder: Path, stem: str) -> dict[str, Any]:
    """Return what a model is made of."""
    try:
        content = json.loads((folder / f"{stem}.json").read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError(f"{stem}.json holds no model.", "Register it anew.") from error
    if not isinstance(content, dict):
        raise BundleError(f"{stem}.json holds no model.", "Register it anew.")
    return content


def list_once(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names in their order, each once."""
    return tuple(dict.fromkeys(names))
