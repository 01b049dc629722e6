"""Log-odds as a sum over logarithms of features: a model that fits in a few lines of JSON."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.models import Columns, Numbers, list_once, write_form

Terms = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Logistic:
    """Log-odds as a sum over products of log(1 + feature); a missing feature counts as 0."""

    terms: Terms
    coefficients: tuple[float, ...]
    intercept: float
    base_coefficient: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features it reads, each once."""
        return list_once([name for term in self.terms for name in term])

    def margin(self, columns: Columns, base: float | Numbers) -> Numbers:
        """Return the log-odds of each row; `base` is the log-odds of the base rate."""
        weighted = count_terms(columns, self.terms) * np.array(self.coefficients)
        # A plain sum along each row: a matrix product would depend on how many rows there are.
        beyond = weighted.sum(axis=1) + self.intercept
        return np.asarray(beyond + self.base_coefficient * np.asarray(base), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the coefficients as JSON and return the file's name."""
        return [write_form(folder, stem, {"form": "logistic", **asdict(self)})]


def count_terms(columns: Columns, terms: Terms) -> Numbers:
    """Return rows x terms, each a product of log(1 + feature), missing and negative taken as 0."""
    logs = {
        name: np.log1p(np.maximum(np.nan_to_num(columns[name], nan=0.0), 0.0))
        for name in {n for term in terms for n in term}
    }
    rows = len(next(iter(columns.values())))
    products = [np.prod([logs[n] for n in term], axis=0) for term in terms]
    return np.stack(products, axis=1) if products else np.zeros((rows, 0))


def read_logistic(content: dict[str, Any], folder: Path, stem: str) -> Logistic:
    """Return the coefficients that a bundle holds."""
    terms = tuple(tuple(str(n) for n in term) for term in content["terms"])
    numbers = tuple(float(c) for c in content["coefficients"])
    if len(terms) != len(numbers):
        raise ValueError
    return Logistic(terms, numbers, float(content["intercept"]), float(content["base_coefficient"]))
