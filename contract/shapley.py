"""Exact Shapley values of what a few features say together, beside a customer who is as usual."""

from collections.abc import Callable, Mapping, Sequence
from math import factorial

import numpy as np

from contract.models import Columns, Numbers

Usual = Mapping[str, float]


def find_usual(columns: Columns, names: Sequence[str]) -> dict[str, float]:
    """Return the value of each feature at the mean of its log(1 + value), missing taken as 0."""
    logs = {n: np.log1p(np.maximum(np.nan_to_num(columns[n], nan=0.0), 0.0)) for n in names}
    return {n: float(np.expm1(log.mean())) if len(log) else 0.0 for n, log in logs.items()}


def stand_in(columns: Columns, names: Sequence[str], usual: Usual) -> dict[str, Numbers]:
    """Return columns of so many rows, all as usual; what is not known to be usual is 0."""
    rows = len(next(iter(columns.values())))
    return {name: np.full(rows, usual.get(name, 0.0)) for name in names}


def split(
    tell: Callable[[Columns], Numbers], columns: Columns, usual: Columns
) -> dict[str, Numbers]:
    """Return what each feature adds to what `tell` says of the row beyond what is usual.

    The mean over all orders in which the features could be told, each set of them asked once
    (Shapley 1953), so the parts add up. `usual` names the features.
    """
    names, count = tuple(usual), len(usual)
    told = []
    for known in range(1 << count):
        given = {n: (columns if known >> i & 1 else usual)[n] for i, n in enumerate(names)}
        told.append(np.asarray(tell(given), dtype=np.float64))
    return {name: _add_marginals(told, i, count) for i, name in enumerate(names)}


def _add_marginals(told: Sequence[Numbers], own: int, count: int) -> Numbers:
    without = [known for known in range(1 << count) if not known >> own & 1]
    size = [known.bit_count() for known in without]
    weight = [factorial(s) * factorial(count - s - 1) / factorial(count) for s in size]
    steps = (told[known | 1 << own] - told[known] for known in without)
    return np.asarray(sum(w * step for w, step in zip(weight, steps, strict=True)))
