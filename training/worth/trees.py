"""XGBoost for the three parts of a worth: few strongly held steps away from what is expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.linear import Logistic
from contract.models import Model, Numbers, log_odds
from contract.trees import Boosted, Floats
from contract.worth import PARTS, Start
from features.sums import Mask
from training.families.boosting import find_telling
from training.tuning import Settings
from training.worth.levels import observe_levels
from training.worth.snapshots import Worths

FIXED: Settings = {"tree_method": "hist", "max_bin": 129, "nthread": 1, "seed": 7}
USUAL: tuple[Settings, ...] = (
    {"steps": 100, "max_depth": 3, "eta": 0.06, "min_child_weight": 100.0,
     "colsample_bynode": 0.15, "reg_lambda": 300.0},
    {"steps": 60, "max_depth": 2, "eta": 0.06, "min_child_weight": 100.0,
     "colsample_bynode": 0.15, "reg_lambda": 300.0},
)  # fmt: skip
FEWEST = 20  # rows, below which a part has nothing to learn from
HIGHEST = 0.995  # share of orders' values; dearer ones are taken for one of that
OBJECTIVES = {"chance": "binary:logistic", "orders": "count:poisson", "value": "reg:gamma"}


@dataclass(frozen=True)
class Lesson:
    """What one part learns: of which rows, what came, and the logs it starts from."""

    held: Mask
    came: Numbers
    start: Numbers


def search_trees(trial: Any) -> Settings:
    """Return settings, those of every part alike, that the trial suggests."""
    return {
        "steps": trial.suggest_int("steps", 30, 300, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 5),
        "eta": trial.suggest_float("eta", 0.02, 0.15, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 20.0, 500.0, log=True),
        "colsample_bynode": trial.suggest_float("colsample_bynode", 0.05, 0.6, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 10.0, 1000.0, log=True),
    }


def fit_trees(worths: Worths, start: Start, settings: Settings = USUAL[0]) -> Mapping[str, Model]:
    """Return trees for each part over the ranks of every feature."""
    lessons = prepare(worths, start)
    known = worths.ranks, tuple(worths.columns)
    return {part: _fit((part, settings), lessons[part], known) for part in PARTS}


def prepare(worths: Worths, start: Start) -> Mapping[str, Lesson]:
    """Return the lesson of each part; each moment's own level is told, and stays out of it."""
    begun = worths.begin(start, worths.horizon)
    bought = worths.orders > 0
    paid = bought & (worths.outcome > 0)
    value = np.where(paid, worths.outcome / np.maximum(worths.orders, 1), 0.0)
    most = np.quantile(value[paid], HIGHEST) if paid.any() else 0.0
    everyone = np.ones(len(bought), dtype=bool)
    odds = log_odds(begun.chance)
    for (_, rows), level in zip(worths.moments(), observe_levels(worths, start), strict=True):
        odds[rows] += level[0]
    return {
        "chance": Lesson(everyone, bought.astype(np.float64), odds),
        "orders": _level(worths, Lesson(bought, worths.orders, np.log(begun.orders))),
        "value": _level(worths, Lesson(paid, np.minimum(value, most), np.log(begun.value))),
    }


def _level(worths: Worths, lesson: Lesson) -> Lesson:
    """Return the lesson starting at each moment from what came then, on the mean."""
    start = lesson.start.copy()
    for _, rows in worths.moments():
        own = rows[lesson.held[rows]]
        if len(own):
            start[rows] += np.log(lesson.came[own].sum() / np.exp(start[own]).sum())
    return Lesson(lesson.held, lesson.came, start)


def _fit(
    asked: tuple[str, Settings], lesson: Lesson, known: tuple[Floats, tuple[str, ...]]
) -> Model:
    import xgboost

    part, settings = asked
    ranks, names = known
    rows = ranks[lesson.held]
    if len(rows) < FEWEST:
        return Logistic((), (), 0.0, 1.0)
    telling = find_telling(rows)
    data = xgboost.DMatrix(
        rows[:, telling],
        lesson.came[lesson.held],
        base_margin=lesson.start[lesson.held],
        missing=np.nan,
    )
    told = {**FIXED, **settings, "objective": OBJECTIVES[part]}
    booster = xgboost.train(told, data, told.pop("steps"))
    return Boosted(booster, tuple(n for n, t in zip(names, telling, strict=True) if t))
