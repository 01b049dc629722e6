"""Files that are whole under their names, on disk, or not there."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import PatronError

FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskError(PatronError):
    """A disk takes no more."""

    code = "disk"


@contextmanager
def tell_full(folder: Path) -> Iterator[None]:
    """Tell which place is full when what is written below the folder finds no room."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        # Polars and Arrow tell some of them in words only.
        if getattr(error, "errno", None) not in FULL and "No space left" not in str(error):
            raise
        free = shutil.disk_usage(folder).free / 1e6
        raise DiskError(
            f"The disk of {folder} is full: {free:,.1f} MB are free.",
            "Make room and give the same command again: it goes on where it was stopped.",
        ) from error


@contextmanager
def finish(place: Path) -> Iterator[Path]:
    """Yield where to write a file that then is whole under its name, on disk, or not there."""
    unfinished = place.with_name(f"{place.name}.unfinished")
    try:
        yield unfinished
        sync_file(unfinished)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    move(unfinished, place)


def write_whole(place: Path, told: bytes) -> None:
    """Write a file that is whole under its name, on disk, or not there."""
    with finish(place) as unfinished:
        unfinished.write_bytes(told)


def move(source: Path, place: Path) -> None:
    """Give a file or folder its name, in place of what had it, so that a power cut keeps it."""
    source.replace(place)
    sync_folder(place.parent)


def sync_file(place: Path) -> None:
    """Have a file's content on disk."""
    with place.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def digest_file(place: Path) -> str:
    """Return the sha256 of a file."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_parquet(place: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> str:
    """Write rows to a Parquet file that is whole under its name or not there; return its sha256."""
    with finish(place) as unfinished, pq.ParquetWriter(unfinished, schema) as writer:
        for table in tables:
            writer.write_table(table)
    return digest_file(place)
