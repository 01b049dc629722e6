"""What probability models foretell from few numbers: orders to come, and their value.

The parameters come with the norms, fitted on what happened before their moment. Repeat orders
are days with an order after the first; time is told in weeks.
"""

from bisect import bisect_left
from functools import cache
from math import exp, log
from typing import Any

import numpy as np

from contract.norms import Norms, Repeating
from features.sums import Numbers
from features.verbs import at_least, at_most, choose, horizons, in_unit, is_one, ratio

WEEK = 7
TERMS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
FEW = 30  # customers, whose numbers one by one are sooner multiplied than as arrays


@in_unit("probability")
def active_probability(
    order_days: Numbers, customer_age_days: Numbers, days_since_order: Numbers, norms: Norms
) -> Numbers:
    """Chance by BG/NBD that the customer has not left, 1 after one order; null until the first.

    Fader, Hardie & Lee (2008), Computing P(alive) using the BG/NBD model, Note 021 of
    brucehardie.com.
    """
    model = norms.repeating
    if model is None:
        return order_days * np.nan
    x = order_days - 1
    age, last = customer_age_days / WEEK, (customer_age_days - days_since_order) / WEEK
    odds = (model.r + x) * np.log((model.alpha + age) / (model.alpha + last))
    left = model.a / (model.b + at_least(x, 1) - 1) * np.exp(at_most(odds, 700))
    active: Numbers = choose(x >= 0, 1 / (1 + choose(x > 0, left, 0.0)), np.nan)
    return active


@horizons(30, 90)
@in_unit("probability")
def order_probability(
    order_days: Numbers,
    customer_age_days: Numbers,
    active_probability: Numbers,
    norms: Norms,
    days: int,
) -> Numbers:
    """Chance by the BG/NBD model of an order in so many days ahead; null until the first.

    Of those active, whose rate is Gamma(r + x, alpha + T), a share ((alpha + T) / (alpha + T + t))
    to the power of r + x places none: eq. 7 of Fader, Hardie & Lee (2005), integrated.
    """
    model = norms.repeating
    if model is None:
        return order_days * np.nan
    age = model.alpha + customer_age_days / WEEK
    none = np.exp((model.r + order_days - 1) * np.log(age / (age + days / WEEK)))
    chance: Numbers = active_probability * (1 - none)
    return chance


@horizons(365)
@in_unit("orders")
def expected_orders(
    order_days: Numbers,
    customer_age_days: Numbers,
    active_probability: Numbers,
    norms: Norms,
    days: int,
) -> Numbers:
    """Days with an order that the BG/NBD model expects in so many days ahead; null until the first.

    Fader, Hardie & Lee (2005), "Counting your customers" the easy way, eq. 10; its hypergeometric
    function by Euler's transformation, of which a few terms are enough.
    """
    model = norms.repeating
    if model is None:
        return order_days * np.nan
    x = order_days - 1
    age, ahead = model.alpha + customer_age_days / WEEK, days / WEEK
    z = ahead / (age + ahead)
    top = model.a + model.b + x - 1
    ab = model.a + model.b - 1 - model.r, model.a - 1
    series = hypergeometric(ab, top, z, list_reaches(model))
    fewer = 1 - np.exp((model.r + x) * np.log(age / (age + ahead))) * series
    return active_probability * top / (model.a - 1) * fewer


@in_unit("money")
def expected_order_value(order_days: Numbers, spend_ever: Numbers, norms: Norms) -> Numbers:
    """Money per day with an order that the Gamma-Gamma model expects; null until the first order.

    Fader & Hardie (2013), The Gamma-Gamma model of monetary value, eq. 5.
    """
    model = norms.spending
    if model is None:
        return order_days * np.nan
    expected = model.p * (model.gamma + spend_ever) / (model.p * order_days + model.q - 1)
    told: Numbers = choose(order_days > 0, expected, np.nan)
    return told


@horizons()
@in_unit("money")
def expected_spend_365d(expected_orders_365d: Numbers, expected_order_value: Numbers) -> Numbers:
    """Money that both models together expect in 365 days ahead; null until the first order."""
    return expected_orders_365d * expected_order_value


@in_unit("ratio")
def expected_order_share(expected_orders_365d: Numbers, orders_365d: Numbers) -> Numbers:
    """Orders expected in 365 days in units of those of the last 365; null without one in them."""
    return ratio(expected_orders_365d, orders_365d)


@cache
def list_reaches(model: Repeating) -> tuple[float, ...]:
    """Return up to which w each number of TERMS of the series gives eight right digits.

    The slowest series is that of who has ordered once: its terms fall as w^n, or grow beside that
    as powers of n that the two singular points tell, w = 1 (z = 1) and w = -1 (z infinite).
    """
    r, a, b = model.r, model.a, model.b
    growth = max(0, 2 * (a - r) - 3, 2 * (r - a - b) + 1, 1 - 2 * a)
    return tuple(exp(-(26 + growth * log(n)) / n) for n in TERMS)


def hypergeometric(
    ab: tuple[float, float], c: Numbers, z: Numbers, reaches: tuple[float, ...]
) -> Numbers:
    """Return Gauss's 2F1(c - a, c - b; c; z) for 0 <= z < 1 and small a and b.

    By Euler's transformation it is (1 - z)^(a + b - c) times 2F1(a, b; c; z) (Abramowitz & Stegun
    15.3.3), which is summed in powers of w, where z = 4 w / (1 + w)^2: of z = .99, w is .82.
    """
    root = np.sqrt(1 - z)
    w = (1 - root) / (1 + root)
    series: Numbers
    if is_one(z):
        series = _add_alone(ab, (float(c), float(w)), reaches)
    elif len(z) <= FEW:
        each = zip(c.tolist(), w.tolist(), strict=True)
        series = np.array([_add_alone(ab, one, reaches) for one in each])
    else:
        series = _add_series(ab, (c, w), reaches)
    return np.exp((ab[0] + ab[1] - c) * np.log1p(-z)) * series


def _add_alone(ab: tuple[float, float], cw: tuple[float, float], reaches: tuple[float, ...]) -> Any:
    """Return one customer's series."""
    terms = TERMS[min(bisect_left(reaches, cw[1]), len(TERMS) - 1)]
    return _add_terms(ab, cw, range(terms - 1))[-1]


def _add_series(
    ab: tuple[float, float], cw: tuple[Numbers, Numbers], reaches: tuple[float, ...]
) -> Numbers:
    """Return each customer's series, of as many terms as that customer's w asks for."""
    known = np.nan_to_num(cw[1])  # who has not ordered waits for no term
    places = np.minimum(np.searchsorted(reaches, known), len(TERMS) - 1)
    order = np.argsort(-places)  # who needs the most terms comes first
    c, w = cw[0][order], cw[1][order]
    series, sums, done = np.empty(len(order)), None, 0
    for place, terms in enumerate(TERMS):
        sums = _add_terms(ab, (c, w), range(done, terms - 1), sums)
        more = np.count_nonzero(places > place)
        series[order[more : len(c)]] = sums[-1][more:]
        if not more:
            break
        c, w, sums, done = c[:more], w[:more], tuple(s[:more] for s in sums), terms - 1
    return series


def _add_terms(
    ab: tuple[float, float], cw: tuple[Any, Any], numbers: range, sums: Any = None
) -> tuple[Any, ...]:
    """Return three terms of 2F1(a, b; c; z) in powers of w, and the sum, once more are added.

    The terms follow from Gauss's differential equation, z (1 - z) F'' + (c - (a + b + 1) z) F' =
    a b F (Abramowitz & Stegun 15.5.1), with z = 4 w / (1 + w)^2 put into it. They are of one
    customer or of many, alike to the last bit.
    """
    c, w = cw
    product, q = 4 * ab[0] * ab[1], 3 * c - 4 * (ab[0] + ab[1])
    older, old, now, total = sums or (0 * w, 0 * w, 0 * w + 1, 0 * w + 1)
    for n in numbers:
        new = ((n - 2) * (n - 1) - (n - 2) * c) * w
        new *= older
        new += (n * (n - 1) - product - (n - 1) * q) * old
        new *= w
        new += (product - n * (n - 1) - n * q) * now
        new *= w
        new /= (n + 1) * n + (n + 1) * c
        older, old, now = old, now, new
        total = total + now
    return older, old, now, total
