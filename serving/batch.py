"""The nightly job: tables to answers in a file that is whole or not there."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contract.bundle import Bundle
from contract.errors import TablesError
from contract.flat import list_own
from features.history import History
from serving.receipts.issue import issue
from serving.scorer import Scorer, tell_flat


def score_tables(
    history: History, as_of: datetime, bundles: Mapping[str, Bundle], out: Path
) -> pa.Table:
    """Write a row per customer known before `as_of` to a Parquet file, and return the rows.

    The file appears under its name only when it is complete and on disk.
    """
    if out.suffix != ".parquet":
        raise TablesError(
            f"{out.name} does not end in .parquet.", "Answers are written as Parquet."
        )
    answers = answer_with_receipts(Scorer(bundles), history, as_of)
    models = {target: bundle.sha256 for target, bundle in bundles.items()}
    answers = answers.replace_schema_metadata({"patron_models": json.dumps(models)})
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        pq.write_table(answers, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(out)
    return answers


def answer_with_receipts(scorer: Scorer, history: History, as_of: datetime) -> pa.Table:
    """Return a flat row per customer known before `as_of`, with the receipt the service gives."""
    seen = scorer.look(history, as_of)
    answers = tell_flat(seen, list_own(scorer.bundles))
    receipts = pa.array(issue(seen, history).receipts, pa.string())
    return answers.set_column(answers.schema.get_field_index("receipt"), "receipt", receipts)
