"""What the phases of an Erlang gap foretell: the closed forms behind the truth.

A gap of mean one with k phases is k exponential waits at rate k, one after the other. So
the number of phases that end in a time x is Poisson with mean kx, and an order is every kth
of them. Times are customers' own: clock times order rate.
"""

from collections.abc import Iterator
from math import factorial

import numpy as np

from .arrays import Floats, Ints
from .constants import PLANTED

SHAPES = PLANTED.buying.gap_shapes
LEAST = 1e-12
"""Stands for a chance of zero where a root of it is divided by."""


def survive(shape: Ints, waits: Floats) -> Floats:
    """The chance that an Erlang gap of mean one, of each shape, is longer than each wait."""
    phases = shape[:, None] * waits
    terms: Floats = np.zeros_like(phases)
    for number in range(max(SHAPES)):
        rows = np.flatnonzero(number < shape)
        terms[rows] += phases[rows] ** number / factorial(number)
    terms *= np.exp(-phases)
    return terms


def weigh_phases(shape: Ints, aged: Floats) -> Floats:
    """The chance that 0, 1, 2 … phases of a gap are over that has lasted so long already.

    One row per gap: a Poisson draw with mean k × age that is known to be below k.
    """
    weights = np.zeros((len(shape), max(SHAPES)))
    for number in range(max(SHAPES)):
        weights[:, number] = (shape * aged) ** number / factorial(number) * (number < shape)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def draw_phases(rng: np.random.Generator, shape: Ints, aged: Floats) -> Ints:
    """How many phases of each gap are over, drawn given how long it has lasted."""
    edges = np.cumsum(weigh_phases(shape, aged), axis=1)[:, :-1]
    over: Ints = (rng.random(len(shape))[:, None] >= edges).sum(axis=1)
    return over


def expect_renewals(shape: Ints, aged: Floats, ahead: Floats) -> Floats:
    """The expected number of orders in each own time ahead, given the age of the gap.

    The phase that is running walks round a ring of k, whose harmonics fade: with weight q_j
    of j phases over, w = exp(2πil/k) and a = k(1 − w^l), the number is
    x + Σ_{l=1}^{k−1} Σ_j q_j w^{l(j+1)} (1 − exp(−a x)) / a; Cox (1962), Renewal Theory, ch. 4.
    """
    number = ahead.copy()
    for k, rows in split_shapes(shape):
        weights = weigh_phases(shape[rows], aged[rows])[:, :k]
        for root, times in list_roots(k)[1:]:
            fade = k * (1 - root)
            start = weights @ root ** np.arange(1, k + 1) / fade
            number[rows] += times * (start[:, None] * -np.expm1(-fade * ahead[rows])).real
    return number


def escape(shape: Ints, aged: Floats, ahead: Floats, spared: Floats) -> Floats:
    """The chance that no order within each own time ahead is a hit, each spared so likely.

    The ring as above, but an order ends it unless spared (chance z): its harmonics are those
    of r = z^{1/k}. Arrays: `ahead` per customer and time, `spared` and the answer also per
    kind of hit, as [customer, kind] and [customer, kind, time].
    """
    chance = np.zeros((*spared.shape, ahead.shape[1]))
    for k, rows in split_shapes(shape):
        weights = weigh_phases(shape[rows], aged[rows])[:, None, :k]
        radius = np.maximum(spared[rows], LEAST) ** (1 / k)
        for root, times in list_roots(k):
            turn = radius * root
            powers = turn[..., None] ** np.arange(k)
            start = (1 / powers).mean(axis=-1) * (weights * powers).sum(axis=-1)
            fade = np.exp(-k * (1 - turn)[..., None] * ahead[rows][:, None, :])
            chance[rows] += times * (start[..., None] * fade).real
    return chance


def list_roots(k: int) -> list[tuple[complex | float, int]]:
    """The k-th roots of one, 1 itself first, and how often each counts.

    Of two that mirror each other in the real line one is left out and the other counts twice,
    as only their real part is wanted; 1 and -1 are plain numbers, which is quicker.
    """
    half = [np.exp(2j * np.pi * number / k) for number in range(1, (k + 1) // 2)]
    roots: list[tuple[complex | float, int]] = [(1.0, 1), *((complex(root), 2) for root in half)]
    return [*roots, (-1.0, 1)] if k % 2 == 0 else roots


def split_shapes(shape: Ints) -> Iterator[tuple[int, Ints]]:
    """Each number of phases, with the rows that have it."""
    for k in SHAPES:
        yield k, np.flatnonzero(shape == k)
