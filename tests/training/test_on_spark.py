"""Trees that Spark grows on the rows of a snapshot are ones that a bundle holds and answers by."""

import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.forms import load_model
from contract.models import log_odds
from contract.tables import find_tables
from contract.trees import Boosted
from features.gather import read_history
from features.norms import find_norms
from training.families.boosting import BOOSTED, FIXED, find_telling, fit_boosted
from training.ranks import place, rank_rows
from training.snapshots import take_snapshots
from training.targets import TARGETS

MOMENTS = [datetime(2026, month, 1, tzinfo=UTC) for month in (3, 5, 7)]
NAMES = {"steps": "n_estimators", "eta": "learning_rate"}


@pytest.mark.parametrize("workers", [1, 2])
def test_trees_grown_by_spark_answer_as_those_grown_here(small_shop, spark: Any, tmp_path, workers):
    history = read_history(find_tables(str(small_shop)))
    snapshots = take_snapshots(history, TARGETS["churn"].over(60), find_norms(history, MOMENTS))
    rows = rank_rows(snapshots, tuple(snapshots.columns))
    telling = find_telling(rows)
    inputs = tuple(n for n, kept in zip(snapshots.columns, telling, strict=True) if kept)
    frame = pd.DataFrame(rows[:, telling], columns=list(inputs))
    frame["outcome"], frame["base"] = snapshots.outcome, log_odds(snapshots.base_rate)
    given = {NAMES.get(name, name): value for name, value in {**FIXED, **BOOSTED[0]}.items()}
    given = {n: v for n, v in given.items() if n not in ("objective", "nthread", "seed")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas 3, and of ours being no estimator's defaults
        from xgboost.spark import SparkXGBClassifier

        learner = SparkXGBClassifier(
            features_col=list(inputs), label_col="outcome", base_margin_col="base",
            num_workers=workers, random_state=FIXED["seed"], missing=np.nan, **given,
        )  # fmt: skip
        grown = learner.fit(spark.createDataFrame(frame)).get_booster()
    names = Boosted(grown, inputs).save(tmp_path, "model")
    assert names == ["model.ubj", "model.json"]
    ours = fit_boosted(snapshots, BOOSTED[0])
    told = place(load_model(tmp_path, "model"), snapshots)
    last = snapshots.at(MOMENTS[-1:])
    base = log_odds(last.base_rate)
    here = place(ours, snapshots).margin(last.columns, base)
    assert len(here) > 200 and np.ptp(here) > 1

    assert told.margin(last.columns, base) == pytest.approx(here, abs=1e-6)
