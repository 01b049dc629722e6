"""Pairs of customer and category told together: which there are, their columns, what those mean."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from contract.choice import Flags, Shelf
from contract.models import Columns, Numbers, list_once
from features.pairs import PAIRS, UNITS
from features.turns import Own

INPUTS = {name: tuple(inspect.signature(made).parameters) for name, made in PAIRS.items()}


def list_needed(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names and all that they are made of, but what is own and the shelf."""
    needed = list(names)
    for name in needed:  # which grows meanwhile
        needed += [i for i in INPUTS.get(name, ()) if i not in (*needed, "own", "shelf")]
    return list_once(needed)


def list_customers(names: Sequence[str]) -> tuple[str, ...]:
    """Return the features of the customer alone that these columns are, or are made of."""
    return tuple(name for name in list_needed(names) if name not in PAIRS)


def find_candidates(own: Own, shelf: Shelf) -> Flags:
    """Return customers x categories: whether it may be shown to the customer."""
    fresh = shelf.offer.repeats | (own.days > shelf.offer.look_back_days)
    return np.asarray(fresh & shelf.offered)


def tell_pairs(
    own: Own, shelf: Shelf, customers: Columns, names: Sequence[str], held: Flags
) -> dict[str, Numbers]:
    """Return the named columns of the pairs that `held`, customers x categories, marks."""
    known: dict[str, Any] = {"own": own, "shelf": shelf}
    needed = list_needed(names)
    known |= {name: customers[name][:, None] for name in needed if name not in PAIRS}
    for name, definition in PAIRS.items():  # each after what it is made of
        if name in needed:
            known[name] = definition(*[known[i] for i in INPUTS[name]])
    return {name: np.broadcast_to(known[name], held.shape)[held] for name in names}


def describe_pairs() -> list[dict[str, str]]:
    """Return the dictionary entry of each feature of a pair."""
    return [_entry(name, inspect.getdoc(made) or "") for name, made in PAIRS.items()]


def _entry(name: str, told: str) -> dict[str, str]:
    meaning, _, missing = told.rstrip(".").partition("; ")
    days = re.search(r"_(\d+)d$", name)
    return {
        "name": name,
        "meaning": f"{meaning}.",
        "unit": UNITS[PAIRS[name]],
        "made_of": ", ".join(INPUTS[name]),
        "window": f"{days[1]} days" if days else "",
        "missing": missing or "never",
        "method": "",
    }
