"""A bundle as a model of MLflow: data, signature, example, requirements and card; no pickle."""

import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema

from contract.bundle import Bundle, save_bundle
from contract.predictions import PREDICTIONS
from contract.registry import BUNDLE

LOADER = "contract.pyfunc"
CARD = "card.md"
# What contract.pyfunc imports. Patron itself is on no index: it has to be installed beside them.
NEEDS = {"mlflow", "numpy", "pandas", "pydantic", "xgboost", "xgboost-cpu"}


@dataclass(frozen=True)
class Flavor:
    """What MLflow's `Model.log` asks for a model by: it calls `save_model`."""

    bundle: Bundle
    example: pd.DataFrame
    card: str
    revision: str = "unknown"

    def save_model(self, path: str, mlflow_model: Model) -> None:
        """Write the model's folder, MLmodel last."""
        folder = Path(path)
        saved = save_bundle(self.bundle, folder / BUNDLE)
        (folder / CARD).write_text(self.card, "utf-8")
        mlflow_model.signature = sign(saved)
        mlflow_model.saved_input_example_info = _write_example(self.example, folder)
        mlflow_model.metadata = describe_bundle(saved)
        _write_environment(folder, self.revision)
        mlflow.pyfunc.add_to_model(
            mlflow_model, loader_module=LOADER, data=BUNDLE, python_env="python_env.yaml"
        )
        mlflow_model.save(folder / "MLmodel")


def log_bundle(flavor: Flavor) -> Any:
    """Log the bundle as a model of the running run, named as its target, and return its facts."""
    return Model.log(None, flavor, name=flavor.bundle.target, flavor_name="python_function")


def sign(bundle: Bundle) -> ModelSignature:
    """Return the signature: every feature read, a double that may be null; the answer's columns."""
    inputs = Schema([ColSpec("double", name, required=False) for name in bundle.frame])
    outputs = PREDICTIONS[bundle.manifest.kind].outputs
    return ModelSignature(inputs, Schema([ColSpec(kind, name) for name, kind in outputs.items()]))


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """Return what a version's tags and MLmodel's metadata say of the bundle."""
    manifest = bundle.manifest
    return {
        "target": manifest.target,
        "family": manifest.family,
        "horizon_days": str(manifest.horizon_days),
        "as_of": manifest.as_of.isoformat(),
        "sha256": bundle.sha256,
    }


def _write_example(example: pd.DataFrame, folder: Path) -> dict[str, str]:
    # MLflow's own way writes NaN, which is no JSON; a null comes back as NaN by the signature.
    rows = example.astype(object).where(example.notna(), None).to_numpy().tolist()
    split = {"columns": list(example.columns), "data": rows}
    asked = {"input_example.json": split, "serving_input_example.json": {"dataframe_split": split}}
    for name, content in asked.items():
        (folder / name).write_text(json.dumps(content, allow_nan=False), "utf-8")
    paths = dict(zip(("artifact_path", "serving_input_path"), asked, strict=True))
    return {**paths, "type": "dataframe", "pandas_orient": "split"}


def _write_environment(folder: Path, revision: str) -> None:
    here = {d.name: d.version for d in metadata.distributions() if d.name in NEEDS}
    pinned = [f"{name}=={version}" for name, version in sorted(here.items())]
    patron = f"# and Patron, installed from its sources at revision {revision}"
    (folder / "requirements.txt").write_text("\n".join([*pinned, patron, ""]), "utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n", "utf-8"
    )
