"""Fit the probability models of a shop: the parameters that make its past the likeliest."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from contract.norms import Repeating, Spending
from features.sums import Numbers

LOW, HIGH = 0, 1

ENOUGH = 50  # customers, and
ENOUGH_AGAIN = 20  # of them with a repeat order: fewer do not tell four parameters
LONGEST = 10.0  # the greatest age while fitting, so that all parameters are of one magnitude
OFF_ONE = 1e-6  # nearer to 1 than this, a - 1 would lose the digits of what it divides
STEEPEST = 1e-5  # the slope of the log likelihood per customer at what counts as its top

# Where a parameter, as scaled while fitting, has run off: the likelihood creeps up for ever, and
# where the search stops is chance. Where customers differ in nothing, a with b, r with alpha, or q
# with gamma rise; where each pays the same every time, p rises.
REPEATING = {"r": (1e-3, 1e2), "alpha": (1e-4, 1e3), "a": (1e-3, 1e2), "b": (1e-3, 1e3)}
SPENDING = {"p": (1e-2, 1e3), "q": (1e-2, 1e2), "gamma": (1e-4, 1e4)}

# A young shop that nobody has left yet is likeliest at one of these ends; r and alpha are as well
# determined there as anywhere, and what they foretell is sound.
NOBODY_LEAVES = {("a", LOW), ("b", HIGH)}

Merged = tuple[Numbers, Numbers]
Graded = tuple[float, Numbers]


def fit_repeating(repeats: Numbers, last: Numbers, age: Numbers) -> Repeating | None:
    """Return the BG/NBD model likeliest for customers' repeat orders, or None if none is found.

    Of each customer: repeat orders, weeks from the first order to the last, and to the moment.
    Fader, Hardie & Lee (2005), "Counting your customers" the easy way, eq. 6.
    """
    again = repeats > 0
    if len(repeats) < ENOUGH or np.count_nonzero(again) < ENOUGH_AGAIN:
        return None
    unit = float(np.max(age)) / LONGEST
    if not 0 < unit < np.inf:
        return None
    orders, times = _merge(repeats), _merge(repeats, np.where(again, last, 0.0) / unit, age / unit)
    wait = float(np.sum(times[0][2] * times[1]) / np.sum(times[0][0] * times[1]))
    starts = [(r, r * wait, a, b) for r, a, b in ((0.3, 0.8, 2.5), (1.0, 0.3, 3.0), (3.0, 2, 2))]
    grade = partial(_grade_repeating, orders=orders, times=times)
    best = _climb(grade, starts, REPEATING, NOBODY_LEAVES)
    if best is None:
        return None
    r, alpha, a, b = best
    return Repeating(r=r, alpha=alpha * unit, a=a if abs(a - 1) > OFF_ONE else 1 + OFF_ONE, b=b)


def fit_spending(orders: Numbers, mean_value: Numbers) -> Spending | None:
    """Return the Gamma-Gamma model likeliest for what customers pay, or None if none is found.

    Of each customer: orders, and their mean value; one who paid nothing in all is left out.
    Fader & Hardie (2013), The Gamma-Gamma model of monetary value, eq. 1a.
    """
    paid = mean_value > 0
    if np.count_nonzero(paid) < ENOUGH or np.count_nonzero(orders[paid] > 1) < ENOUGH_AGAIN:
        return None
    unit = float(np.median(mean_value[paid]))
    counts, values = _merge(orders[paid]), _merge(orders[paid], mean_value[paid] / unit)
    starts = [(p, q, (q - 1) / p) for p, q in ((2.0, 3.0), (6.0, 4.0), (20.0, 10.0))]
    grade = partial(_grade_spending, counts=counts, values=values)
    best = _climb(grade, starts, SPENDING, set())
    # The mean value of an order, p gamma / (q - 1), exists only where q is above 1.
    if best is None or best[1] <= 1:
        return None
    p, q, gamma = best
    return Spending(p=p, q=q, gamma=gamma * unit)


def _merge(*columns: Numbers) -> Merged:
    """Return each row once, in an order that is not the customers', and its share of them."""
    rows = np.stack(columns)[:, np.lexsort(columns[::-1])]
    new = np.append(True, (rows[:, 1:] != rows[:, :-1]).any(axis=0))
    counts = np.diff(np.append(np.flatnonzero(new), len(new)))
    return np.ascontiguousarray(rows[:, new]), counts / len(new)


@cache
def find_blas() -> Any:
    """Return what holds the linear algebra that SciPy calls, once it is loaded, to some threads.

    For four parameters a second thread is no help, and on a busy machine each waits for the other:
    measured there, fits took three to eight times as long.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _climb(
    grade: Callable[[Numbers], Graded],
    starts: Sequence[tuple[float, ...]],
    bounds: dict[str, tuple[float, float]],
    open_ends: set[tuple[str, int]],
) -> list[float] | None:
    """Return the parameters of the greatest likelihood, or None if it has no top within bounds."""
    from scipy.optimize import minimize

    ends = np.log(list(bounds.values()))
    fine = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9}
    for start in starts:
        # Quietly: what overflows is not finite, and so no top.
        with np.errstate(all="ignore"), find_blas().limit(limits=1, user_api="blas"):
            top = minimize(
                grade, np.log(start), jac=True, method="L-BFGS-B", bounds=ends, options=fine
            )
        if (found := _accept(top, ends, bounds, open_ends)) is not None:
            return found
    return None


def _accept(
    top: Any, ends: Numbers, bounds: Iterable[str], open_ends: set[tuple[str, int]]
) -> list[float] | None:
    """Return the parameters where the search stopped, or None if that is no top within bounds."""
    at_end = np.stack([top.x <= ends[:, LOW], top.x >= ends[:, HIGH]])
    allowed = np.array([[(name, end) in open_ends for name in bounds] for end in (LOW, HIGH)])
    slope = np.where(at_end.any(axis=0), 0.0, top.jac)
    if (at_end & ~allowed).any() or not np.isfinite(top.fun) or np.abs(slope).max() > STEEPEST:
        return None
    return [float(p) for p in np.exp(top.x)]


def _grade_repeating(logs: Numbers, orders: Merged, times: Merged) -> Graded:
    """Return minus the log likelihood per customer, and its slopes by the logs of parameters."""
    told, by_orders = _tell_orders(np.exp(logs), *orders)
    timed, by_times = _tell_times(np.exp(logs), *times)
    return -told - timed, -(by_orders + by_times) * np.exp(logs)


def _tell_orders(model: Numbers, rows: Numbers, share: Numbers) -> Graded:
    """Return the part of the log likelihood, and of its slopes, that counts of orders tell."""
    from scipy.special import digamma, gammaln

    (r, _, a, b), (x,) = model, rows
    told = gammaln(r + x) - gammaln(r) + gammaln(b + x) - gammaln(b)
    told += gammaln(a + b) - gammaln(a + b + x)
    by_r, by_b = digamma(r + x) - digamma(r), digamma(b + x) - digamma(b)
    by_a = digamma(a + b) - digamma(a + b + x)
    return _average(share, told, by_r, 0 * x, by_a, by_b + by_a)


def _tell_times(model: Numbers, rows: Numbers, share: Numbers) -> Graded:
    """Return the part of the log likelihood, and of its slopes, that times of orders tell."""
    from scipy.special import expit

    (r, alpha, a, b), (x, last, age) = model, rows
    since = np.log((alpha + age) / (alpha + last))
    # The odds that the customer left at the last order, which nobody does at the first.
    before = b + np.maximum(x, 1) - 1
    odds = np.where(x > 0, np.log(a / before) + (r + x) * since, -np.inf)
    left = expit(odds)
    told = r * np.log(alpha) - (r + x) * np.log(alpha + age) + np.logaddexp(0, odds)
    by_r = np.log(alpha / (alpha + age)) + left * since
    by_alpha = r / alpha - (r + x) * ((1 - left) / (alpha + age) + left / (alpha + last))
    return _average(share, told, by_r, by_alpha, left / a, -left / before)


def _grade_spending(logs: Numbers, counts: Merged, values: Merged) -> Graded:
    """Return minus the log likelihood per customer, and its slopes by the logs of parameters."""
    told, by_counts = _tell_counts(np.exp(logs), *counts)
    valued, by_values = _tell_values(np.exp(logs), *values)
    return -told - valued, -(by_counts + by_values) * np.exp(logs)


def _tell_counts(model: Numbers, rows: Numbers, share: Numbers) -> Graded:
    """Return the part of the log likelihood, and of its slopes, that counts of orders tell."""
    from scipy.special import digamma, gammaln

    (p, q, _), (x,) = model, rows
    told = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    both = digamma(p * x + q)
    return _average(share, told, x * (both - digamma(p * x)), both - digamma(q), 0 * x)


def _tell_values(model: Numbers, rows: Numbers, share: Numbers) -> Graded:
    """Return the part of the log likelihood, and of its slopes, that values of orders tell."""
    (p, q, gamma), (x, mean) = model, rows
    spend, above = x * mean, gamma + x * mean
    told = q * np.log(gamma / above) + p * x * np.log(spend / above) - np.log(mean)
    by_gamma = q / gamma - (p * x + q) / above
    return _average(share, told, x * np.log(spend / above), np.log(gamma / above), by_gamma)


def _average(share: Numbers, told: Numbers, *slopes: Numbers) -> Graded:
    """Return the averages over customers, summed alike whatever the number of cores."""
    return float(np.sum(share * told)), np.array([np.sum(share * slope) for slope in slopes])
