"""The people of the shop: who they are, how they buy, and when they leave."""

from dataclasses import dataclass

import numpy as np

from .arrays import Flags, Floats, Ints, pick
from .clock import Clocks, turn_back
from .constants import PLANTED


@dataclass(frozen=True)
class People:
    """Who the customers of one chunk are and how their buying is planted, by position."""

    kind: Ints
    country: Ints
    habit: Ints
    clock: Ints
    since: Floats
    first: Floats
    left: Floats
    rate: Floats
    gap_shape: Ints
    hazard: Floats
    lift: Ints
    held_out: Flags


def draw_people(rng: np.random.Generator, size: int, clocks: Clocks) -> People:
    """The customers of one chunk; one who never orders has a rate of zero."""
    kinds, lifts = PLANTED.kinds, len(PLANTED.campaigns.lifts)
    kind = pick(rng, kinds.shares, size)
    country = pick(rng, kinds.country_shares, size)
    habit = (rng.random(size) < np.array(kinds.office_hours)[kind]).astype(np.int64)
    lift = pick(rng, PLANTED.campaigns.lift_shares, size)
    held_out = rng.random(size) < PLANTED.campaigns.hold_out_share
    first = draw_arrivals(rng, habit, clocks)
    hazard = draw_hazards(rng, size)
    return People(
        kind=kind,
        country=country,
        habit=habit,
        clock=habit * lifts + np.where(held_out, 0, lift),
        since=draw_since(rng, first),
        first=first,
        left=first + rng.standard_exponential(size) / hazard,
        rate=draw_rates(rng, kind),
        gap_shape=np.array(PLANTED.buying.gap_shapes)[pick(rng, PLANTED.buying.gap_shares, size)],
        hazard=hazard,
        lift=lift,
        held_out=held_out,
    )


def draw_arrivals(rng: np.random.Generator, habit: Ints, clocks: Clocks) -> Floats:
    """When each customer first orders (or would): more early on, and in busy hours."""
    row = habit * len(PLANTED.campaigns.lifts)
    whole = np.array([np.interp(clocks.ends, clocks.edges, total) for total in clocks.totals])
    share = rng.random(len(habit)) ** PLANTED.buying.arrival_power
    return turn_back(clocks, row, share * whole[row])


def draw_since(rng: np.random.Generator, first: Floats) -> Floats:
    """When each customer became known: at the first order, or for some a while before."""
    planted = PLANTED.buying
    early = rng.random(len(first)) < planted.early_share
    lead = rng.standard_exponential(len(first)) * planted.early_days
    return np.where(early, np.maximum(first - lead, 0.0), first)


def draw_rates(rng: np.random.Generator, kind: Ints) -> Floats:
    """Orders per day before season: gamma across customers, zero for those who never order."""
    planted = PLANTED.buying
    rates = rng.gamma(planted.rate_shape, planted.rate_mean / planted.rate_shape, len(kind))
    rates = np.maximum(rates * np.array(PLANTED.kinds.rate_factors)[kind], 1e-9)
    return np.where(rng.random(len(kind)) < planted.never_share, 0.0, rates)


def draw_hazards(rng: np.random.Generator, size: int) -> Floats:
    """The chance per day of leaving: gamma across customers, so that lives are Pareto."""
    planted = PLANTED.leaving
    hazards = rng.gamma(planted.hazard_shape, 1.0 / planted.hazard_days, size)
    return np.maximum(hazards, 1e-12)
