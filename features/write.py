"""Features in a file, for a data scientist to look at."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from contract.errors import TablesError
from features.compute import compute
from features.history import History
from features.norms import find_norms
from features.timeline import AS_OF

WRITERS = {".parquet": pyarrow.parquet.write_table, ".csv": pyarrow.csv.write_csv}


def write_features(history: History, moments: Sequence[datetime], out: Path) -> int:
    """Write customer_id, as_of and every feature; return how many rows."""
    if out.suffix not in WRITERS:
        raise TablesError(f"{out.name} is neither .parquet nor .csv.", "Give one of these endings.")
    table = compute(history, find_norms(history, moments)).to_arrow()
    as_of = table[AS_OF].cast(pa.timestamp("us", "UTC"))
    table = table.set_column(table.column_names.index(AS_OF), "as_of", as_of)
    out.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[out.suffix](table, out)
    return len(table)
