"""Rows to a Parquet file, a folder of them, or a CSV file; whole under the name or not there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from serving.batch.answer import MODELS, Answered
from serving.batch.asked import Asked
from serving.batch.disk import digest_file, finish, move, write_parquet, write_whole
from serving.batch.manifest import Manifest, Written
from serving.batch.work import Work
from serving.sinks.errors import SinkError

PART = re.compile(r"part-\d{5,}\.parquet")

Kind = Literal["parquet", "folder", "csv"]


@dataclass(frozen=True)
class Files:
    """Files at `place`; parts wait in the work folder until all are done."""

    place: Path
    kind: Kind

    @property
    def name(self) -> str:
        """What a person is told."""
        return self.place.name

    def check(self, _asked: Asked) -> None:
        """Refuse a folder that would be replaced though it holds more than a batch's rows."""
        self.refuse_foreign()

    def refuse_foreign(self) -> None:
        """Refuse a folder that holds anything but the rows of a batch."""
        if self.kind != "folder" or not self.place.exists():
            return
        if not self.place.is_dir() or not all(map(_is_part, self.place.iterdir())):
            raise SinkError(
                f"{self.place} holds other things than the rows of a batch.",
                "Name a folder that is empty or not there yet.",
            )

    def put(self, work: Work, number: int, found: Answered) -> str:
        """Write the rows of a part, and return the sha256 of its file."""
        return write_parquet(work.place(number), [found.rows], found.rows.schema)

    def publish(self, work: Work, numbers: Sequence[int]) -> list[Written]:
        """Give all rows their place, in the order of the parts."""
        parts = [work.place(n) for n in numbers]
        self.place.parent.mkdir(parents=True, exist_ok=True)
        self._beside("manifest.json").unlink(missing_ok=True)  # it speaks of other rows
        if self.kind == "folder":
            return self._publish_folder(work, parts)
        if self.kind == "csv":
            write_csv(self.place, parts)
        else:
            write_parquet(self.place, _read(parts), pq.read_schema(parts[0]))
        rows = sum(pq.read_metadata(part).num_rows for part in parts)
        return [Written(name=self.place.name, rows=rows, sha256=digest_file(self.place))]

    def reject(self, work: Work, rejected: pa.Table) -> None:
        """Write the customers who have no answer, beside the rows."""
        write_parquet(self._beside("rejected.parquet"), [rejected], rejected.schema)

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        write_whole(self._beside("manifest.json"), manifest.model_dump_json(indent=1).encode())

    def _publish_folder(self, work: Work, parts: Sequence[Path]) -> list[Written]:
        names = [place.name for place in parts]
        if all(part.exists() for part in parts):
            self.refuse_foreign()
            if self.place.exists():
                move(self.place, work.folder / "old")
            move(work.rows, self.place)
        return [
            Written(
                name=f"{self.place.name}/{name}",
                rows=pq.read_metadata(self.place / name).num_rows,
                sha256=digest_file(self.place / name),
            )
            for name in names
        ]

    def _beside(self, ending: str) -> Path:
        return self.place.with_name(f"{self.place.stem}.{ending}")


def write_csv(place: Path, parts: Sequence[Path]) -> None:
    """Write the rows of Parquet files to one CSV file that is whole or not there."""
    schema = pq.read_schema(parts[0])
    with finish(place) as unfinished, pa.csv.CSVWriter(unfinished, schema) as writer:
        for table in _read(parts):
            if len(table):  # of an empty chunk Arrow writes what was in memory
                writer.write_table(table.combine_chunks())


def _is_part(place: Path) -> bool:
    """Return whether a file is one that a batch wrote its rows to."""
    if not PART.fullmatch(place.name):
        return False
    try:
        return MODELS.encode() in (pq.read_schema(place).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _read(parts: Sequence[Path]) -> Iterator[pa.Table]:
    for part in parts:
        file = pq.ParquetFile(part)
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)
