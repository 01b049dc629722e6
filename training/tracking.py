"""What training leaves in MLflow: parameters, metrics, pictures, the dictionary, the bundle."""

import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data.pandas_dataset

from contract.bundle import save_bundle
from contract.registry import BUNDLE, Registry
from contract.settings import Settings
from features.dictionary import describe
from training.families import BOOSTING, FAMILIES, STEPS
from training.figures import draw_curves
from training.learn import Learned
from training.report import write_report

EXPERIMENT = "patron"


def open_experiment(settings: Settings) -> None:
    """Make the experiment that runs go to; its artifacts lie beside the local database.

    `mlflow run` has chosen an experiment, and opened the run that ours then fill.
    """
    if "MLFLOW_RUN_ID" in os.environ:
        return
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        local = None if settings.mlflow_tracking_uri else (settings.mlruns / "artifacts").as_uri()
        mlflow.create_experiment(EXPERIMENT, artifact_location=local)
    mlflow.set_experiment(EXPERIMENT)


def record(learned: Learned, registry: Registry) -> dict[str, Any]:
    """Log one learned target as a run, register its bundle, and return the report."""
    report = write_report(learned)
    with mlflow.start_run(run_name=f"{learned.target.name} {report['as_of']}", nested=True) as run:
        mlflow.log_params(_list_params(learned))
        mlflow.log_metrics(_list_metrics(report))
        mlflow.set_tags(_list_tags(learned))
        _log_dataset(learned)
        with tempfile.TemporaryDirectory() as folder:
            _write_artifacts(learned, report, Path(folder))
            mlflow.log_artifacts(folder)
        version = registry.register(learned.target.name, run.info.run_id)
    return {**report, "version": version.number, "run_id": run.info.run_id}


def _list_params(learned: Learned) -> dict[str, Any]:
    boosting = {f"xgboost.{name}": value for name, value in BOOSTING.items()}
    return {
        "target": learned.target.name,
        "horizon_days": learned.target.horizon_days,
        "as_of": f"{learned.as_of:%Y-%m-%d}",
        "family": learned.judged.best,
        "train_moments": len(learned.judged.stages.train),
        "refit_moments": len(learned.refitted.closed),
        "xgboost.steps": STEPS,
        **boosting,
    }


def _list_metrics(report: dict[str, Any]) -> dict[str, float]:
    """Return every family's figures as `<family>.<metric>`, the best's as `<metric>` too."""
    figures = {**report["families"], **report["baselines"]}
    named = {
        f"{name}.{metric}{end}": estimate[bound]
        for name, metrics in figures.items()
        for metric, estimate in metrics.items()
        for end, bound in (("", "value"), (".low", "low"), (".high", "high"))
    }
    best = report["families"][report["best"]]
    return {**{metric: estimate["value"] for metric, estimate in best.items()}, **named}


def _list_tags(learned: Learned) -> dict[str, str]:
    return {
        "as_of": learned.as_of.isoformat(),
        "dataset_sha256": learned.digest,
        "git_revision": find_revision(),
        "python": platform.python_version(),
        "families": ", ".join(FAMILIES),
    }


def find_revision() -> str:
    """Return the git revision of Patron's source, marked if it was changed since; else unknown."""
    source = Path(__file__).parent
    try:
        told = subprocess.run(
            ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return told.stdout.strip()


def _log_dataset(learned: Learned) -> None:
    rows = learned.judged.snapshot.rows
    data = mlflow.data.pandas_dataset.from_pandas(
        rows.drop(columns=["customer_id", "as_of_us"]),
        name=f"{learned.target.name} judged snapshot",
        targets="outcome",
        digest=learned.digest[:36],
    )
    mlflow.log_input(data, context="judged")


def _write_artifacts(learned: Learned, report: dict[str, Any], folder: Path) -> None:
    save_bundle(learned.bundle, folder / BUNDLE)
    (folder / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False), "utf-8")
    judged = learned.judged
    entries = describe(tuple(judged.snapshot.columns))
    (folder / "dictionary.json").write_text(json.dumps(entries, indent=1), "utf-8")
    draw_curves(judged.snapshot.outcome, judged.probabilities, folder / "figures")
