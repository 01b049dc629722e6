"""Where tuning is written down, so that one that was stopped goes on where it stood."""

import logging
import warnings
from typing import Any

from contract.settings import Settings

SCHEMA = "optuna"  # MLflow and Optuna both keep a table alembic_version


def open_storage(settings: Settings) -> Any:
    """Return Optuna's storage: in MLflow's PostgreSQL, else an SQLite file beside MLflow's own."""
    import optuna

    optuna.logging.set_verbosity(logging.ERROR)
    if settings.tracking_uri.startswith("postgresql"):
        return _open_postgresql(settings.tracking_uri)
    settings.mlruns.mkdir(parents=True, exist_ok=True)
    return optuna.storages.RDBStorage(f"sqlite:///{settings.mlruns / 'optuna.db'}")


def _open_postgresql(uri: str) -> Any:
    import optuna
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    engine.dispose()
    options = {"connect_args": {"options": f"-csearch_path={SCHEMA}"}}
    return optuna.storages.RDBStorage(uri, engine_kwargs=options)


def open_study(storage: Any, name: str) -> Any:
    """Return the study of that name, with trials that nobody finished marked as failed."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
            load_if_exists=True,
        )
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study
