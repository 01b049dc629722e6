"""Versions of a hand-made model in a registry, without training one."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from contract.bundle import Bundle, load_bundle
from contract.registry import Registry
from contract.settings import Settings
from contract.versions import Logged, Version
from tests.serving.bundles import make_bundles
from training.flavor import Flavor, log_bundle
from training.tracking import open_experiment


def make_bundle(folder: Path, target: str = "churn") -> Bundle:
    return load_bundle(next(make_bundles(folder).glob(f"{target}/*")))


def draw_rows(bundle: Bundle, count: int) -> pd.DataFrame:
    """Rows of features, a tenth of them null: of days_since_order too, and some beyond a year."""
    draw = np.random.default_rng(11)
    rows = draw.gamma(1.5, 90.0, size=(count, len(bundle.reads)))
    rows[draw.random(rows.shape) < 0.1] = np.nan
    return pd.DataFrame(rows, columns=list(bundle.reads))


def register(bundle: Bundle, settings: Settings, registry: Registry, **tags: str) -> Version:
    open_experiment(settings)
    with mlflow.start_run() as run:
        info = log_bundle(Flavor(bundle, draw_rows(bundle, 1), "# The card"))
    meaning = bundle.manifest.meaning
    logged = Logged(info.model_id, run.info.run_id, meaning, "# The card", info.metadata | tags)
    return registry.register(bundle.target, logged)
