"""What BG/NBD expects of customers over any days ahead, from finished features alone.

The feature room tells the same over its own horizons (features/lifetime.py); a bundle, which may be
asked over others, knows no features but those it is given.
"""

from functools import cache

import numpy as np

from contract.models import Columns, Numbers, or_zero
from contract.norms import Repeating

WEEK = 7
NODES = 40
LEAST = 1e-12  # chance of leaving, below which 0 would be divided by 0
BLOCK = 20_000  # customers at a time, so that memory lasts

INPUTS = ("order_days", "customer_age_days", "active_probability")


def expect_chance(model: Repeating, columns: Columns, days: int) -> Numbers:
    """Return the chance of an order in so many days ahead; 0 for who has not ordered.

    Fader, Hardie & Lee (2005), eq. 7, integrated, as `order_probability` has it.
    """
    orders, age, active = (or_zero(columns[name]) for name in INPUTS)
    held = model.alpha + age / WEEK
    power = model.r + np.maximum(orders - 1, 0)
    none = np.exp(power * np.log(held / (held + days / WEEK)))
    return np.asarray(active * (1 - none))


def expect_orders(model: Repeating, columns: Columns, days: int) -> Numbers:
    """Return the days with an order expected in so many days ahead; 0 for who has not ordered.

    Who leaves after an order with chance p and orders at rate l places (1 - exp(-l p t)) / p of
    them in a time t (Fader, Hardie & Lee 2005, eq. 9). Here its mean over l, a gamma, in closed
    form, and over p, which is beta(a, b + x) for who is active, by quadrature.
    """
    orders, age, active = (or_zero(columns[name]) for name in INPUTS)
    told = np.empty(len(orders))
    for first in range(0, len(orders), BLOCK):
        part = slice(first, first + BLOCK)
        told[part] = active[part] * _integrate(model, (orders[part], age[part]), days / WEEK)
    return told


def _integrate(model: Repeating, known: tuple[Numbers, Numbers], ahead: float) -> Numbers:
    x, age = np.maximum(known[0] - 1, 0)[:, None], known[1][:, None]
    held, stayed = model.alpha + age / WEEK, model.b + x
    nodes, weights = _find_nodes()
    # Up to where the beta has its mass; p^(a - 1), endless at 0 where a is below 1, is taken out.
    least = min(model.a, 1.0)
    end = np.minimum((model.a + 8 * np.sqrt(model.a) + 12) / (model.a + stayed), 1.0)
    p = np.maximum(end * nodes ** (1 / least), LEAST)
    mass = weights * nodes ** ((model.a - least) / least)
    with np.errstate(divide="ignore"):
        mass = mass * np.exp((stayed - 1) * np.log1p(-np.minimum(p, 1 - 1e-15)))
    placed = -np.expm1(-(model.r + x) * np.log1p(p * ahead / held)) / p
    return np.asarray((mass * placed).sum(axis=1) / mass.sum(axis=1))


@cache
def _find_nodes() -> tuple[Numbers, Numbers]:
    """Return Gauss and Legendre's nodes and weights from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2
