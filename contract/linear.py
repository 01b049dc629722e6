"""Log-odds as a sum over logarithms of features: a model that fits in a few lines of JSON."""

from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contract.models import Columns, Numbers, list_once, make_once, write_form

LARGEST = np.finfo(np.float64).max

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
        weighted = count_terms(columns, self.terms) * self._weights
        # A plain sum along each row: a matrix product would depend on how many rows there are.
        beyond = weighted.sum(axis=1) + self.intercept
        return np.asarray(beyond + self.base_coefficient * np.asarray(base), dtype=np.float64)

    @cached_property
    def _weights(self) -> Numbers:
        return np.array(self.coefficients)

    def save(self, folder: Path, stem: str) -> list[str]:
        """Write the coefficients as JSON and return the file's name."""
        return [write_form(folder, stem, {"form": "logistic", **asdict(self)})]


def count_terms(columns: Columns, terms: Terms) -> Numbers:
    """Return rows x terms, each a product of log(1 + feature), missing and negative taken as 0."""
    return make_once(columns, ("terms", terms), lambda: _count_terms(columns, terms))


def _count_terms(columns: Columns, terms: Terms) -> Numbers:
    names, places = _place(terms)
    rows = len(next(iter(columns.values())))
    if not terms:
        return np.zeros((rows, 0))
    told = np.concatenate([columns[name] for name in names]).reshape(len(names), rows)
    # What is missing or negative is the lesser of itself and 0, as fmax has it.
    logs = np.log1p(np.minimum(np.fmax(told, 0.0), LARGEST))
    logs = np.concatenate([logs, np.ones((1, rows))])
    products = logs[places[0]]
    for others in places[1:]:
        products = products * logs[others]
    return np.ascontiguousarray(products.T)


@cache
def _place(terms: Terms) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the features of the terms, and of each term the places of its first, its second ...

    Where a term has no further feature, the place is of the 1 after all.
    """
    names = list_once([name for term in terms for name in term])
    longest = max((len(term) for term in terms), default=1)
    told = [[names.index(name) for name in term] for term in terms]
    places = [[*own, *[len(names)] * (longest - len(own))] for own in told]
    return names, np.array(places, dtype=np.intp).reshape(len(terms), longest).T


def read_logistic(content: dict[str, Any], folder: Path, stem: str) -> Logistic:
    """Return the coefficients that a bundle holds."""
    terms = tuple(tuple(str(n) for n in term) for term in content["terms"])
    numbers = tuple(float(c) for c in content["coefficients"])
    if len(terms) != len(numbers):
        raise ValueError
    return Logistic(terms, numbers, float(content["intercept"]), float(content["base_coefficient"]))
