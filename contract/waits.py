"""How soon the next order comes, from the chance that it comes within the horizon."""

from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict

from contract.models import Numbers

FAR_DAYS = 1825.0  # a day further off than five years says no more than "not soon"


class Waits(BaseModel):
    """How the hazard of an order runs up in days, for customers grouped by their chance of one.

    A customer with chance p of an order within the horizon has none within `days[j]` with chance
    (1 - p) ** clock[g][j]; group g is the first whose edge lies above p, else the last. The clock
    shows 1 at the horizon, and runs on beyond the last day as it did over the later half.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: tuple[float, ...]
    days: tuple[float, ...]
    clock: tuple[tuple[float, ...], ...]

    def days_until(self, share: float | Numbers, chance: Numbers) -> Numbers:
        """Return the days by which `share` of customers with this chance have ordered.

        Of several shares, as a column, there is a row each.
        """
        kept = np.minimum(np.maximum(chance, 1e-9), 1 - 1e-9)
        wanted = np.log(1 - share) / np.log(1 - kept)
        edges, _, clocks = self._arrays
        group = np.searchsorted(edges, kept, side="right")
        told = np.empty(wanted.shape)
        for number in set(group.tolist()):
            own = group == number
            told[..., own] = self._read(clocks[number], wanted[..., own])
        return np.minimum(told, FAR_DAYS)

    @cached_property
    def _arrays(self) -> tuple[Numbers, Numbers, tuple[Numbers, ...]]:
        clocks = tuple(np.array(clock) for clock in self.clock)
        return np.array(self.edges), np.array(self.days), clocks

    def _read(self, clock: Numbers, wanted: Numbers) -> Numbers:
        days, half = self._arrays[1], (len(self.days) - 1) // 2
        pace = (clock[-1] - clock[half]) / (days[-1] - days[half])
        beyond = (wanted - clock[-1]) / max(pace, 1e-9)
        inside = np.interp(wanted, np.append(0, clock), np.append(0, days))
        return np.asarray(np.where(wanted > clock[-1], days[-1] + beyond, inside))
