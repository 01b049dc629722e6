"""Clients made from the running service's own documents compile, and speak with it."""

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.bento import build_bento
from tests.serving.bundles import make_bundles
from tests.serving.running import running

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
INSTALLED = CLIENTS / "node_modules"
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not INSTALLED.exists(),
    reason="Node, or what `make test` installs by npm in tests/clients, is missing",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("clients")
    build_bento(make_bundles(home / "made"), home)
    with running(home) as (client, _):
        yield client


@pytest.fixture(scope="module")
def documents(service: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for name in ("openapi.json", "swagger.json"):
        (folder / name).write_bytes(service.get(f"/{name}").content)
    return folder


def run(*command: str | Path, cwd: Path) -> str:
    told = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.fixture(scope="module")
def made(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the package that openapi-python-client makes."""
    folder, name = tmp_path_factory.mktemp("python"), "patron_client"
    code = "from openapi_python_client.cli import app; app()"
    config = folder / "config.json"  # no formatting: what is made is to run, not to be read
    config.write_text(json.dumps({"post_hooks": []}))
    said = run(
        sys.executable, "-c", code, "generate", "--path", documents / "openapi.json",
        "--output-path", folder / name, "--meta", "none", "--config", config, "--fail-on-warning",
        cwd=folder,
    )  # fmt: skip
    assert "arning" not in said
    run(sys.executable, "-m", "compileall", "-q", name, cwd=folder)
    sys.path.insert(0, str(folder))
    yield name
    sys.path.remove(str(folder))


def test_a_python_client_compiles_and_round_trips(service: httpx.Client, made: str) -> None:
    def load(path: str) -> Any:
        return importlib.import_module(f"{made}.{path}")

    models: Any = load("models")
    line = models.Transaction("1", datetime(2026, 5, 1, tzinfo=UTC), 9.0, currency="EUR")
    other = models.Transaction("2", datetime(2026, 5, 1, tzinfo=UTC), 9.0, currency="USD")
    records = [
        models.Record("C-1", record_id="a", transactions=[line]),
        models.Record("C-2", attributes=[models.Attribute("region", text="north")]),
        models.Record("C-3", transactions=[line, other]),
    ]
    ask = load("api.scores.score_customers").sync
    with load("client").Client(base_url=str(service.base_url)) as client:
        told = ask(client=client, body=models.Question(records, as_of=AS_OF))
        problem = ask(client=client, body=models.Question([]))
        listed = load("api.models.list_models").sync(client=client)
        unknown = load("api.models.get_model").sync("weather", client=client)
    assert (told.summary.succeeded, told.summary.failed) == (2, 1)
    first, second, failed = told.results
    assert [r.record_id for r in told.results] == ["a", "1", "2"]
    assert [r.status.value for r in told.results] == ["ok", "ok", "error"]
    assert 0 < first.churn.probability < 1
    assert second.warnings == ["no_order_before_as_of", "attributes_not_used"]
    assert failed.error.code.value == "mixed_currencies"
    assert not failed.churn
    assert (problem.status, problem.code) == (422, "wrong_form")
    assert problem.errors[0].pointer == "/records"
    assert [m.target for m in listed.models] == ["churn", "next_purchase"]
    assert (unknown.status, unknown.code) == (404, "unknown_model")


@needs_node
def test_a_typescript_client_compiles_and_round_trips(
    service: httpx.Client, documents: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(INSTALLED)
    shutil.copy(CLIENTS / "package.json", tmp_path)
    shutil.copy(CLIENTS / "roundtrip.ts", tmp_path)
    tools = INSTALLED / ".bin"
    run(tools / "openapi-typescript", documents / "openapi.json", "-o", "schema.d.ts", cwd=tmp_path)
    run(
        tools / "tsc", "roundtrip.ts", "--strict", "--target", "es2022", "--module", "nodenext",
        "--lib", "es2022,dom,dom.iterable", "--noUncheckedIndexedAccess", "--skipLibCheck",
        "--allowImportingTsExtensions", "--rewriteRelativeImportExtensions", cwd=tmp_path,
    )  # fmt: skip
    said = json.loads(run("node", "roundtrip.js", str(service.base_url), cwd=tmp_path))
    assert 0 < said.pop("churn") < 1
    assert said == {
        "succeeded": 2,
        "statuses": ["ok", "ok", "error"],
        "error": "mixed_currencies",
        "problem": "/records",
        "models": ["churn", "next_purchase"],
        "unknown": "unknown_model",
        "predictions": 1,
    }


@needs_node
def test_a_second_validator_finds_both_documents_sound(documents: Path) -> None:
    said = run(
        "node", CLIENTS / "validate.mjs", documents / "openapi.json", documents / "swagger.json",
        cwd=CLIENTS,
    )  # fmt: skip
    paths = len(json.loads((documents / "openapi.json").read_text())["paths"])
    assert said.splitlines() == [f"3.0.3 {paths}", f"2.0 {paths}"]
