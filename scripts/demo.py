"""The main job on an invented shop: raw tables to answers, with the time each step took.

Everything it makes lies in the folder `demo`; run it again and it starts afresh.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "demo"
SHOP = HOME / "shop"
ANSWERS = HOME / "answers.parquet"
PATRON = Path(sys.executable).with_name("patron")
AS_OF = "2026-11-01"
WAIT_S = 60

took: dict[str, float] = {}


def main() -> None:
    """Run every step in turn and print where the time went."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["PATRON_HOME"] = str(HOME)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    installed = (PATRON.parent / ".installed").read_text("utf-8")
    size = ("--customers", "2000", "--months", "24", "--seed", "7")
    run("invent a shop", "shop", *size, "--out", str(SHOP))
    run("check its tables", "check", str(SHOP))
    run("train", "train", str(SHOP), "--as-of", AS_OF, "--report", str(HOME / "report.json"))
    run("promote", "promote")
    run("build the Bento", "build")
    port = find_port()
    with serving(port):
        score_one(port)
    run("score everyone", "score", str(SHOP), "--as-of", AS_OF, "--out", str(ANSWERS))
    show_batch()
    print("\nWhere the time went")
    print(f"  {'install':20}{installed.split()[2]:>7} s (when .venv was made)")
    for step, seconds in took.items():
        print(f"  {step:20}{seconds:7.1f} s")
    print(f"  {'all but install':20}{sum(took.values()):7.1f} s")
    database = os.path.relpath(HOME / "mlruns" / "mlflow.db")
    print(
        "\nLook at the runs, the pictures and the models in MLflow:\n"
        "  .venv/bin/mlflow ui --host 127.0.0.1 --port 5000"
        f" --backend-store-uri sqlite:///{database}"
    )


def run(step: str, *words: str) -> None:
    """Run one verb of patron, showing the command and what it says."""
    print(f"\n$ patron {' '.join(words).replace(str(ROOT) + os.sep, '')}", flush=True)
    with timed(step):
        subprocess.run([PATRON, *words], check=True)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Note how long the step took."""
    began = time.perf_counter()
    yield
    took[step] = time.perf_counter() - began


def find_port() -> int:
    """Return 3000, or a free port where that is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 3000))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve the newest Bento on the port while the block runs, then stop it."""
    print(f"\n$ patron serve --port {port}", flush=True)
    log = (HOME / "serve.log").open("w")
    server = subprocess.Popen([PATRON, "serve", "--port", str(port)], stdout=log, stderr=log)
    try:
        with timed("start serving"), Console(stderr=True).status("starting the service"):
            wait_until_ready(port, server)
        print(f"ready on http://127.0.0.1:{port}; its API is described at /openapi.json")
        yield
    finally:
        server.terminate()
        server.wait(timeout=WAIT_S)
        log.close()


def wait_until_ready(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Return when the service says it is ready; give up when it ended or took a minute."""
    for _ in range(WAIT_S * 5):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"The service did not come up; {HOME / 'serve.log'} says why.")


def score_one(port: int) -> None:
    """Send one customer's own rows to the service and print request and answer."""
    request = json.dumps(make_request(), indent=1)
    print(f"\nPOST /v1/scores\n{request}\n")
    post = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/scores",
        data=request.encode(),
        headers={"Content-Type": "application/json"},
    )
    with timed("score one"), urllib.request.urlopen(post, timeout=10) as answer:
        print(json.dumps(json.load(answer), indent=1))


def make_request() -> dict[str, Any]:
    """Return a question about a customer of three orders, with all the rows there are of it."""
    lines = read_rows("transactions", "ordered_at")
    acts = read_rows("interactions", "occurred_at")
    orders = lines.group_by("customer_id").agg(orders=pl.col("order_id").n_unique())
    sizes = acts.group_by("customer_id").agg(acts=pl.len()).join(orders, on="customer_id")
    few = sizes.filter(pl.col("orders") == 3, pl.col("acts") >= 2).sort("acts", "customer_id")
    customer = few["customer_id"][0]
    own = {
        "transactions": ("order_id", "ordered_at", "product_id", "quantity", "amount", "discount"),
        "interactions": ("kind", "occurred_at", "initiated_by"),
    }
    rows = {
        name: table.filter(pl.col("customer_id") == customer).select(own[name]).to_dicts()
        for name, table in (("transactions", lines), ("interactions", acts))
    }
    record = {"record_id": "r1", "customer_id": customer, **rows}
    return {"as_of": f"{AS_OF}T00:00:00Z", "records": [record]}


def read_rows(table: str, at: str) -> pl.DataFrame:
    """Return a table of the shop in order of time, its times as text."""
    rows = pl.read_parquet(SHOP / f"{table}.parquet").sort(at)
    return rows.with_columns(pl.col(at).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))


def show_batch() -> None:
    """Print the first rows of the batch file."""
    answers = pl.read_parquet(ANSWERS).select(
        "customer_id", "stage", "churn_probability", "next_purchase_probability",
        "expected_next_order_date", "cross_sell_1_category", "predicted_lifetime_value",
    )  # fmt: skip
    with pl.Config(tbl_rows=8, tbl_hide_dataframe_shape=True, tbl_cols=7, tbl_width_chars=140):
        print(answers.head(8))


if __name__ == "__main__":
    main()
