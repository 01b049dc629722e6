"""XGBoost: shallow trees over ranks, from each snapshot's own base rate on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from contract.models import Model, log_odds
from contract.trees import Boosted, Floats
from training.ranks import rank_rows
from training.snapshots import Snapshots

# What is not searched. Ranks have 129 values, so that many bins lose nothing.
FIXED = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_bin": 129,
    "nthread": 1,
    "seed": 7,
}

# Shallow trees, few steps, half of the rows and few columns at a time: docs/decisions/0004.
BOOSTED: tuple[Mapping[str, Any], ...] = (
    {"steps": 130, "max_depth": 3, "eta": 0.06, "num_parallel_tree": 1, "min_child_weight": 20.0,
     "subsample": 1.0, "colsample_bynode": 0.15, "reg_lambda": 10.0},
    {"steps": 100, "max_depth": 4, "eta": 0.06, "num_parallel_tree": 1, "min_child_weight": 20.0,
     "subsample": 1.0, "colsample_bynode": 0.15, "reg_lambda": 10.0},
    {"steps": 300, "max_depth": 2, "eta": 0.05, "num_parallel_tree": 1, "min_child_weight": 20.0,
     "subsample": 0.7, "colsample_bynode": 0.2, "reg_lambda": 1.0},
)  # fmt: skip


def search_boosted(trial: Any) -> Mapping[str, Any]:
    """Return settings that the trial suggests."""
    return {
        "steps": trial.suggest_int("steps", 60, 400, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 5),
        "eta": trial.suggest_float("eta", 0.02, 0.15, log=True),
        "num_parallel_tree": trial.suggest_int("num_parallel_tree", 1, 4),
        "min_child_weight": trial.suggest_float("min_child_weight", 2.0, 100.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.3, 1.0),
        "colsample_bynode": trial.suggest_float("colsample_bynode", 0.05, 0.6, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 50.0, log=True),
    }


def fit_boosted(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return XGBoost trees over the ranks of every feature that tells rows apart.

    Setting `inputs` names the features to choose from instead.
    """
    import xgboost

    rest = dict(settings)
    steps, inputs = rest.pop("steps"), rest.pop("inputs", tuple(snapshots.columns))
    rows = rank_rows(snapshots, inputs)
    telling = find_telling(rows)
    data = xgboost.DMatrix(
        rows[:, telling],
        snapshots.outcome,
        base_margin=log_odds(snapshots.base_rate),
        missing=np.nan,
    )
    booster = xgboost.train({**FIXED, **rest}, data, steps)
    return Boosted(booster, tuple(name for name, t in zip(inputs, telling, strict=True) if t))


def find_telling(rows: Floats) -> Any:
    """Return whether each input differs between rows."""
    same = (rows == rows[:1]) | (np.isnan(rows) & np.isnan(rows[:1]))
    return ~same.all(axis=0)
