"""Whole numbers of many rows: exact sums, whatever the order, and what comes before a place."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]
Array = NDArray[Any]
Upto = Callable[[Whole], Whole]

MILLION = 1_000_000
LOW_BITS = np.array([(1 << n) - 1 for n in range(8)], dtype=np.uint8)
FEW = 1_000  # flags that are sooner added up than packed
LARGEST_AGE = 1 << 36  # millionths of a day: 188 years


def add_up(values: Array) -> Upto:
    """Return what says of places how much comes before each: whole numbers, or flags counted."""
    if values.dtype == np.bool_ and len(values) > FEW:
        return _count_flags(values)
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    # Cast first: a sum that casts on its way is slower, and holds other threads up.
    values.astype(np.int64, copy=False).cumsum(out=sums[1:])
    return sums.__getitem__


def _count_flags(flags: Mask) -> Upto:
    """Return what counts the flags before places, packed eight to a byte: four times faster."""
    packed = np.append(np.packbits(flags, bitorder="little"), np.uint8(0))
    before = np.zeros(len(packed), dtype=np.int64)
    np.cumsum(np.bitwise_count(packed[:-1]).astype(np.int64), out=before[1:])

    def count(places: Whole) -> Whole:
        byte = places >> 3
        inside = np.bitwise_count(packed[byte] & LOW_BITS[places & 7])
        return np.asarray(before[byte] + inside)

    return count


def as_millionths(quantity: Array) -> Whole:
    """Return a quantity in whole millionths, the unknown as 0; halves are rounded up."""
    whole = quantity * MILLION
    whole += 0.5
    np.floor(whole, out=whole)
    if np.isnan(whole).any():
        whole[np.isnan(whole)] = 0.0
    return whole.astype(np.int64)


def sort_within(owners: Whole, whole: Whole) -> Whole:
    """Return the numbers (>= 0) of each owner in order; packed, they sort several times faster."""
    if whole.max(initial=0) < LARGEST_AGE:
        packed = owners * LARGEST_AGE + whole
        packed.sort()
        return np.asarray(packed % LARGEST_AGE)
    return whole[np.lexsort((whole, owners))]


def find_medians(owners: Whole, whole: Whole, customers: int) -> Numbers:
    """Return the median of each owner's numbers, which are in millionths (>= 0), NaN without."""
    told = np.append(sort_within(owners, whole), 0)
    ends = np.cumsum(np.bincount(owners, minlength=customers))
    n, last = np.diff(ends, prepend=0), len(told) - 1
    low, high = (np.minimum(ends - n + k, last) for k in (np.maximum(n - 1, 0) // 2, n // 2))
    return np.where(n > 0, (told[low] + told[high]) / (2 * MILLION), np.nan)


def reduce_parts(join: Any, values: Array, part: tuple[Whole, Whole]) -> Numbers:
    """Return the values from each start up to each end joined by a ufunc, NaN for an empty part."""
    starts, ends = part
    found = np.full(len(starts), np.nan)
    held = np.flatnonzero(ends > starts)
    if len(held):
        edges = np.stack([starts[held], ends[held]], axis=1).ravel()
        edges = edges[:-1] if edges[-1] == len(values) else edges
        found[held] = join.reduceat(values, edges)[::2]
    return found
