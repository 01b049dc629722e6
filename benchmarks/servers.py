"""The servers that benchmarks/serving.py asks: each one worker, on loopback, gone when it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import psutil

from benchmarks.shop_records import Made, post

STARTED_WITHIN_S = 90

ECHO = """
import sys, uvicorn
from typing import Any
from fastapi import Body, FastAPI
app = FastAPI()
@app.post("/echo")
async def echo(said: Any = Body()) -> Any:
    return said
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
"""

BENTO = """
import bentoml
@bentoml.service(workers=1)
class Echo:
    @bentoml.api
    def echo(self, customer_id: str) -> dict[str, str]:
        return {"customer_id": customer_id}
"""

MLSERVER = "MLSERVER_PYTHON"  # names the Python of an environment of MLServer's own
MODEL = "models:/patron-churn@champion"


class Plan(NamedTuple):
    """How a server is started, what it is asked first, and how the table calls it."""

    title: str
    ready: str
    command: Callable[[int, Made, Path], list[str]]


def _serve_mlflow(port: int, made: Made, folder: Path) -> list[str]:
    words = ["models", "serve", "-m", MODEL, "--env-manager", "local", "-w", "1", "-p", str(port)]
    return [sys.executable, "-m", "mlflow", *words]


def _serve_bento(port: int, made: Made, folder: Path) -> list[str]:
    (folder / "echoing.py").write_text(BENTO, "utf-8")
    words = ["serve", "echoing:Echo", "--port", str(port), "--working-dir", str(folder)]
    return [sys.executable, "-m", "bentoml", *words, "--host", "127.0.0.1"]


def _serve_mlserver(port: int, made: Made, folder: Path) -> list[str]:
    """Write what MLServer is started by: its own ports, and the model as MLflow keeps it."""
    get_model = f"import mlflow; print(mlflow.artifacts.download_artifacts({MODEL!r}))"
    words = [sys.executable, "-c", get_model]
    told = subprocess.run(words, env=made.environment, check=True, capture_output=True, text=True)
    model = {
        "name": "churn",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": told.stdout.strip().splitlines()[-1]},
    }
    ports = {"http_port": port, "grpc_port": find_port(), "metrics_port": find_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, **ports}
    (folder / "model-settings.json").write_text(json.dumps(model), "utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    return [str(Path(os.environ[MLSERVER]).with_name("mlserver")), "start", str(folder)]


def _serve_echo(port: int, *_: Any) -> list[str]:
    return [sys.executable, "-P", "-c", ECHO, str(port)]


def _serve_patron(port: int, *_: Any) -> list[str]:
    words = ["serve", "--registry", "--poll", "3600", "--port", str(port)]
    return [sys.executable, "-P", "-m", "cli", *words, "--metrics-port", str(find_port())]


SERVERS = {
    "echo": Plan("FastAPI echo", "/docs", _serve_echo),
    "patron": Plan("Patron", "/readyz", _serve_patron),
    "bentoml": Plan("BentoML's own route as it comes: an echo", "/readyz", _serve_bento),
    "mlflow": Plan("mlflow models serve: churn from finished features", "/ping", _serve_mlflow),
}
if MLSERVER in os.environ:
    told = "MLServer: churn from finished features"
    SERVERS["mlserver"] = Plan(told, "/v2/health/ready", _serve_mlserver)


@dataclass
class Server:
    """A running server: its process, its port, and what it is asked."""

    process: subprocess.Popen[bytes]
    port: int
    asked: list[bytes] = field(default_factory=list)
    warm: bool = False

    def cpu(self) -> float:
        """Return the CPU seconds that the server and its workers took so far."""
        whole = psutil.Process(self.process.pid)
        times = [p.cpu_times() for p in (whole, *whole.children(recursive=True))]
        return float(sum(t.user + t.system for t in times))


def find_port() -> int:
    """Return a port that is free."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def serving(names: list[str], made: Made) -> Iterator[dict[str, Server]]:
    """Run the named servers until the block ends."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        places = {name: Path(folder) / name for name in names}
        for place in places.values():
            place.mkdir()
        yield {n: stack.enter_context(_run(n, made, place)) for n, place in places.items()}


@contextmanager
def _run(name: str, made: Made, folder: Path) -> Iterator[Server]:
    plan, port = SERVERS[name], find_port()
    own = made.environment | {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            plan.command(port, made, folder), env=own, cwd=folder, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}{plan.ready}", process, folder / f"{name}.log")
        yield _describe(Server(process, port), name, made)
    finally:
        _stop(process)


def _stop(process: Any) -> None:
    """End the server with all of its workers, if it has not ended by itself."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _wait(url: str, process: Any, log: Path) -> None:
    end = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"{url} did not answer: {log.read_text()[-2000:]}")


def _describe(server: Server, name: str, made: Made) -> Server:
    """Add what the server is asked."""
    if name == "bentoml":
        server.asked = [post("/echo", {"customer_id": "C-1"})]
    elif name in ("mlflow", "mlserver"):
        server.asked = [post("/invocations", {"dataframe_split": _tell_features(made)})]
    return server


def _tell_features(made: Made) -> dict[str, Any]:
    """Return one customer's finished features, as MLflow's server takes them."""
    file = made.home / "features.parquet"
    inputs = json.loads(next(made.bundles.glob("churn/*/manifest.json")).read_text())["inputs"]
    row = pl.read_parquet(file).select(inputs).fill_nan(None).head(1)
    return {"columns": row.columns, "data": [list(row.row(0))]}
