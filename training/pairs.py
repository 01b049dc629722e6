"""Pairs of customers of whom one ordered first, and whether that one was foretold to.

Counted in n log n steps: customers are sorted by time, then halved again and again by what was
foretold, and in each half the pairs across the halves are counted by running sums.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.models import Numbers
from training.ordering import Places


@dataclass(frozen=True)
class Pairs:
    """For each customer, the weight of the pairs it is in; so every pair counts for both.

    A pair is of a customer who ordered and one who had not yet; its weight is that of the first.
    """

    comparable: Numbers
    concordant: Numbers


def count_pairs(later: Places, foretold: Numbers, weight: Numbers) -> Pairs:
    """Return the pairs of each customer; those foretold the same day count half.

    `later` ranks the customers by time: of two with the same rank neither came first. `weight` is
    0 for a customer who cannot be the first of a pair.
    """
    rank = np.unique(foretold, return_inverse=True)[1]
    order = np.lexsort((-rank, later))  # within one rank of time, none finds a larger one behind
    behind, before = np.empty(len(rank)), np.empty(len(rank))
    behind[order], before[order] = _count_larger_behind(rank[order], weight[order])
    same = _count_later(rank, later, weight)
    everyone = _count_later(np.zeros_like(rank), later, weight)
    return Pairs(
        comparable=everyone.both(weight),
        concordant=_Sides(behind, before).both(weight) + same.both(weight) / 2,
    )


@dataclass(frozen=True)
class _Sides:
    """How many customers each one came before, and the weight of those that came before it."""

    behind: Numbers
    before: Numbers

    def both(self, weight: Numbers) -> Numbers:
        return weight * self.behind + self.before


def _count_later(group: Places, later: Places, weight: Numbers) -> _Sides:
    """Count within each group of customers, by time alone."""
    order = np.lexsort((later, group))
    among, at = group[order], later[order]
    starts = _find_starts(among[1:] != among[:-1])
    runs = _find_starts((among[1:] != among[:-1]) | (at[1:] != at[:-1]))
    end, run_end = _find_ends(starts), _find_ends(runs)
    summed = np.r_[0, np.cumsum(weight[order])]
    behind, before = np.empty(len(order)), np.empty(len(order))
    behind[order] = end - run_end
    before[order] = summed[runs] - summed[starts]
    return _Sides(behind, before)


def _find_starts(new: NDArray[np.bool_]) -> Places:
    """Return for each place where its stretch starts, told where a new one does."""
    place = np.arange(len(new) + 1)
    return np.asarray(np.maximum.accumulate(np.where(np.r_[True, new], place, 0)))


def _find_ends(starts: Places) -> Places:
    """Return for each place where the next stretch starts."""
    first = np.flatnonzero(starts == np.arange(len(starts)))
    return np.repeat(np.r_[first[1:], len(starts)], np.diff(np.r_[first, len(starts)]))


def _count_larger_behind(rank: Places, weight: Numbers) -> tuple[Numbers, Numbers]:
    """Return how many larger ranks stand behind each, and the weight of smaller ones before it.

    From the highest bit of the ranks down: all that share the bits above stand together, in their
    first order; those with a 0 find each 1 behind them larger, and are then put before the ones.
    """
    behind, before = np.zeros(len(rank)), np.zeros(len(rank))
    place = np.arange(len(rank))
    start = np.zeros(len(rank), dtype=np.intp)
    for bit in reversed(range(int(rank.max(initial=0)).bit_length())):
        one = (rank[place] >> bit & 1).astype(bool)
        ones, zeros = np.r_[0, np.cumsum(one)], np.r_[0, np.cumsum(~one)]
        weighed = np.r_[0, np.cumsum(np.where(one, 0, weight[place]))]
        end = _find_ends(start)
        behind[place] += np.where(one, 0, ones[end] - ones[1:])
        before[place] += np.where(one, weighed[:-1] - weighed[start], 0)
        middle = start + zeros[end] - zeros[start]
        goes = np.where(one, middle + ones[:-1] - ones[start], start + zeros[:-1] - zeros[start])
        place, start = _put(place, goes), _put(np.where(one, middle, start), goes)
    return behind, before


def _put(values: Places, goes: Places) -> Places:
    placed = np.empty_like(values)
    placed[goes] = values
    return placed
