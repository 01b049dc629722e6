"""The array types of the shop and the few array operations its parts share."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


def pick(rng: np.random.Generator, shares: tuple[float, ...], size: int) -> Ints:
    """A random index into `shares` for each of `size`, as likely as its share says."""
    edges = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(edges[:-1], rng.random(size), side="right").astype(np.int64)


def owners(counts: Ints) -> Ints:
    """The index of the owner of each item, where owner i has counts[i] items."""
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def sum_within(values: Floats, counts: Ints) -> Floats:
    """The running sum of `values`, begun anew for every owner of counts[i] values."""
    running: Floats = np.cumsum(values)
    ends = np.cumsum(counts)
    before = np.concatenate([[0.0], running])[ends - counts]
    running -= np.repeat(before, counts)
    return running
