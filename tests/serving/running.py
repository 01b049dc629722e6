"""A service in a process of its own, and how to ask it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.bento import find_sources
from serving.scorer import Scorer

STARTED_WITHIN_S = 60
ENDED_WITHIN_S = 20

SERVE = """
import sys
from pathlib import Path
from serving.bento import Address, Listen, serve_newest
port = int(sys.argv[2])
listen = Listen(Address("127.0.0.1", port), Address("127.0.0.1", port + 1))
sys.exit(serve_newest(Path(sys.argv[1]), listen))
"""


@dataclass(frozen=True)
class Service:
    """A running service: where it listens, where it logs, and what it serves."""

    client: httpx.Client
    log: Path
    scorer: Scorer


def find_port() -> int:
    """Return a free port with a free one above it, for metrics."""
    while True:
        with socket.socket() as trial, socket.socket() as above:
            trial.bind(("127.0.0.1", 0))
            port = int(trial.getsockname()[1])
            with suppress(OSError, OverflowError):
                above.bind(("127.0.0.1", port + 1))
                return port


def read_metrics(client: httpx.Client) -> str:
    """Return what the service tells on its inner port."""
    answer = httpx.get(f"http://127.0.0.1:{(client.base_url.port or 0) + 1}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


@contextmanager
def running(
    home: Path, bundles: Path | None = None, store: str = "", app: str = ""
) -> Iterator[tuple[httpx.Client, Path]]:
    """Serve until the block ends; the process is gone then, whatever happened.

    Served is the newest Bento in `home`, or else the app of that name in the sources.
    """
    port = find_port()
    told = {"PATRON_BUNDLES": str(bundles)} if bundles else {}
    told |= {"PATRON_STORE": store} if store else {}
    command = [sys.executable, "-c", SERVE, str(home), str(port)]
    if app:
        place = [app, "--working-dir", str(find_sources())]
        listen = ["--host", "127.0.0.1", "--port", str(port)]
        command = [sys.executable, "-m", "bentoml", "serve", *place, *listen]
        told |= {"PATRON_HOME": str(home), "PATRON_METRICS_PORT": str(port + 1)}
    with launched(command, home, port, told) as service:
        yield service


@contextmanager
def following(home: Path, tracking: str) -> Iterator[tuple[httpx.Client, Path]]:
    """Serve what MLflow calls champions, and follow it, until the block ends."""
    port = find_port()
    words = ["serve", "--registry", "--port", str(port), "--poll", "0.2"]
    told = {"PATRON_HOME": str(home), "MLFLOW_TRACKING_URI": tracking}
    with launched([sys.executable, "-m", "cli", *words], home, port, told) as service:
        yield service


@contextmanager
def launched(
    command: list[str], home: Path, port: int, told: dict[str, str]
) -> Iterator[tuple[httpx.Client, Path]]:
    """Run the command until the block ends; yield a client of the port, and the log."""
    log = home / f"service-{port}.log"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "MLFLOW_"))}
    environment = kept | {"PYTHONPATH": str(find_sources())} | told
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdout=said, stderr=said, start_new_session=True
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until_it_answers(client, process, log)
            yield client, log
        process.terminate()
        assert process.wait(ENDED_WITHIN_S) == 0
    finally:
        end(process)


def end(process: Any) -> None:
    """Have the process gone; its workers are of other groups, which only it can end."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDED_WITHIN_S)
            return
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(ENDED_WITHIN_S)


def wait_until_it_answers(client: httpx.Client, process: Any, log: Path) -> None:
    end = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            client.get("/livez")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"The service did not start: {log.read_text()[-2000:]}")


def parse(text: str) -> Any:
    """Return what strict JSON says: no NaN, no name twice."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=read)


def post(service: Service, said: Any, **headers: str) -> httpx.Response:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = {"content-type": "application/json"} | headers
    return service.client.post("/v1/scores", content=body, headers=headers)


def score(service: Service, records: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = post(service, {"as_of": "2026-06-01T00:00:00Z", "records": records} | more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    said: dict[str, Any] = parse(answer.text)
    assert said["request_id"] == answer.headers["x-request-id"]
    return said


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = parse(answer.text)
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:patron:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["retryable"] is ("retry_after_s" in problem)
    assert problem["title"]
    assert problem["detail"]
    return problem
