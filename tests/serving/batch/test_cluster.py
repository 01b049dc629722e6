"""`patron score --engine spark` on a real cluster of two workers, killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contract.registry import open_registry
from serving.batch.manifest import Manifest
from tests.conftest import ROOT
from tests.serving.kinds import make_kinds, register_bundle
from tests.serving.registered import promote
from tests.serving.running import find_port

pytest.importorskip("pyspark", reason="needs PySpark: pip install 'patron[spark]'")


@pytest.fixture(scope="module")
def home(new_home: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose champions are of every kind."""
    settings, folder = new_home(), tmp_path_factory.mktemp("kinds")
    registry = open_registry(settings)
    for bundle in make_kinds(folder).values():
        promote(registry, register_bundle(registry, bundle, folder / "saved" / bundle.target))
    return Path(settings.home)


@pytest.fixture(scope="module")
def cluster(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    from tests.serving.batch.cluster import start_cluster

    folder = tmp_path_factory.mktemp("cluster")
    with start_cluster(folder, (find_port(), find_port())) as address:
        yield folder, address


def score(home: Path, shop: Path, words: list[str], **more: str) -> subprocess.Popen[str]:
    command = [
        "score",
        str(shop),
        "--as-of",
        "2026-11-01",
        "--parts",
        "4",
        "--reasons",
        "1",
        *words,
    ]
    return subprocess.Popen(
        [sys.executable, "-P", str(ROOT / "cli.py"), *command],
        env={**os.environ, "PATRON_HOME": str(home), "PYTHONPATH": str(ROOT), **more},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def read(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "*.parquet").sort("customer_id")


def test_a_cluster_of_two_workers_writes_what_the_embedded_engine_writes(
    cluster, home, small_shop, tmp_path
):
    from tests.serving.batch.cluster import pack_code, submit

    folder, address = cluster
    there = submit(address, pack_code(tmp_path / "patron.zip"))
    ours, out = tmp_path / "ours", tmp_path / "out"
    told, _ = score(home, small_shop, ["--out", str(ours)]).communicate(timeout=120)
    assert "400" in told
    words = ["--engine", "spark", "--out", str(out)]
    stopped = score(home, small_shop, words, **there)
    rows, end = tmp_path / "out.work" / "rows" / "_temporary", time.monotonic() + 120
    while stopped.poll() is None and not rows.exists() and time.monotonic() < end:
        time.sleep(0.05)
    stopped.send_signal(signal.SIGKILL)
    stopped.communicate(timeout=60)  # Spark's own process ends, too
    assert stopped.returncode == -signal.SIGKILL
    assert sorted(f.name for f in tmp_path.glob("out*")) == ["out.work", "out.work.lock"]
    again = score(home, small_shop, [*words, "--json"], **there)
    told, trouble = again.communicate(timeout=180)
    assert again.returncode == 0, trouble
    assert read(out).equals(read(ours)) and len(read(out)) == 400
    manifest = Manifest.model_validate_json(told)
    assert manifest == Manifest.model_validate_json((tmp_path / "out.manifest.json").read_text())
    assert (
        manifest.counts
        == Manifest.model_validate_json((tmp_path / "ours.manifest.json").read_text()).counts
    )
    assert not (tmp_path / "out.work").exists()
    # Both workers had executors of the application that wrote the rows.
    for number in range(2):
        assert list((folder / f"work{number}").glob("app-*-0001/*/stderr"))
