"""How the chance of a pair is learned: families by rung, from few numbers to many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.linear import Logistic, Terms, count_terms
from contract.models import Model, log_odds
from contract.trees import Boosted
from training.choice.choices import Pairs
from training.ladder import Step
from training.tuning import Settings

TERMS: Terms = (
    ("own_orders",),
    ("own_orders_90d",),
    ("own_decayed",),
    ("own_share",),
    ("own_rate",),
    ("own_expected",),
    ("days_since_own",),
    ("popular_share",),
    ("popular_trend",),
    ("popular_season",),
    ("lift_mean",),
    ("lift_max",),
    ("pull_sum",),
    ("days_since_order",),
    ("orders_90d",),
    ("orders_365d",),
    ("categories_365d",),
    ("new_categories_90d",),
    ("new_categories_365d",),
    ("customer_age_days",),
    ("expected_orders_365d",),
)
PLAIN: Terms = (("own_decayed",), ("popular_share",))
ACTIVITY: Terms = (("orders_365d",),)

FIXED: Settings = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_bin": 64,
    "nthread": 1,
    "seed": 7,
}
TREES: tuple[Settings, ...] = (
    {"steps": 120, "max_depth": 4, "eta": 0.08, "min_child_weight": 20.0, "colsample_bynode": 0.5,
     "reg_lambda": 10.0},
    {"steps": 150, "max_depth": 3, "eta": 0.08, "min_child_weight": 20.0, "colsample_bynode": 0.3,
     "reg_lambda": 10.0},
)  # fmt: skip
LINES: tuple[Settings, ...] = ({"c": 1.0},)
# Not read by trees, which would learn each category by heart from few moments.
OF_CATEGORY = ("usual_share", "popular_share", "popular_trend", "popular_season")
ALIKE = 1e-9


@dataclass(frozen=True)
class Family:
    """One way to learn the chance of a pair; the first of `usual` are its settings untuned."""

    meaning: str
    fit: Callable[[Pairs, Settings], Model]
    usual: Sequence[Settings] = ({},)
    search: Callable[[Any], Settings] | None = None


def search_trees(trial: Any) -> Settings:
    """Return settings of trees that the trial suggests."""
    return {
        "steps": trial.suggest_int("steps", 60, 300, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "eta": trial.suggest_float("eta", 0.03, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 2.0, 200.0, log=True),
        "colsample_bynode": trial.suggest_float("colsample_bynode", 0.1, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 100.0, log=True),
    }


def search_lines(trial: Any) -> Settings:
    """Return how weakly a regression is penalised, as the trial suggests."""
    return {"c": trial.suggest_float("c", 1e-4, 10.0, log=True)}


def fit_trees(pairs: Pairs, settings: Settings = TREES[0]) -> Model:
    """Return XGBoost's trees over every feature that tells pairs apart, from the usual share on."""
    import xgboost

    names = tuple(name for name in pairs.columns if name not in OF_CATEGORY)
    rows = np.stack([pairs.columns[n] for n in names], axis=1).astype(np.float32)
    low, high = (reach(rows, axis=0) for reach in (np.fmin.reduce, np.fmax.reduce))
    telling = np.flatnonzero((low < high) | (np.isnan(rows).any(axis=0) & ~np.isnan(low)))
    data = xgboost.DMatrix(
        rows[:, telling],
        pairs.outcome,
        weight=pairs.weight,
        base_margin=log_odds(pairs.base_rate),
        missing=np.nan,
    )
    rest = {**FIXED, **settings}
    booster = xgboost.train(rest, data, rest.pop("steps"))
    return Boosted(booster, tuple(names[i] for i in telling))


def fit_lines(pairs: Pairs, terms: Terms = TERMS, c: float = 1.0) -> Model:
    """Return a logistic regression on log(1 + feature), the usual share's log-odds beside them.

    Each term is penalised in its own spread; where all outcomes are alike it says the usual share.
    """
    from sklearn.linear_model import LogisticRegression

    if pairs.outcome.min(initial=1) == pairs.outcome.max(initial=0):
        return fit_usual(pairs, {})
    told = np.column_stack([count_terms(pairs.columns, terms), log_odds(pairs.base_rate)])
    centre, spread = told.mean(axis=0), told.std(axis=0)
    spread = np.where(spread > ALIKE, spread, np.inf)  # what is alike in all pairs says nothing
    learner = LogisticRegression(C=c, max_iter=1000)
    learner.fit((told - centre) / spread, pairs.outcome, sample_weight=pairs.weight)
    slopes = learner.coef_[0] / spread
    *coefficients, base = slopes.tolist()
    return Logistic(
        terms, tuple(coefficients), float(learner.intercept_[0] - slopes @ centre), base
    )


def fit_plain(pairs: Pairs, settings: Settings) -> Model:
    """Return a regression on the two numbers that the decayed blend adds up."""
    return fit_lines(pairs, PLAIN)


def fit_activity(pairs: Pairs, settings: Settings) -> Model:
    """Return the usual share, moved by how often the customer orders."""
    return fit_lines(pairs, ACTIVITY, 0.1)


def fit_usual(pairs: Pairs, settings: Settings) -> Model:
    """Return the model that says the usual share of the category."""
    return Logistic((), (), 0.0, 1.0)


BLEND = "blend"
USUAL_LIST = "usual"

FAMILIES: Mapping[str, Family] = {
    "xgboost": Family(
        "Shallow trees by XGBoost over every feature of the pair.", fit_trees, TREES, search_trees
    ),
    "logistic": Family(
        "A logistic regression on logarithms of the pair's features.",
        lambda pairs, settings: fit_lines(pairs, TERMS, **settings),
        LINES,
        search_lines,
    ),
    "own_and_popular": Family("A regression on own decayed orders and popularity.", fit_plain),
    "activity": Family("The usual share, moved by how often the customer orders.", fit_activity),
    USUAL_LIST: Family("The usual share of each category.", fit_usual),
}
MEMBERS = ("xgboost", "logistic")

LADDER = (
    Step("full_model", 500, 100, (BLEND, *MEMBERS)),
    Step("probability_model", 50, 20, ("own_and_popular",)),
    Step("rfm_rule", 20, 5, ("activity",)),
    Step("prior", 0, 0, (USUAL_LIST,)),
)
