"""scikit-learn's HistGradientBoosting, kept as XGBoost trees: one form on disk for both."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from contract.models import Model, Numbers
from contract.trees import Boosted, Floats
from training.families.boosting import find_telling
from training.ranks import rank_rows
from training.snapshots import Snapshots

# While it bins, scikit-learn changes Python's own list of warnings: two fits would meet there.
ALONE = Lock()

HISTOGRAM: tuple[Mapping[str, Any], ...] = (
    {"max_iter": 100, "max_depth": 4, "learning_rate": 0.06, "min_samples_leaf": 100,
     "l2_regularization": 10.0, "max_features": 0.15},
)  # fmt: skip


def search_histogram(trial: Any) -> Mapping[str, Any]:
    """Return settings that the trial suggests."""
    return {
        "max_iter": trial.suggest_int("max_iter", 60, 400, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 20, 400, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 0.1, 100.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 0.8),
    }


def fit_histogram(snapshots: Snapshots, settings: Mapping[str, Any]) -> Model:
    """Return scikit-learn's trees over the ranks of every feature that tells rows apart.

    It takes no offset, so outcomes are weighted until each moment has as many of one kind as of the
    other: log-odds so learned are those beyond the base rate (King & Zeng 2001, Logistic regression
    in rare events data, Political Analysis 9(2), p. 144).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    names = tuple(snapshots.columns)
    rows = rank_rows(snapshots, names)
    telling = find_telling(rows)
    outcome, base = snapshots.outcome, np.clip(snapshots.base_rate, 1e-6, 1 - 1e-6)
    weights = np.where(outcome > 0, 0.5 / base, 0.5 / (1 - base))
    learner = HistGradientBoostingClassifier(early_stopping=False, random_state=7, **settings)
    with ALONE, threadpool_limits(1, user_api="openmp"):
        learner.fit(rows[:, telling], outcome, sample_weight=weights)
    inputs = tuple(n for n, t in zip(names, telling, strict=True) if t)
    return Boosted(convert(learner, len(inputs)), inputs)


def convert(learner: Any, inputs: int) -> Any:
    """Return XGBoost's booster that says what a scikit-learn classifier of two classes says.

    scikit-learn goes left at x <= t, XGBoost at x < t; between float32 numbers the two are one.
    """
    import xgboost

    start = float(np.ravel(learner._baseline_prediction)[0])
    grown = [trees[0].nodes for trees in learner._predictors]
    words = {"max_depth": 1, "nthread": 1, "base_score": 0.5, "objective": "binary:logistic"}
    rows = np.eye(2, inputs, dtype=np.float32)
    one = xgboost.train(words, xgboost.DMatrix(rows, [0, 1]), 1)
    model = json.loads(bytes(one.save_raw("json")))
    ensemble = model["learner"]["gradient_booster"]["model"]
    ensemble["trees"] = [
        _tell_tree(number, nodes, (inputs, start if number == 0 else 0.0))
        for number, nodes in enumerate(grown)
    ]
    ensemble["tree_info"] = [0] * len(grown)
    ensemble["iteration_indptr"] = list(range(len(grown) + 1))
    ensemble["gbtree_model_param"]["num_trees"] = str(len(grown))
    booster = xgboost.Booster()
    booster.load_model(bytearray(json.dumps(model).encode()))
    booster.set_param({"nthread": 1})
    return booster


def _tell_tree(number: int, nodes: Any, facts: tuple[int, float]) -> dict[str, Any]:
    inputs, start = facts
    nodes = _sort_nodes(nodes)
    count = len(nodes)
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, -1, nodes[side].astype(int)) for side in ("left", "right"))
    parents = np.full(count, 2147483647)
    for side in (left, right):
        parents[side[~leaf]] = np.flatnonzero(~leaf)
    values = nodes["value"] + start
    return {
        "base_weights": values.tolist(),
        "categories": [], "categories_nodes": [], "categories_segments": [],
        "categories_sizes": [],
        "default_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "id": number,
        "left_children": left.tolist(),
        "loss_changes": np.where(leaf, 0, nodes["gain"]).tolist(),
        "parents": parents.tolist(),
        "right_children": right.tolist(),
        "split_conditions": np.where(leaf, values, _find_edges(nodes)).tolist(),
        "split_indices": np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        "split_type": [0] * count,
        "sum_hessian": nodes["count"].astype(float).tolist(),
        "tree_param": {"num_deleted": "0", "num_feature": str(inputs), "num_nodes": str(count),
                       "size_leaf_vector": "1"},
    }  # fmt: skip


def _sort_nodes(nodes: Any) -> Any:
    """Return the nodes level by level: XGBoost takes the node after a left child for the right."""
    order = [0]
    for place in order:
        if not nodes[place]["is_leaf"]:
            order += [int(nodes[place]["left"]), int(nodes[place]["right"])]
    moved = np.empty(len(nodes), dtype=np.int64)
    moved[order] = np.arange(len(nodes))
    told = nodes[order].copy()
    for side in ("left", "right"):
        told[side] = moved[told[side].astype(np.int64)]
    return told


def _find_edges(nodes: Any) -> Numbers:
    """Return for each split the least float32 number that goes right."""
    told = nodes["num_threshold"].astype(np.float64)
    rounded: Floats = told.astype(np.float32)
    down = np.where(rounded > told, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return np.nextafter(down.astype(np.float32), np.float32(np.inf)).astype(np.float64)
