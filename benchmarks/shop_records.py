"""An invented shop with its five models, and questions about its customers as HTTP requests."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

AS_OF = "2026-11-01T00:00:00Z"
LINES = 20
COLUMNS = ("order_id", "ordered_at", "product_id", "quantity", "unit_price", "discount", "amount")
ROOT = Path(__file__).resolve().parents[1]

LAY_OUT = """
import pathlib, sys
from contract.champions import fetch_champions
from contract.registry import open_registry
from contract.settings import read_settings
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
fetch_champions(open_registry(read_settings()), folder)
"""


@dataclass(frozen=True)
class Made:
    """Where the shop's tables are, and its models."""

    home: Path

    @property
    def tables(self) -> Path:
        """The folder of the tables."""
        return self.home / "shop"

    @property
    def bundles(self) -> Path:
        """The folder of the bundles, as the service takes it."""
        return self.home / "bundles"

    @property
    def environment(self) -> dict[str, str]:
        """What a process is started with that reads the shop's registry."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("PATRON_")}
        tracking = f"sqlite:///{self.home / 'mlruns' / 'mlflow.db'}"
        return own | {
            "PYTHONPATH": str(ROOT),
            "PATRON_HOME": str(self.home),
            "MLFLOW_TRACKING_URI": tracking,
            "PATH": f"{Path(sys.executable).parent}:{own.get('PATH', '')}",
        }


def prepare(home: Path) -> Made:
    """Return the shop kept in the folder, invented and its models trained where it is not."""
    made = Made(home)
    if made.bundles.exists():
        return made
    home.mkdir(parents=True, exist_ok=True)
    patron = [sys.executable, "-P", "-m", "cli"]
    size = ("--customers", "700", "--months", "18", "--seed", "7")
    for words in (
        [*patron, "shop", *size, "--out", str(made.tables)],
        [*patron, "train", str(made.tables), "--as-of", AS_OF],
        [*patron, "promote", "--despite", "a benchmark of speed"],
        [*patron, "load", str(made.tables)],
        [*patron, "score", "--store", "--as-of", AS_OF],
        [*patron, "features", str(made.tables), "--as-of", AS_OF, "--out", "features.parquet"],
        [sys.executable, "-P", "-c", LAY_OUT, str(made.bundles)],
    ):
        subprocess.run(words, env=made.environment, cwd=home, check=True)
    return made


def tell_records(made: Made) -> list[dict[str, Any]]:
    """Return a record per customer who has them: the last 20 order lines."""
    at = pl.col("ordered_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = pl.read_parquet(made.tables / "transactions.parquet").sort("customer_id", "ordered_at")
    return [
        # Customers whom the store does not know, so that these rows are all there is.
        {"customer_id": f"N-{key[0]}", "transactions": own.tail(LINES).select(COLUMNS).to_dicts()}
        for key, own in lines.with_columns(at).group_by("customer_id", maintain_order=True)
        if len(own) >= LINES
    ]


def list_customers(made: Made) -> list[str]:
    """Return the ids of those who have ordered, whom the store knows."""
    lines = pl.read_parquet(made.tables / "transactions.parquet", columns=["customer_id"])
    return sorted(set(lines["customer_id"].drop_nulls()))


def ask(said: Any, path: str = "/v1/scores", **more: Any) -> bytes:
    """Return the HTTP request that asks about records, or says something else as it is."""
    body = {"as_of": AS_OF, "records": said, **more} if isinstance(said, list) else said
    return post(path, body)


def get(path: str) -> bytes:
    """Return the HTTP request for what is at a path."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, said: Any) -> bytes:
    """Return an HTTP request with a body of JSON."""
    body = json.dumps(said).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
