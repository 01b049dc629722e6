"""Names as codes: places in the order of all names that occur."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from features.sums import Array


class Coded(NamedTuple):
    """A text column as codes, -1 for none, and the names they stand for, in order."""

    codes: Array
    names: tuple[str, ...]


def code(column: pl.Series) -> Coded:
    """Return a column of categories as codes."""
    names, (codes,) = code_together([column])
    return Coded(codes, tuple(names))


def code_together(columns: Sequence[pl.Series]) -> tuple[pl.Series, list[Array]]:
    """Return the names in columns of the same categories, in order, and each column's codes."""
    names = columns[0].dtype.categories.to_series()  # type: ignore[attr-defined]
    by_name = names.arg_sort().to_numpy()
    place = np.full(len(names) + 1, -1, dtype=np.int32)  # the last is of no name
    place[by_name] = np.arange(len(names), dtype=np.int32)
    return names.gather(by_name), [place[_number(c, len(names))] for c in columns]


def _number(column: pl.Series, none: int) -> Array:
    """Return the numbers that Polars has given to a column's categories."""
    numbers = column.to_physical()
    return (numbers.fill_null(none) if numbers.null_count() else numbers).to_numpy()
