"""Exact Shapley values of boosted trees, by tables of a few leaves each, for many rows at once.

The game is that of TreeSHAP (Lundberg et al. 2020, Nature Machine Intelligence 2:56), as XGBoost's
own `pred_contribs` plays it: a feature that is not told goes both ways, in proportion to the cover.
What a leaf adds hangs on which of the few tests above it come out its way, so each outcome of the
tests of up to four leaves is worked out once and then looked up.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]

BLOCK = 128  # rows at a time, so that what is looked up stays in the processor's cache


@dataclass(frozen=True)
class Boughs:
    """Parts of trees: their tests, and a table of what each test's feature adds by the outcomes.

    `features`, `edges` and `missing` are tests x parts; a row goes left where its feature lies
    below the edge, or where it is missing and `missing` says so. `table` is tests x parts x
    2^tests; a test whose feature another stands for adds nothing.
    """

    features: NDArray[np.intp]
    edges: Floats
    missing: NDArray[np.bool_]
    table: Numbers
    start: float

    def share(self, rows: Floats) -> Numbers:
        """Return rows x inputs: what each input adds to the trees' sum beyond their mean."""
        told = np.zeros((rows.shape[1], len(rows)))
        if self.features.size:
            for first in range(0, len(rows), BLOCK):
                part = slice(first, first + BLOCK)
                told[self._plan.read, part] = self._look_up(rows[part].T)
        return told.T

    def _look_up(self, inputs: Floats) -> Numbers:
        gone = np.isnan(inputs)
        either = np.concatenate([np.where(gone, way, inputs) for way in (-np.inf, np.inf)])
        reads = self.features + np.where(self.missing, 0, len(inputs))
        outcomes = np.zeros((self.features.shape[1], inputs.shape[1]), dtype=np.intp)
        for bit, (read, edges) in enumerate(zip(reads, self.edges, strict=True)):
            outcomes += (either[read] < edges[:, None]).astype(np.intp) << bit
        places = outcomes[self._plan.parts]
        places += self._plan.tables
        return np.asarray(np.add.reduceat(self.table.take(places), self._plan.begins, axis=0))

    @cached_property
    def _plan(self) -> "_Plan":
        adds = np.flatnonzero(np.any(self.table != 0, axis=2).ravel())
        adds = adds[np.argsort(self.features.ravel()[adds], kind="stable")]
        by = self.features.ravel()[adds]
        begins = np.flatnonzero(np.append(True, by[1:] != by[:-1])[: len(by)])
        tables = adds[:, None] * self.table.shape[2]
        return _Plan(adds % self.features.shape[1], tables, begins, by[begins])


@dataclass(frozen=True)
class _Plan:
    """What is looked up, feature after feature: of which parts, and where its tables begin."""

    parts: NDArray[np.intp]
    tables: NDArray[np.intp]
    begins: NDArray[np.intp]
    read: NDArray[np.intp]
