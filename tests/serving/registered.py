"""Small bundles in a real registry, ways in which they go bad, and MLflow's own server."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.bundle import Bundle, load_bundles, save_bundle
from contract.manifest import Calibration
from contract.registry import CHALLENGER, PREFIX, Registry
from contract.versions import Logged, Version
from tests.serving.bundles import make_bundles

TARGETS = ("churn", "next_purchase")


def make_pair(folder: Path) -> list[dict[str, Bundle]]:
    """Return two bundles of each target that answer differently."""
    first = load_bundles(make_bundles(folder))
    other = Calibration(slope=0.5, intercept=-0.4)
    return [
        first,
        {t: replace(b, manifest=b.manifest.model_copy(update={"calibration": other}))
         for t, b in first.items()},
    ]  # fmt: skip


def register(registry: Registry, bundle: Bundle, folder: Path) -> Version:
    """Return a new version, the challenger, that holds the bundle as it is saved in the folder."""
    saved = save_bundle(bundle, folder)
    return register_folder(registry, folder, saved, {"sha256": saved.sha256})


def register_folder(
    registry: Registry, folder: Path, bundle: Bundle, tags: dict[str, str]
) -> Version:
    client = registry.client
    name = f"small {client.tracking_uri.partition(':')[0]}"  # each has its own place for artifacts
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    client.log_model_artifacts(model.model_id, str(folder), "bundle")
    client.finalize_logged_model(model.model_id, "READY")
    return registry.register(bundle.target, Logged(model.model_id, run, tags=tags))


def promote(registry: Registry, version: Version) -> None:
    """Make the version its target's champion, by the way of every champion."""
    name = PREFIX + version.target
    registry.client.set_registered_model_alias(name, CHALLENGER, version.number)
    registry.promote(version.target)


class Canary:
    """Pickled, it makes a file where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def truncate(folder: Path, _canary: Path) -> None:
    file = folder / "model.ubj"
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(folder: Path, _canary: Path) -> None:
    file = folder / "model.ubj"
    told = bytearray(file.read_bytes())
    told[len(told) // 2] ^= 1
    file.write_bytes(told)


def plant_a_pickle(folder: Path, canary: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(Canary(canary)))


def become_a_pickle(folder: Path, canary: Path) -> None:
    (folder / "model.json").write_bytes(pickle.dumps(Canary(canary)))


def become_a_pickle_that_is_listed(folder: Path, canary: Path) -> None:
    """As one would who may write the manifest too."""
    manifest, was = folder / "manifest.json", (folder / "model.json").read_bytes()
    become_a_pickle(folder, canary)
    hashes = [hashlib.sha256(b).hexdigest() for b in (was, (folder / "model.json").read_bytes())]
    manifest.write_text(manifest.read_text().replace(*hashes))


def change_the_dictionary(folder: Path, _canary: Path) -> None:
    change_manifest(folder, "dictionary", "0" * 64)


def change_the_format(folder: Path, _canary: Path) -> None:
    change_manifest(folder, "format", 2)


def claim_another_target(folder: Path, _canary: Path) -> None:
    change_manifest(folder, "target", "next_purchase")


def change_manifest(folder: Path, name: str, told: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {name: told}))


# What is done to a bundle of churn, and what is said of it.
SPOILT: dict[Callable[[Path, Path], None], str] = {
    truncate: "model.ubj in the bundle of churn is not the file that was registered",
    flip_a_bit: "model.ubj in the bundle of churn is not the file that was registered",
    plant_a_pickle: "The bundle of churn has other files than its manifest names",
    become_a_pickle: "model.json in the bundle of churn is not the file that was registered",
    become_a_pickle_that_is_listed: "model.json holds no model",
    change_the_dictionary: "The model of churn was trained on other features than these",
    change_the_format: "holds no readable manifest.json of format 3",
    claim_another_target: "The model in the place of churn is one of next_purchase",
}


@contextmanager
def mlflow_server(home: Path, port: int) -> Iterator[Callable[[], None]]:
    """Run MLflow's server over the home's database; yield what kills it at once."""
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{home / 'mlruns' / 'mlflow.db'}"]
    words += ["--artifacts-destination", str(home / "served")]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "MLFLOW_"))}
    kept["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # eight processes of it
    with (home / f"mlflow-{port}.log").open("ab") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words], env=kept, cwd=home, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip

    def kill() -> None:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)

    try:
        wait_until_healthy(port, server)
        yield kill
    finally:
        kill()


def wait_until_healthy(port: int, server: Any) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("MLflow's server did not start.")
