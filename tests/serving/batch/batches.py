"""What tests of batches share: a batch run in this process."""

from datetime import UTC, datetime
from typing import Any

from contract.settings import Settings
from contract.tables import Tables
from features.streaming import stream_tables
from serving.batch.asked import Asked
from serving.batch.manifest import Manifest
from serving.batch.planning import make_plan
from serving.batch.run import Source, run
from serving.scorer import Scorer
from serving.sinks.opened import open_sink

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def write_to(
    place: str, settings: Settings, scorer: Scorer, tables: Tables, parts: int = 3, **asked: Any
) -> Manifest:
    """Run a batch as patron score does, and return its manifest."""
    wanted = Asked(**{"as_of": AS_OF, **asked})
    folder, sink = open_sink(place, settings)
    sink.check(wanted)
    plan = make_plan(tables, scorer, wanted, parts)
    source = Source(stream_tables(tables, "polars"), tables.layout)
    return run((source, scorer, wanted), plan, (folder, sink), lambda *_: None)
