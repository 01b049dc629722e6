"""Rows of Spark's tasks to a folder of Parquet files: whole under its name, or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from features.rejects import WHY
from serving.batch.disk import digest_file, move, sync_file, sync_folder, write_whole
from serving.batch.manifest import Manifest, Plan, Written
from serving.batch.work import Work, open_work


@dataclass(frozen=True)
class LocalFolder:
    """A folder on a disk that the driver and all executors see under one path."""

    place: Path

    @property
    def work(self) -> Work:
        """The folder beside it, where rows wait until all are there."""
        return Work(self.place.with_name(f"{self.place.name}.work"))

    @property
    def name(self) -> str:
        """What a person is told."""
        return self.place.name

    @contextmanager
    def hold(self, plan: Plan) -> Iterator[None]:
        """Keep others from the place, and remove the work folder when all went well."""
        with open_work(self.work.folder, plan) as work:
            yield
            work.drop()

    def put(self, rows: DataFrame, rejected: DataFrame) -> int:
        """Have Spark write into the work folder, and return how many rows there are in it."""
        for frame, folder in ((rows, self.work.rows), (add_why(rejected), self._rejects)):
            frame.write.mode("overwrite").parquet(folder.absolute().as_uri())
            _tidy(folder)
        return sum(pq.read_metadata(file).num_rows for file in self.work.rows.iterdir())

    def publish(self) -> list[Written]:
        """Give the folders their places."""
        self._beside("manifest.json").unlink(missing_ok=True)  # it spoke of other rows
        for folder, place in ((self.work.rows, self.place), (self._rejects, self._rejected)):
            if place.exists():
                move(place, self.work.folder / f"old-{place.name}")
            move(folder, place)
        return [
            Written(
                name=f"{self.place.name}/{file.name}",
                rows=pq.read_metadata(file).num_rows,
                sha256=digest_file(file),
            )
            for file in sorted(self.place.iterdir())
        ]

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        write_whole(self._beside("manifest.json"), manifest.model_dump_json(indent=1).encode())

    @property
    def _rejects(self) -> Path:
        return self.work.folder / "rejected"

    @property
    def _rejected(self) -> Path:
        return self._beside("rejected.parquet")

    def _beside(self, ending: str) -> Path:
        return self.place.with_name(f"{self.place.stem}.{ending}")


def add_why(rejected: DataFrame) -> DataFrame:
    """Return customers without an answer: the code of each, and what it says."""
    from pyspark.sql import functions as f

    spoken = f.create_map(*[f.lit(word) for pair in WHY.items() for word in pair])
    customer, code = rejected.columns
    return rejected.select(customer, f.col(code).alias("code"), spoken[f.col(code)].alias("why"))


def _tidy(folder: Path) -> None:
    """Name Spark's files by their order, remove what stands beside them, and have all on disk."""
    files = sorted(folder.glob("part-*.parquet"))
    for file in {*folder.iterdir()} - {*files}:
        file.unlink()
    for number, file in enumerate(files):
        sync_file(file.rename(folder / f"part-{number:05d}.parquet"))
    sync_folder(folder)
