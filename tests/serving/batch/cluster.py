"""A real Spark cluster on this machine: a master and two workers, each a process of its own."""

import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

from tests.conftest import QUICK, ROOT

HOME = Path(pyspark.__file__).parent
JAVA = ["java", *QUICK.split(), "-Xmx256m", "-cp", str(HOME / "jars" / "*")]
OWN = {"SPARK_HOME": str(HOME), "SPARK_SCALA_VERSION": "2.13"}  # by which executors are started
DEPLOY = "org.apache.spark.deploy"
OPENS = ["java.lang", "java.lang.invoke", "java.net", "java.nio", "java.util", "sun.nio.ch"]


@contextmanager
def start_cluster(folder: Path, ports: tuple[int, int]) -> Iterator[str]:
    """Yield the master's address; all processes end with the context."""
    address = f"spark://127.0.0.1:{ports[0]}"
    host = ["--host", "127.0.0.1"]
    with ExitStack() as stack:
        master = ["master.Master", *host, "--port", str(ports[0]), "--webui-port", str(ports[1])]
        stack.enter_context(_start(master, folder / "master.log"))
        for number in range(2):
            limits = ["--cores", "1", "--memory", "1g", "--webui-port", "0"]
            worker = ["worker.Worker", *host, *limits, "--work-dir", str(folder / f"work{number}")]
            stack.enter_context(_start([*worker, address], folder / f"worker{number}.log"))
        _wait(f"http://127.0.0.1:{ports[1]}/json/")
        yield address


def submit(address: str, code: Path) -> dict[str, str]:
    """Return the environment of a driver that works on the cluster and ships Patron to it."""
    words = f"""--master {address} --driver-memory 1g --executor-memory 512m --executor-cores 1
        --conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1
        --py-files {code} pyspark-shell"""
    return {
        "PYSPARK_SUBMIT_ARGS": " ".join(words.split()),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_SUBMIT_OPTS": QUICK,
        "PYTHONPATH": str(ROOT),
    }


def pack_code(place: Path) -> Path:
    """Return a zip file of the rooms that a task needs."""
    with zipfile.ZipFile(place, "w") as packed:
        for room in ("contract", "features", "serving"):
            for file in (ROOT / room).rglob("*.py"):
                packed.write(file, file.relative_to(ROOT))
    return place


@contextmanager
def _start(words: list[str], log: Path) -> Iterator[None]:
    opens = [w for name in OPENS for w in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")]
    main, *rest = words
    with log.open("w") as told:
        process = subprocess.Popen(
            [JAVA[0], *opens, *JAVA[1:], f"{DEPLOY}.{main}", *rest],
            env={n: v for n, v in os.environ.items() if n != "PYTHONPATH"} | OWN,
            stdout=told,
            stderr=told,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait(page: str, seconds: float = 60) -> None:
    """Wait until the master says that both workers are there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(page, timeout=5) as told:
                if told.read().decode().count('"state" : "ALIVE"') == 2:
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise TimeoutError("The cluster has no two workers.")
