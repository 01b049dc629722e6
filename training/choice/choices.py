"""Customers x categories at a moment: features of each pair beside whether it was bought."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd

from contract.choice import USUAL, Shelf
from contract.models import Columns, Numbers, list_once
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute
from features.history import History
from features.pairing import find_candidates, tell_pairs
from features.pairs import CUSTOMERS, PAIRS
from features.shelves import Stock, find_shelf
from features.sources import Shop
from features.timeline import AS_OF, CUSTOMER, DAY_US
from features.turns import PERIOD, YEAR, Own, find_own
from training.outcomes import OUTCOME
from training.rankings import NOT_SHOWN, Flags
from training.targets import Target

INPUTS = (*PAIRS, *CUSTOMERS)
MOST_PAIRS = 1_000_000  # at a moment; more customers are sampled
MOST_OTHERS = 30_000  # pairs not bought that a moment gives to learn from
SEED = 7

Source = tuple[History, Stock]  # the customers, and the same by categories


@dataclass(frozen=True)
class Choices:
    """Eligible customers x categories of the shelf, as of one moment.

    `columns`, `outcome` and `base_rate` are of the candidate pairs, customer after customer.
    """

    moment: datetime
    shelf: Shelf
    ids: "pd.Series[str]"
    places: np.ndarray  # of the customers in the history
    own: Own
    customers: Columns
    bought: Flags
    kept: Flags | None = None

    @cached_property
    def held(self) -> Flags:
        """Customers x categories: which are candidates."""
        candidates = find_candidates(self.own, self.shelf)
        return candidates if self.kept is None else candidates & self.kept

    def only(self, kept: Flags) -> "Choices":
        """Return the choices with those pairs alone as candidates."""
        return replace(self, kept=kept)

    @cached_property
    def columns(self) -> Columns:
        """The features of each pair."""
        return tell_pairs(self.own, self.shelf, self.customers, INPUTS, self.held)

    @cached_property
    def outcome(self) -> Numbers:
        """1 where the pair was bought, else 0."""
        return self.bought[self.held].astype(np.float64)

    @property
    def base_rate(self) -> Numbers:
        """What is usual of each pair's category."""
        return self.columns[USUAL]

    @cached_property
    def owner(self) -> np.ndarray:
        """The customer of each pair, as a place."""
        return np.nonzero(self.held)[0]

    def spread(self, told: Numbers) -> Numbers:
        """Return customers x categories of what is told of each pair, NOT_SHOWN elsewhere."""
        table = np.full(self.held.shape, NOT_SHOWN)
        table[self.held] = told
        return table

    def as_frame(self, most: int) -> pd.DataFrame:
        """Return about so many pairs at most, evenly spaced, as rows with their customer."""
        rows = np.arange(0, len(self.owner), -(-len(self.owner) // most) or 1)
        keys = {CUSTOMER: self.ids.to_numpy()[self.owner[rows]], AS_OF: as_micros(self.moment)}
        told = {name: column[rows] for name, column in self.columns.items()}
        return pd.DataFrame({**keys, **told, OUTCOME: self.outcome[rows]})


@dataclass(frozen=True)
class Pairs:
    """Pairs of one moment or several to learn from, those not bought for more than themselves."""

    columns: Columns
    outcome: Numbers
    weight: Numbers
    base_rate: Numbers


def thin(choices: Choices) -> Pairs:
    """Return the pairs bought, and of the others a sample that weighs as much as all."""
    (others,) = np.nonzero(choices.outcome == 0)
    came = np.flatnonzero(choices.outcome)
    if len(others) <= MOST_OTHERS:
        rows, weight = np.arange(len(choices.outcome)), 1.0
    else:
        drawn = np.random.default_rng(SEED).choice(others, MOST_OTHERS, replace=False)
        rows, weight = np.sort(np.append(came, drawn)), len(others) / MOST_OTHERS
    outcome = choices.outcome[rows]
    columns = {name: column[rows] for name, column in choices.columns.items()}
    return Pairs(columns, outcome, np.where(outcome > 0, 1.0, weight), columns[USUAL])


def join(parts: Sequence[Pairs]) -> Pairs:
    """Return the pairs of several moments together."""
    names = parts[0].columns
    told = ([getattr(p, fact) for p in parts] for fact in ("outcome", "weight", "base_rate"))
    columns = {name: np.concatenate([p.columns[name] for p in parts]) for name in names}
    return Pairs(columns, *map(np.concatenate, told))


def take_choices(seen: Source, target: Target, norms: Norms, shelf: Shelf | None = None) -> Choices:
    """Return the eligible customers' choices as of the moment of the norms."""
    history, stock = seen
    as_of_us = as_micros(norms.as_of)
    assert target.offer is not None
    shelf = shelf or find_shelf(stock, norms.as_of, target.over_days, target.offer)
    names = list_once([*CUSTOMERS, target.eligible.feature])
    found = compute(history, {norms.as_of: norms}, names)
    kept = target.eligible.holds(found.columns)
    places = np.flatnonzero(history.known(as_of_us))[kept]
    own = find_own(stock.turns.choose(shelf.names), as_of_us).take(places)
    return Choices(
        moment=norms.as_of,
        shelf=shelf,
        ids=pd.Series(found.ids.to_pandas(), dtype="str")[kept].reset_index(drop=True),
        places=places,
        own=own,
        customers={name: column[kept] for name, column in found.columns.items()},
        bought=find_bought(stock, target, norms.as_of, shelf)[places],
    )


def find_bought(stock: Stock, target: Target, moment: datetime, shelf: Shelf) -> Flags:
    """Return customers x categories: whether a line within the horizon counts as bought."""
    shop = Shop(stock.history)
    lines = shop.ahead("lines", as_micros(moment), target.over_days)
    held = np.flatnonzero(target.definition(lines))
    place = {name: i for i, name in enumerate(shelf.names)}
    table = np.array([*(place.get(n, -1) for n in lines.names("category")), -1], dtype=np.int64)
    category = table[lines.category[held]]
    owner = lines.each(np.arange(len(stock.history)))[held]
    bought = np.zeros((len(stock.history), len(shelf.names)), dtype=bool)
    bought[owner[category >= 0], category[category >= 0]] = True
    return bought


def list_periods(stock: Stock, choices: Choices) -> list[Numbers]:
    """Return customers x categories: the year's orders in each `PERIOD`, the last one first."""
    turns, as_of_us = stock.turns.choose(choices.shelf.names), as_micros(choices.moment)
    edges = [as_of_us - days * DAY_US for days in range(0, YEAR, PERIOD)]
    pairs = zip(edges[1:], edges, strict=False)
    return [turns.between(*pair).count()[choices.places] for pair in pairs]
