"""Records whose rows stay as the store has them, in columns, and what is to be known of those."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from contract.columns import LARGEST_SUM
from contract.moments import as_micros
from contract.norms import Norms
from features.arrow import ACTS, LINES, code_names, forget_empty
from features.sums import Mask
from serving.store.held import NOTHING, Held, Part

SUMS = ("amount", "quantity", "discount")
DOUBTFUL = 0.999 * LARGEST_SUM  # a sum in another order may be a little more or less


class Marks(NamedTuple):
    """What is to be said of a record's rows: some too late, of unseen products, of none."""

    late: bool
    unseen_product: bool
    missing_product: bool


@dataclass(frozen=True)
class Kept:
    """What the store has, and by the record's key the place there of its customer."""

    held: Held = field(default_factory=lambda: NOTHING)
    places: dict[str, int] = field(default_factory=dict)

    def list_rows(self, numbers: Mapping[str, int]) -> tuple[pa.Table, pa.Table]:
        """Return the lines and acts of those records that have a number, under this."""
        own = [(place, numbers[key]) for key, place in self.places.items() if key in numbers]
        places, owners = np.array(own, dtype=np.int64).reshape(-1, 2).T
        lines = self.held.lines.choose(places, owners, LINES)
        return lines, self.held.acts.choose(places, owners, ACTS)

    def mark(self, norms: Norms, as_of: datetime) -> dict[str, Marks]:
        """Return by the record's key what is to be said of its rows."""
        if not self.places:
            return {}
        parts, as_of_us = (self.held.lines, self.held.acts), as_micros(as_of)
        late = np.logical_or(*(_find_late(part, as_of_us) for part in parts))
        columns = (told.tolist() for told in (late, *_look_at_products(self.held.lines, norms)))
        marks = [Marks(*row) for row in zip(*columns, strict=True)]
        return {key: marks[place] for key, place in self.places.items()}


NONE_KEPT = Kept()


def find_plain(held: Held) -> dict[str, int]:
    """Return the places of customers whose rows need no check, by id.

    Those of the others may be in several currencies, or have a column that adds up to too much.
    """
    if not held:
        return {}
    doubtful = _find_mixed(held.lines)
    for name in SUMS:
        told = np.nan_to_num(held.lines.table[name].to_numpy())
        doubtful |= np.bincount(held.lines.owner, np.abs(told), len(doubtful)) > DOUBTFUL
    wrong = doubtful.tolist()
    return {who: place for who, place in held.places.items() if not wrong[place]}


def _find_mixed(lines: Part) -> Mask:
    """Return whether each customer's lines name two currencies, be it one in other letters."""
    mixed = np.zeros(len(lines.bounds) - 1, dtype=bool)
    currency, names = code_names(lines.table["currency"])
    if len(names) > 1:
        known = currency >= 0
        whose, code = lines.owner[known], currency[known]
        mixed[whose[1:][(whose[1:] == whose[:-1]) & (code[1:] != code[:-1])]] = True
    return mixed


def _find_late(part: Part, as_of_us: int) -> Mask:
    """Return whether each customer's newest row, which is the last, is not before the moment."""
    late, held = np.zeros(len(part.bounds) - 1, dtype=bool), part.sizes > 0
    late[held] = part.table["at_us"].to_numpy()[part.bounds[1:][held] - 1] >= as_of_us
    return late


def _look_at_products(lines: Part, norms: Norms) -> tuple[Mask, Mask]:
    """Return whether each customer bought a product that no model has seen, and one not told."""
    if not norms.products:
        never = np.zeros(len(lines.bounds) - 1, dtype=bool)
        return never, never
    codes, names = code_names(forget_empty(lines.table["product_id"]))
    known = [name in norms.products or name in norms.non_goods for name in names]
    unseen = ~np.array([*known, True])[codes]
    return _hold(lines, unseen), _hold(lines, codes < 0)


def _hold(part: Part, rows: Mask) -> Mask:
    """Return whether each customer has one of these rows."""
    held = np.zeros(len(part.bounds) - 1, dtype=bool)
    held[part.owner[rows]] = True
    return held
