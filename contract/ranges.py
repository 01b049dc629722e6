"""Between which values each feature lay among the customers that a model was judged on."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from contract.models import Columns, Numbers, make_once

BEYOND = 0.1  # of its range; the days that pass carry ages a little beyond what was seen


class Ranges(BaseModel):
    """The least and the most of each feature, in one order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]

    @cached_property
    def _limits(self) -> tuple[Numbers, Numbers]:
        least, most = np.array([self.least, self.most], dtype=np.float64)[:, :, None]
        beyond = BEYOND * (most - least)
        return least - beyond, most + beyond

    def exceed(self, columns: Columns) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return whether a feature of each row lies clearly beyond what was seen."""
        rows = len(next(iter(columns.values())))
        if not self.names:
            return np.zeros(rows, dtype=np.bool_)
        # Stacking takes twice as long for one customer, who is asked for more often than many.
        told = make_once(
            columns, self.names, lambda: np.concatenate([columns[name] for name in self.names])
        ).reshape(len(self.names), rows)
        least, most = self._limits
        return np.asarray(((told < least) | (told > most)).any(axis=0))


def measure_ranges(columns: Mapping[str, Numbers]) -> Ranges:
    """Return the range of each feature that varied; one that was never known has none."""
    seen = {name: column[~np.isnan(column)] for name, column in columns.items()}
    held = {n: (float(c.min()), float(c.max())) for n, c in seen.items() if len(c)}
    held = {name: (least, most) for name, (least, most) in held.items() if least < most}
    least, most = zip(*held.values(), strict=True) if held else ((), ())
    return Ranges(names=tuple(held), least=least, most=most)
