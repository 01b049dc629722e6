"""Trials of tuning as MLflow keeps them: a run each, nested in that of the target."""

from collections.abc import Sequence

import mlflow
import numpy as np

from training.tuning import Tuned


def log_trials(tuned: Sequence[Tuned]) -> None:
    """Log every trial as a run nested in the running one: its settings and its loss by fold."""
    for family in tuned:
        for trial in family.trials:
            with mlflow.start_run(run_name=f"{family.family} trial {trial.number}", nested=True):
                mlflow.log_params(dict(trial.settings))
                used = family.accepted and trial.settings == family.settings
                facts = {"family": family.family, "state": trial.state.lower(), "used": str(used)}
                mlflow.set_tags(facts)
                for fold, loss in enumerate(trial.losses):
                    mlflow.log_metric(f"fold_{family.loss}", loss, step=fold)
                if trial.losses:
                    mlflow.log_metric(family.loss, float(np.mean(trial.losses)))
