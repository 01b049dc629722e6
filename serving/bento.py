"""Build the service with its models into a Bento, and serve it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

import contract
from contract.bundle import load_bundles
from contract.errors import PatronError
from contract.settings import read_settings
from serving.loopback import refuse_keyless

NAME = "patron"
ROOMS = ("contract", "features", "serving")
BENTOFILE = "bentofile.yaml"
REQUIREMENTS = Path("requirements/serve.txt")

METRICS = "Choose another --metrics-port."

Follow = Callable[[Event], None]

_TAG = re.compile(r"__tag__:(\S+)")


class BentoError(PatronError):
    """A Bento cannot be built, or not be served as asked."""

    code = "bento"


class Address(NamedTuple):
    """Where a service listens."""

    host: str
    port: int


class Listen(NamedTuple):
    """Where callers are answered, and where metrics are told."""

    callers: Address
    metrics: Address


def build_bento(bundles: Path, home: Path) -> str:
    """Return the tag of a new Bento, kept under `home`, that serves the bundles in the folder."""
    load_bundles(bundles)  # a broken bundle is refused here, not where it is deployed
    with tempfile.TemporaryDirectory(prefix="patron-build-") as made:
        _lay_out(bundles, Path(made))
        command = [sys.executable, "-m", "bentoml", "build", "--output", "tag", made]
        # A process of its own: BentoML reads its home once, and puts what it builds on sys.path.
        run = subprocess.run(  # noqa: S603 - our own words only
            command, env=_environment(home), cwd=made, capture_output=True, text=True, check=False
        )
    tag = _TAG.search(run.stdout)
    if run.returncode or tag is None:
        said = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise BentoError(f"BentoML could not build the service; it says: {said[0]}")
    return tag[1]


def serve_newest(home: Path, listen: Listen) -> int:
    """Serve the newest Bento under `home` until stopped, and return the exit status."""
    if not (home / "bentos" / NAME / "latest").exists():
        raise BentoError(f"There is no Bento of {NAME} in {home}.", "Build one: patron build.")
    return _serve([f"{NAME}:latest"], listen, _environment(home))


def serve_followed(bundles: Path, listen: Listen, follow: Follow, home: Path) -> int:
    """Serve the bundles that a link points to by the sources as they are; return the exit status.

    `follow` is called beside the service, to move the link until it is told to stop.
    """
    environment = _environment(home) | {"PATRON_BUNDLES": str(bundles)}
    place = ["serving.app:Patron", "--working-dir", str(find_sources())]
    return _serve(place, listen, environment, follow)


def find_sources() -> Path:
    """Return the folder that holds Patron's rooms and its bentofile."""
    folder = Path(contract.__file__).resolve().parents[1]
    if not (folder / BENTOFILE).exists():
        raise BentoError(
            f"{folder} has no {BENTOFILE}.", "Install Patron from its sources: pip install -e ."
        )
    return folder


def pin_packages(requirements: str) -> list[str]:
    """Return the pinned versions of a hash-locked list, without the hashes.

    BentoML appends a line of its own, without a hash, and pip then refuses a list that has some.
    """
    lines = (line.split(" --hash")[0].rstrip(" \\") for line in requirements.splitlines())
    return [line for line in lines if re.match(r"[A-Za-z0-9]", line)]


def _lay_out(bundles: Path, folder: Path) -> None:
    """Copy what goes into a Bento, and nothing else, into the folder."""
    sources = find_sources()
    skipped = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(sources / room, folder / room, ignore=skipped)
    shutil.copytree(bundles, folder / "bundles")
    options: dict[str, Any] = yaml.safe_load((sources / BENTOFILE).read_text("utf-8"))
    if (sources / REQUIREMENTS).exists():
        options["python"]["packages"] = pin_packages((sources / REQUIREMENTS).read_text("utf-8"))
    (folder / BENTOFILE).write_text(yaml.safe_dump(options), "utf-8")


def _environment(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        # A worker runs in the Bento's own folder: the store is not to be looked for there.
        "PATRON_HOME": str(Path(os.environ.get("PATRON_HOME", "")).resolve()),
        "BENTOML_HOME": str(home.resolve()),
        "BENTOML_DO_NOT_TRACK": "True",
    }


def _serve(
    place: list[str], listen: Listen, environment: dict[str, str], follow: Follow | None = None
) -> int:
    """Run BentoML in the foreground; being asked to stop, stop it and wait until it has."""
    if listen.callers == listen.metrics:
        raise BentoError(f"{':'.join(map(str, listen.metrics))} is named twice.", METRICS)
    store_url = read_settings().store_url
    refuse_keyless(listen.callers.host, store_url)
    for address in listen:
        _refuse_taken(*address)
    host, port = listen.metrics
    environment |= {"PATRON_METRICS_HOST": host, "PATRON_METRICS_PORT": str(port)}
    environment |= {"PATRON_STORE": store_url}  # in full: a worker runs in another folder
    told = ["--host", listen.callers.host, "--port", str(listen.callers.port)]
    command = [sys.executable, "-m", "bentoml", "serve", *place, *told]
    server = subprocess.Popen(command, env=environment)  # noqa: S603 - our own words only
    asked: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        asked.append(number)
        server.terminate()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _beside(follow):
            status = server.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if asked else status


@contextmanager
def _beside(follow: Follow | None) -> Iterator[None]:
    """Run `follow` in a thread while the block runs; nothing of it can end the service."""
    stop = Event()
    if follow:
        Thread(target=follow, args=(stop,), name="follow", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _refuse_taken(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BentoError(
            f"{host}:{port} cannot be listened on: {reason}.", "Choose another host or port."
        ) from error
