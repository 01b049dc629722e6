"""How unevenly worth is spread along an order of the customers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from contract.models import Numbers
from training.estimates import Table, mark
from training.ordering import RANKS, Places, Ranking


@dataclass(frozen=True)
class Curves:
    """Observed worth along one or more orders of the customers, in bins of rank from the top."""

    observed: Numbers
    cells: Sequence[Places]

    @classmethod
    def both(cls, observed: Numbers, orders: Sequence[Numbers]) -> tuple["Curves", "Curves"]:
        """Return the curves with every customer told apart, and with `RANKS` bins."""
        ranked = [Ranking(observed, order) for order in orders]
        fine, coarse = ([r.bin(most) for r in ranked] for most in (len(observed), RANKS))
        return cls(observed, fine), cls(observed, coarse)

    @property
    def table(self) -> Table:
        """Customers x bins, for each order: worth, and customers."""
        parts = [
            mark(cell, int(cell.max()) + 1, amount)
            for cell in self.cells
            for amount in (self.observed, None)
        ]
        return sparse.hstack(parts, format="csr")

    def part(self, sums: Numbers) -> list[tuple[Numbers, Numbers]]:
        """Return worth and customers in each bin, for each order: resamples x bins."""
        widths = [int(cell.max()) + 1 for cell in self.cells]
        ends = np.cumsum(np.repeat(widths, 2))[:-1]
        parts = np.split(sums, ends, axis=1)
        return list(zip(parts[::2], parts[1::2], strict=True))

    def find_ginis(self, sums: Numbers) -> list[Numbers]:
        """Return the Gini index along each order, for each resample; NaN without any worth."""
        return [_find_gini(worth, customers) for worth, customers in self.part(sums)]


def _find_gini(worth: Numbers, customers: Numbers) -> Numbers:
    """Return the area between the curve of captured worth and the diagonal; bins are ties."""
    held = np.cumsum(worth, axis=1)
    under = ((held - worth / 2) * customers).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(under / (held[:, -1] * customers.sum(axis=1)) - 0.5)
