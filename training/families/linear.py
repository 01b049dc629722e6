"""Logistic regressions on logarithms, the base rate's log-odds beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from contract.linear import Logistic, Terms, count_terms
from contract.models import Model, log_odds
from training.snapshots import Snapshots

SILENCE = ("days_since_order",)
COUNTS = ("orders_30d", "orders_90d", "orders_180d", "orders_365d", "orders_ever")
LOG_COUNTS: Terms = (
    SILENCE,
    *((name,) for name in COUNTS),
    ("customer_age_days",),
    ("spend_365d",),
    ("days_since_order", "orders_365d"),
)
LOGISTIC: tuple[Mapping[str, Any], ...] = ({"C": 1.0}, {"C": 0.03})


def search_logistic(trial: Any) -> Mapping[str, Any]:
    """Return settings that the trial suggests."""
    return {"C": trial.suggest_float("C", 1e-3, 1e2, log=True)}


def fit_logistic(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return a logistic regression on log(1 + feature)."""
    return fit_terms(snapshots, LOG_COUNTS, settings["C"])


def fit_terms(snapshots: Snapshots, terms: Terms, c: float = 1.0) -> Model:
    """Return a logistic regression on these terms, of inverse ridge penalty `c`.

    Where all outcomes are alike there is nothing to learn, and it says the base rate.
    """
    from sklearn.linear_model import LogisticRegression

    if snapshots.outcome.min(initial=1) == snapshots.outcome.max(initial=0):
        return Logistic((), (), 0.0, 1.0)
    beside = log_odds(snapshots.base_rate)
    inputs = np.column_stack([count_terms(snapshots.columns, terms), beside])
    fit = LogisticRegression(C=c, max_iter=5000).fit(inputs, snapshots.outcome)
    *coefficients, base = fit.coef_[0].tolist()
    return Logistic(terms, tuple(coefficients), float(fit.intercept_[0]), base)


def fit_silence(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return a logistic regression on the days since the last order."""
    return fit_terms(snapshots, (SILENCE,))


def fit_counts(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return a logistic regression on the orders of a year."""
    return fit_terms(snapshots, (("orders_365d",),))


def fit_base_rate(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return the model that says the base rate of everyone."""
    return Logistic((), (), 0.0, 1.0)
