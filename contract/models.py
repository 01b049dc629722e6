"""The forms a trained model may have on disk: XGBoost's own UBJ, or coefficients in JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.errors import BundleError

Numbers = NDArray[np.float64]
Columns = Mapping[str, Numbers]


class Model(Protocol):
    """What every form can do: log-odds for rows of features, from a base rate's log-odds on."""

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row."""
        ...

    def save(self, folder: Path) -> str:
        """Write the model into the folder and return its file's name."""
        ...


@dataclass(frozen=True)
class Logistic:
    """Log-odds as a sum over products of log(1 + feature); a missing feature counts as 0."""

    terms: tuple[tuple[str, ...], ...]
    coefficients: tuple[float, ...]
    intercept: float
    base_coefficient: float

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        weighted = count_terms(columns, self.terms) * np.array(self.coefficients)
        # A plain sum along each row: a matrix product would depend on how many rows there are.
        beyond = weighted.sum(axis=1) + self.intercept
        return np.asarray(beyond + self.base_coefficient * np.asarray(base), dtype=np.float64)

    def save(self, folder: Path, name: str = "logistic.json") -> str:
        """Write the coefficients as JSON and return the file's name."""
        (folder / name).write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return name


def count_terms(columns: Columns, terms: tuple[tuple[str, ...], ...]) -> Numbers:
    """Return rows x terms, each a product of log(1 + feature), missing and negative taken as 0."""
    logs = {
        name: np.log1p(np.maximum(np.nan_to_num(columns[name], nan=0.0), 0.0))
        for name in {n for term in terms for n in term}
    }
    rows = len(next(iter(columns.values())))
    products = [np.prod([logs[n] for n in term], axis=0) for term in terms]
    return np.stack(products, axis=1) if products else np.zeros((rows, 0))


@dataclass(frozen=True)
class Boosted:
    """XGBoost's trees over features in a fixed order; a missing feature takes its own branch."""

    booster: Any
    inputs: tuple[str, ...]

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        rows = np.stack([columns[n] for n in self.inputs], axis=1).astype(np.float32)
        start = np.broadcast_to(np.asarray(base, dtype=np.float32), (len(rows),))
        raw = self.booster.inplace_predict(
            rows, predict_type="margin", base_margin=np.ascontiguousarray(start)
        )
        # XGBoost 3.4 gives no rows a second dimension.
        return np.asarray(raw, dtype=np.float64).reshape(len(rows))

    def save(self, folder: Path) -> str:
        """Write the trees as UBJ and return the file's name."""
        self.booster.save_model(folder / "trees.ubj")
        return "trees.ubj"


def load_model(file: Path, inputs: tuple[str, ...]) -> Model:
    """Return the model in a verified bundle's file."""
    if file.name == "logistic.json":
        return load_logistic(file)
    if file.name == "trees.ubj":
        return Boosted(_load_booster(file), inputs)
    raise BundleError(
        f"A bundle may hold logistic.json or trees.ubj, not {file.name}.", "Register it anew."
    )


def load_logistic(file: Path) -> Logistic:
    """Return the coefficients in a JSON file."""
    try:
        raw = json.loads(file.read_text("utf-8"))
        terms = tuple(tuple(t) for t in raw["terms"])
        numbers = tuple(float(c) for c in raw["coefficients"])
        if len(terms) != len(numbers):
            raise ValueError
        return Logistic(terms, numbers, float(raw["intercept"]), float(raw["base_coefficient"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{file.name} holds no coefficients.", "Register it anew.") from error


def _load_booster(file: Path) -> Any:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(file)
    except (xgboost.core.XGBoostError, UnicodeDecodeError) as error:
        raise BundleError(f"{file.name} holds no trees.", "Register it anew.") from error
    # One thread: waking others costs more than the trees, and p99 rises a hundredfold.
    booster.set_param({"nthread": 1})
    return booster
