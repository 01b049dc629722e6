"""Customers from the highest probability down, and how many of them came true in each stretch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contract.models import Numbers
from training.estimates import Table, add_up, draw_sums, mark

Places = NDArray[np.intp]
Counts = tuple[Numbers, Numbers]  # who came true and who did not: resamples x bins

RANKS = 1_000  # bins of rank that an interval is drawn over; a figure itself is of every customer


@dataclass(frozen=True)
class Ranking:
    """Customers from the highest probability down; those with equal probability form one group."""

    outcome: Numbers
    probability: Numbers

    @cached_property
    def order(self) -> Places:
        """Positions from the highest probability down."""
        return np.argsort(-self.probability, kind="stable")

    @cached_property
    def groups(self) -> Places:
        """Where each group of equal probabilities starts in that order."""
        ranked = self.probability[self.order]
        return np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def bin(self, most: int) -> Places:
        """Return each customer's bin of rank, 0 for the highest.

        There are at most so many bins, of about as many customers each; none parts a group.
        """
        sizes = np.diff(np.r_[self.groups, len(self.order)])
        found = np.empty(len(self.order), dtype=np.intp)
        found[self.order] = np.repeat(gather(sizes, most), sizes)
        return found


def gather(sizes: NDArray, most: int) -> Places:
    """Return for each stretch, in order, which of at most so many bins of like size it goes to."""
    if len(sizes) <= most:
        return np.arange(len(sizes))
    middle = np.cumsum(sizes) - sizes / 2
    wanted = np.floor(middle / sizes.sum() * most)
    return np.cumsum(np.r_[0, np.diff(wanted) > 0])


@dataclass(frozen=True)
class Binned:
    """A ranking in bins of rank, from the highest down: its customers, and what they were told."""

    ranking: Ranking
    cell: Places

    @cached_property
    def sizes(self) -> Numbers:
        """Customers in each bin."""
        return np.bincount(self.cell).astype(np.float64)

    @cached_property
    def told(self) -> Numbers:
        """Mean probability in each bin."""
        return np.bincount(self.cell, self.ranking.probability) / self.sizes

    @property
    def counts(self) -> Counts:
        """1 x bins: who came true and who did not, every customer once."""
        return self._part(add_up(self._marks()))

    def draw(self) -> Iterator[Counts]:
        """Return blocks of resamples x bins: who came true and who did not."""
        return (self._part(sums) for sums in draw_sums(self._marks()))

    def _marks(self) -> Table:
        others = self.ranking.outcome <= 0
        bins = len(self.sizes)
        return mark(self.cell + bins * others, 2 * bins)

    def _part(self, sums: Numbers) -> Counts:
        bins = len(self.sizes)
        return sums[:, :bins], sums[:, bins:]


def bin_finely(ranking: Ranking) -> Binned:
    """Return a bin for each probability, which loses nothing."""
    return Binned(ranking, ranking.bin(len(ranking.order)))


def bin_coarsely(ranking: Ranking) -> Binned:
    """Return at most `RANKS` bins, for what is done once for each resample."""
    return Binned(ranking, ranking.bin(RANKS))
