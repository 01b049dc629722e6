"""What other learners say on Patron's own feature table; run by benchmarks/quality.py.

It imports nothing of Patron's, so that peers may live in an environment of their own: make peers.

Run: .peers/bin/python benchmarks/peers.py FOLDER SECONDS
     (FOLDER holds train.parquet and test.parquet; each peer's probabilities are written beside)
"""

import json
import shutil
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

LABEL, CORES, SEED = "outcome", 2, 7


def scikit_learn(train, test, seconds):
    """Return what histogram trees say as scikit-learn sets them."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    learner = HistGradientBoostingClassifier(random_state=SEED)
    return tell(learner.fit(train.drop(columns=LABEL), train[LABEL]), test)


def catboost(train, test, seconds):
    """Return what CatBoost says as it sets itself."""
    from catboost import CatBoostClassifier

    learner = CatBoostClassifier(
        thread_count=CORES, random_seed=SEED, verbose=False, allow_writing_files=False
    )
    return tell(learner.fit(train.drop(columns=LABEL), train[LABEL]), test)


def flaml(train, test, seconds):
    """Return what FLAML says after so many seconds of search."""
    from flaml import AutoML

    learner = AutoML()
    learner.fit(
        train.drop(columns=LABEL), train[LABEL], task="classification", metric="log_loss",
        time_budget=seconds, n_jobs=CORES, seed=SEED, verbose=0, early_stop=False,
    )  # fmt: skip
    return tell(learner, test)


def autogluon(train, test, seconds):
    """Return what AutoGluon says, asked for its best quality in so many seconds."""
    from autogluon.tabular import TabularPredictor

    folder = Path("autogluon")
    learner = TabularPredictor(LABEL, eval_metric="log_loss", path=str(folder), verbosity=0)
    learner.fit(
        train, presets="best_quality", time_limit=seconds, num_cpus=CORES, dynamic_stacking=False
    )
    told = learner.predict_proba(test)[1].to_numpy()
    shutil.rmtree(folder, ignore_errors=True)
    return told


def tell(learner, test):
    """Return the probability of each row."""
    return learner.predict_proba(test)[:, 1]


PEERS = (scikit_learn, catboost, flaml, autogluon)


def main():
    """Write each peer's probabilities, and how long each took."""
    warnings.simplefilter("ignore")
    folder, seconds = Path(sys.argv[1]), int(sys.argv[2])
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    train = train.dropna(axis="columns", how="all")  # scikit-learn fails at what is never known
    test = test[train.columns.drop(LABEL)]
    train[LABEL] = train[LABEL].astype(int)
    took = {}
    for peer in PEERS:
        began = time.monotonic()
        told = np.asarray(peer(train.copy(), test.copy(), seconds), dtype=np.float64)
        took[peer.__name__] = time.monotonic() - began
        np.save(folder / f"{peer.__name__}.npy", told)
    (folder / "took.json").write_text(json.dumps(took), "utf-8")


if __name__ == "__main__":
    main()
