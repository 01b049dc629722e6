"""What a batch will do, before it does anything: which models, which sources, how many parts."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
from sqlalchemy.engine.url import make_url

from contract.answers import ModelUsed
from contract.moments import as_utc
from contract.tables import SqlTable, Tables
from features.databases import count
from features.dictionary import describe
from features.pairing import describe_pairs
from serving.batch.asked import Asked, choose_targets
from serving.batch.manifest import Plan
from serving.scorer import Scorer

LINES = 1_500_000  # order lines and interactions of a part: some 500 MB while it is worked on
A_ROW = 60  # bytes of a CSV's row, about


def make_plan(tables: Tables, scorer: Scorer, asked: Asked, parts: int = 0) -> Plan:
    """Return the plan of a batch; `parts` follow from the size of the tables unless told."""
    targets = choose_targets(scorer, asked.targets) or tuple(scorer.bundles)
    bundles = [scorer.bundles[name] for name in targets]
    models = [ModelUsed(target=b.target, version=b.version, sha256=b.sha256) for b in bundles]
    names = tuple(sorted({name for b in bundles for name in b.reads}))
    entries = [*describe(names), *describe_pairs()]
    return Plan(
        as_of=as_utc(asked.as_of),
        models=tuple(models),
        dictionary=hashlib.sha256(json.dumps(entries).encode()).hexdigest(),
        reasons=asked.reasons,
        language=asked.language,
        where=asked.where,
        form="long" if asked.long else "wide",
        parts=parts or max(1, -(-count_events(tables) // LINES)),
        tables=fingerprint_tables(tables),
    )


def count_events(tables: Tables) -> int:
    """Return about how many order lines and interactions there are; 0 of what cannot be told."""
    return sum(_count(tables.sources.get(name)) for name in ("transactions", "interactions"))


def _count(source: Any) -> int:
    if isinstance(source, SqlTable):
        return count(source)
    if not isinstance(source, Path):
        return len(source) if hasattr(source, "__len__") else 0
    if source.suffix == ".csv":
        return source.stat().st_size // A_ROW
    try:
        return int(pa.dataset.dataset(source, format="parquet").count_rows())
    except (OSError, pa.ArrowException):
        return 0  # who reads it says what is wrong


def fingerprint_tables(tables: Tables) -> Mapping[str, str]:
    """Return of each source what changes when its content does: size and time of a file.

    Of a SQL table it is its name; its rows are those that were there when the batch began.
    """
    layout = hashlib.sha256(tables.layout.model_dump_json().encode()).hexdigest()
    told = {name: _fingerprint(source) for name, source in tables.sources.items()}
    return {**told, "layout": layout[:16]}


def _fingerprint(source: Any) -> str:
    if isinstance(source, SqlTable):
        # Without the password: who sees the plan could try out what it may be.
        url = make_url(source.url).set(password=None, query={})
        return hashlib.sha256(f"{url} {source.name}".encode()).hexdigest()[:16]
    if not isinstance(source, Path):
        return "a frame"
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    stats = [(f.name, s.st_size, s.st_mtime_ns) for f in files if (s := f.stat())]
    return hashlib.sha256(json.dumps(stats).encode()).hexdigest()[:16]
