"""What training leaves in MLflow: parameters, metrics, data sets, pictures, the model."""

import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data.meta_dataset
import mlflow.data.pandas_dataset

from contract.bundle import save_bundle
from contract.journal import PASSED, REFUSED, write_decision
from contract.registry import EARLY, Registry
from contract.settings import Settings
from contract.versions import Logged
from features.dictionary import describe
from features.timeline import AS_OF, CUSTOMER
from training.card import read_grade, write_card
from training.flavor import CARD, Flavor, log_bundle
from training.importance import draw_importance, find_boosted
from training.learned import Learned
from training.outcomes import OUTCOME
from training.snapshots import digest_rows
from training.trials import log_trials

EXPERIMENT = "patron"
SERVED = ("http", "https", "databricks")  # a server of MLflow, which keeps artifacts itself
DIGEST = 36  # characters that MLflow keeps of a digest


def open_experiment(settings: Settings) -> None:
    """Make the experiment that runs go to; its artifacts lie where a server says, or else at home.

    `mlflow run` has chosen an experiment, and opened the run that ours then fill.
    """
    if "MLFLOW_RUN_ID" in os.environ:
        return
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        served = settings.tracking_uri.partition(":")[0] in SERVED
        place = None if served else (settings.mlruns / "artifacts").as_uri()
        mlflow.create_experiment(EXPERIMENT, artifact_location=place)
    mlflow.set_experiment(EXPERIMENT)


def record(learned: Learned, registry: Registry) -> dict[str, Any]:
    """Log one learned target as a run, register its model, and return the report."""
    report = dict(learned.report)
    with mlflow.start_run(run_name=f"{learned.target.name} {report['as_of']}", nested=True) as run:
        mlflow.log_params(_list_params(learned))
        mlflow.set_tags(_list_tags(learned))
        # Before the metrics: MLflow hangs those that follow on the model.
        logged = _log_model(learned, report, run.info.run_id)
        mlflow.log_metrics(_list_metrics(report), dataset=_log_datasets(learned))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / CARD).write_text(logged.card, "utf-8")
            _write_artifacts(learned, report, Path(folder))
            mlflow.log_artifacts(folder)
        log_trials(learned.tuned)
        version = registry.register(learned.target.name, logged)
    return {**report, "version": version.number, "run_id": run.info.run_id}


def _log_model(learned: Learned, report: dict[str, Any], run_id: str) -> Logged:
    bundle, card = learned.bundle, write_card(report, learned.bundle)
    rows = learned.judged[list(bundle.frame)]
    fullest = rows.notna().sum(axis=1).idxmax()
    info = log_bundle(Flavor(bundle, rows.loc[[fullest]], card, find_revision()))
    own = {"dataset_sha256": learned.digest, "grade": read_grade(report)}
    gate = write_decision(learned.verdict.passed, learned.verdict.reasons)
    tags = {**info.metadata, **own, **gate}
    said = {name: value for name, value in tags.items() if value}
    mlflow.set_logged_model_tags(info.model_id, said)
    return Logged(info.model_id, run_id, bundle.manifest.meaning, card, said)


def _list_params(learned: Learned) -> dict[str, Any]:
    judged, served = learned.stages
    return {
        "target": learned.target.name,
        "horizon_days": learned.target.horizon_days,
        "as_of": f"{learned.as_of:%Y-%m-%d}",
        "family": learned.bundle.manifest.family,
        "judged_moment": f"{judged.serve:%Y-%m-%d}",
        "train_moments": len(judged.train),
        "refit_moments": len(served.closed),
        **learned.params,
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
        "grade": read_grade(learned.report),
        "gate": PASSED if learned.verdict.passed else REFUSED,
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


def _log_datasets(learned: Learned) -> Any:
    """Log what was learned from and what was judged on, and return the latter."""
    name, (judged, served) = learned.target.name, learned.stages
    rows = learned.judged.drop(columns=[CUSTOMER, AS_OF])
    data = mlflow.data.pandas_dataset.from_pandas(
        rows,
        name=f"{name} judged snapshot",
        targets=OUTCOME,
        digest=digest_rows(learned.judged)[:DIGEST],
    )
    seen = mlflow.data.meta_dataset.MetaDataset(  # type: ignore[abstract] # MLflow's own slip
        data.source,
        name=f"{name} training snapshots",
        digest=learned.digest[:DIGEST],
        schema=data.schema,
    )
    closed = served.closed
    told = {"moments": len(closed), "first_moment": min(closed), "last_moment": max(closed)}
    mlflow.log_input(seen, "training", {n: str(v) for n, v in told.items()})
    mlflow.log_input(data, "judged", {"moment": str(judged.serve)})
    return data


def _write_artifacts(learned: Learned, report: dict[str, Any], folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False), "utf-8")
    own = {entry["name"]: entry for entry in learned.entries}
    entries = [own.get(name) or describe((name,))[0] for name in learned.columns]
    (folder / "dictionary.json").write_text(json.dumps(entries, indent=1), "utf-8")
    save_bundle(learned.early, folder / EARLY)
    learned.draw(folder / "figures")
    if boosted := find_boosted(learned.early):
        draw_importance(boosted, learned.columns, folder / "figures")
