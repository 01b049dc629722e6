"""Files that are whole under their names, on disk, or not there."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_whole(place: Path, told: bytes) -> None:
    """Write a file that is whole under its name, on disk, or not there."""
    unfinished = place.with_name(f"{place.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(told)
        file.flush()
        os.fsync(file.fileno())
    move(unfinished, place)


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
    unfinished = place.with_name(f"{place.name}.unfinished")
    with pq.ParquetWriter(unfinished, schema) as writer:
        for table in tables:
            writer.write_table(table)
    sync_file(unfinished)
    told = digest_file(unfinished)
    move(unfinished, place)
    return told
