"""What probability models foretell from few numbers: orders to come, and their value.

The parameters come with the norms, fitted on what happened before their moment. Repeat orders
are days with an order after the first; time is told in weeks.
"""

from math import ceil, log, log1p

import numpy as np

from contract.norms import Norms, Repeating
from features.timeline import Numbers
from features.verbs import horizons, in_unit, ratio

WEEK = 7
FEWEST_TERMS, MOST_TERMS = 32, 4096
WIDTH = 256  # customers at a time, so that their terms stay in the cache


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
    left = np.where(
        x > 0, model.a / (model.b + np.maximum(x, 1) - 1) * np.exp(np.minimum(odds, 700)), 0.0
    )
    return np.where(x >= 0, 1 / (1 + left), np.nan)


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
    return np.asarray(active_probability * (1 - none))


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
    function by Euler's transformation, of which some terms of the series are enough.
    """
    model = norms.repeating
    if model is None:
        return order_days * np.nan
    x = order_days - 1
    age, ahead = model.alpha + customer_age_days / WEEK, days / WEEK
    z = ahead / (age + ahead)
    top = model.a + model.b + x - 1
    terms = count_terms(model, days)
    series = hypergeometric((model.r + x, model.b + x, top), z, terms)
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
    return np.where(order_days > 0, expected, np.nan)


@horizons()
@in_unit("money")
def expected_spend_365d(expected_orders_365d: Numbers, expected_order_value: Numbers) -> Numbers:
    """Money that both models together expect in 365 days ahead; null until the first order."""
    return expected_orders_365d * expected_order_value


@in_unit("ratio")
def expected_order_share(expected_orders_365d: Numbers, orders_365d: Numbers) -> Numbers:
    """Orders expected in 365 days in units of those of the last 365; null without one in them."""
    return ratio(expected_orders_365d, orders_365d)


def count_terms(model: Repeating, days: int) -> int:
    """Return how many terms of the series give every customer eight right digits.

    By the model alone, so that one customer alone is told as in a batch. The slowest series is
    that of who has just arrived: its terms fall as n^(a - r - 2) z^n, z = t / (alpha + t).
    """
    weeks, n = days / WEEK, 1.0
    for _ in range(20):
        n = (18.5 + max(model.a - model.r - 2, 0) * log(n)) / log1p(model.alpha / weeks)
    return min(MOST_TERMS, max(FEWEST_TERMS, ceil(n)))


def hypergeometric(
    abc: tuple[Numbers, Numbers, Numbers], z: Numbers, terms: int = MOST_TERMS
) -> Numbers:
    """Return Gauss's 2F1(a, b; c; z) for 0 <= z < 1, where c - a and c - b are small.

    By Euler's transformation it is (1 - z)^(c - a - b) times 2F1(c - a, c - b; c; z), whose terms
    fall as n^(c - a - b - 1) z^n (Abramowitz & Stegun 15.3.3).
    """
    n = np.arange(terms - 1, dtype=np.float64)[:, None]
    alone = isinstance(z, float)
    a, b, c, z = np.atleast_1d(*abc, z)
    series = np.empty(len(z))
    for first in range(0, len(z), WIDTH):
        part = slice(first, first + WIDTH)
        one, two = (c - a)[part], (c - b)[part]
        steps = (one + n) * (two + n) / ((c[part] + n) * (n + 1)) * z[part]
        # Accumulated, not summed: a sum's last bits would depend on how many customers there are.
        series[part] = 1 + np.add.accumulate(np.multiply.accumulate(steps))[-1]
    found = np.exp((c - a - b) * np.log1p(-z)) * series
    return found[0] if alone else found
