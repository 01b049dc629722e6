"""Uploads: their forms, what they must hold, and how they are rid of who is erased."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sql

from contract.columns import TABLES
from contract.errors import PatronError
from serving.jobs.pieces import forget_pieces, lay_out, replace_pieces
from serving.store.opened import Store
from serving.store.schema import JOB_CHUNKS, JOBS

LARGEST = 150_000_000  # bytes
FORMS: Mapping[str, str] = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/vnd.apache.parquet": "parquet",
}
# What Polars would unpack by itself, however much comes out: gzip, zstd and zlib.
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
LONGEST_LINE = 1024 * 1024  # of the first, which names the columns

MAY_COME = [column.name for column in TABLES["transactions"].columns if not column.required]
OWNER = "customer_id"


class UploadError(PatronError):
    """An upload cannot be read, or has not the columns that it needs."""

    code = "upload"


def open_upload(file: Path, form: str) -> pl.LazyFrame:
    """Return the upload as a lazy frame; of text, but for Parquet, which knows its types."""
    with file.open("rb") as opened:
        if opened.read(4).startswith(PACKED):
            raise UploadError("The upload is compressed.", "Send it as it is.")
    try:
        if form == "csv":
            frame = pl.scan_csv(file, infer_schema=False)
        elif form == "jsonl":
            frame = pl.scan_ndjson(file, schema=dict.fromkeys(_name_first(file), pl.String()))
        else:
            frame = pl.scan_parquet(file)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError, ValueError, TypeError) as error:
        # Not its message: that may hold rows.
        found = f"The upload cannot be read as {form} ({type(error).__name__})."
        raise UploadError(found, "Write it again.") from None
    return frame


def _name_first(file: Path) -> Sequence[str]:
    """Return the names in the first line of JSON, and those that later lines may add."""
    with file.open("rb") as lines:
        first = json.loads(lines.readline(LONGEST_LINE))
    if not isinstance(first, dict):
        raise TypeError
    return [OWNER] if set(first) == {OWNER} else list(dict.fromkeys([*first, *MAY_COME]))


def is_list(frame: pl.LazyFrame) -> bool:
    """Return whether the upload names customers alone; refused if it lacks columns of lines."""
    names = set(frame.collect_schema().names())
    if names == {OWNER}:
        return True
    lacking = [name for name in TABLES["transactions"].must_have if name not in names]
    if lacking:
        raise UploadError(
            f"The upload has no column {', '.join(lacking)}.",
            f"Send order lines, or a list with the column {OWNER} alone.",
        )
    return False


def name_owner(frame: pl.LazyFrame) -> pl.Expr:
    """Return the customer of a row as a text: 13085.0, which a missing value makes, is 13085."""
    own = pl.col(OWNER)
    whole = frame.collect_schema()[OWNER].is_float()
    return (own.cast(pl.Int64, strict=False) if whole else own).cast(pl.String)


def leave_out(store: Store, ids: Iterable[str]) -> None:
    """Write every upload anew that speaks of these customers, without them."""
    gone = list(ids)
    forget_ended(store)
    with store.read() as connection:
        uploads = sql.select(JOBS.c.job_id).where(JOBS.c.form.is_not(None))
        waiting = list(connection.execute(uploads.where(JOBS.c.ended_us.is_(None))).scalars())
    for job_id in waiting:
        with lay_out(store, job_id) as (file, form), tempfile.TemporaryFile() as anew:
            try:
                kept = _leave_out(open_upload(file, form), gone)
            except (UploadError, pl.exceptions.PolarsError):
                kept = pl.DataFrame()  # nobody can read it, or say of whom it speaks
            if kept is not None:
                kept.write_parquet(anew)
                replace_pieces(store, job_id, anew, "parquet")


def forget_ended(store: Store) -> None:
    """Forget uploads of jobs that ended, which a worker that was killed may have left."""
    joined = sql.join(JOB_CHUNKS, JOBS, JOB_CHUNKS.c.job_id == JOBS.c.job_id)
    ended = sql.select(JOBS.c.job_id).select_from(joined).where(JOBS.c.ended_us.is_not(None))
    with store.read() as connection:
        left = list(connection.execute(ended.distinct()).scalars())
    for job_id in left:
        forget_pieces(store, job_id)


def _leave_out(frame: pl.LazyFrame, gone: Sequence[str]) -> pl.DataFrame | None:
    """Return the rows of others, or None where all are."""
    own: Any = name_owner(frame).is_in(gone)
    if not frame.select(own.any()).collect().item():
        return None
    return frame.filter(~own.fill_null(False)).collect()
