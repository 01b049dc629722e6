"""Uploads: kept in the store in pieces, read from a file, and rid of who is erased."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
import sqlalchemy as sql

from contract.columns import TABLES
from contract.errors import PatronError
from serving.store.opened import Store, now_us
from serving.store.schema import JOB_CHUNKS, JOBS

LARGEST = 150_000_000  # bytes
PIECE = 1024 * 1024
PIECES_AT_ONCE = 8  # in one transaction, so that nobody else has to wait long to write
FORMS: Mapping[str, str] = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/vnd.apache.parquet": "parquet",
}
LONGEST_LINE = 1024 * 1024  # of the first, which names the columns

MAY_COME = [column.name for column in TABLES["transactions"].columns if not column.required]
OWNER = "customer_id"


class UploadError(PatronError):
    """An upload cannot be read, or has not the columns that it needs."""

    code = "upload"


def keep_pieces(store: Store, job_id: str, file: IO[bytes]) -> None:
    """Put the file into the store, some pieces at a time."""
    place = 0
    file.seek(0)
    while pieces := [piece for _ in range(PIECES_AT_ONCE) if (piece := file.read(PIECE))]:
        at_us = now_us()
        rows = [
            {"job_id": job_id, "place": place + i, "body": piece, "made_us": at_us}
            for i, piece in enumerate(pieces)
        ]
        with store.write() as connection:
            connection.execute(sql.insert(JOB_CHUNKS), rows)
        place += len(pieces)


@contextmanager
def lay_out(store: Store, job_id: str) -> Iterator[tuple[Path, str]]:
    """Yield a file that holds the upload, and its form, as long as somebody reads from it."""
    # One question, whose answer is of one moment: an erasure writes uploads anew.
    joined = sql.join(JOB_CHUNKS, JOBS, JOB_CHUNKS.c.job_id == JOBS.c.job_id)
    asked = sql.select(JOB_CHUNKS.c.body, JOBS.c.form).select_from(joined)
    own = asked.where(JOBS.c.job_id == job_id).order_by(JOB_CHUNKS.c.place)
    form = "csv"
    with tempfile.NamedTemporaryFile(prefix="patron-job-") as file:
        with store.read() as connection:
            for piece, told in connection.execute(own.execution_options(yield_per=PIECES_AT_ONCE)):
                file.write(piece)
                form = told
        file.flush()
        yield Path(file.name), form


def open_upload(file: Path, form: str) -> pl.LazyFrame:
    """Return the upload as a lazy frame; of text, but for Parquet, which knows its types."""
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
    with store.read() as connection:
        uploads = sql.select(JOBS.c.job_id).where(JOBS.c.form.is_not(None))
        waiting = list(connection.execute(uploads.where(JOBS.c.ended_us.is_(None))).scalars())
    for job_id in waiting:
        with lay_out(store, job_id) as (file, form):
            try:
                kept = _leave_out(open_upload(file, form), gone)
            except (UploadError, pl.exceptions.PolarsError):
                kept = pl.DataFrame()  # nobody can read it, or say of whom it speaks
        if kept is not None:
            _replace(store, job_id, kept)


def _leave_out(frame: pl.LazyFrame, gone: Sequence[str]) -> pl.DataFrame | None:
    """Return the rows of others, or None where all are."""
    own: Any = name_owner(frame).is_in(gone)
    if not frame.select(own.any()).collect().item():
        return None
    return frame.filter(~own.fill_null(False)).collect()


def _replace(store: Store, job_id: str, kept: pl.DataFrame) -> None:
    with tempfile.TemporaryFile() as file:
        kept.write_parquet(file)
        file.seek(0)
        at_us = now_us()
        with store.write() as connection:
            own = (JOBS.c.job_id == job_id) & JOBS.c.ended_us.is_(None)
            if not connection.execute(sql.update(JOBS).where(own).values(form="parquet")).rowcount:
                return  # it ended meanwhile, and its upload went
            connection.execute(sql.delete(JOB_CHUNKS).where(JOB_CHUNKS.c.job_id == job_id))
            for place, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
                row = {"job_id": job_id, "place": place, "body": piece, "made_us": at_us}
                connection.execute(sql.insert(JOB_CHUNKS), row)
