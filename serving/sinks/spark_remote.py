"""Rows of Spark's tasks to a folder of HDFS or an object store: aside first, then renamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from features.session import open_session
from serving.batch.manifest import Manifest, Plan, Written
from serving.sinks.errors import SinkError
from serving.sinks.spark_folder import add_why


@dataclass(frozen=True)
class RemoteFolder:
    """A folder of a file system that Spark knows by its URL.

    Whole at once where renaming is: on HDFS, not on a store that copies instead (S3).
    """

    place: str

    @property
    def name(self) -> str:
        """What a person is told."""
        return self.place

    @contextmanager
    def hold(self, _plan: Plan) -> Iterator[None]:
        """Throw away what was begun, and the work folder when all went well."""
        self._remove(self._work)
        yield
        self._remove(self._work)

    def put(self, rows: DataFrame, rejected: DataFrame) -> int:
        """Have Spark write into the work folder, and return how many rows there are in it."""
        rows.write.parquet(f"{self._work}/rows")
        add_why(rejected).write.parquet(f"{self._work}/rejected")
        return int(open_session().read.parquet(f"{self._work}/rows").count())

    def publish(self) -> list[Written]:
        """Give the folders their places."""
        rows = open_session().read.parquet(f"{self._work}/rows").count()
        self._remove(self._manifest)  # it spoke of other rows
        for folder, place in (("rows", self.place), ("rejected", f"{self.place}.rejected.parquet")):
            if self._exists(place):
                self._move(place, f"{self._work}/old-{folder}")
            self._move(f"{self._work}/{folder}", place)
        return [Written(name=self.place.rpartition("/")[2], rows=int(rows))]

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        unfinished = f"{self._work}/manifest.json"
        out = self._files.create(self._path(unfinished), True)
        out.write(bytearray(manifest.model_dump_json(indent=1), "utf-8"))
        out.close()
        self._move(unfinished, self._manifest)

    @property
    def _work(self) -> str:
        return f"{self.place}.work"

    @property
    def _manifest(self) -> str:
        return f"{self.place}.manifest.json"

    @property
    def _files(self) -> Any:
        context = open_session().sparkContext
        return self._path(self.place).getFileSystem(context._jsc.hadoopConfiguration())

    def _path(self, place: str) -> Any:
        jvm: Any = open_session().sparkContext._jvm
        return jvm.org.apache.hadoop.fs.Path(place)

    def _exists(self, place: str) -> bool:
        return bool(self._files.exists(self._path(place)))

    def _remove(self, place: str) -> None:
        self._files.delete(self._path(place), True)

    def _move(self, source: str, place: str) -> None:
        if not self._files.rename(self._path(source), self._path(place)):
            raise SinkError(f"{source} cannot be renamed to {place}.", "Score again.")


def is_known(place: str) -> bool:
    """Return whether Spark has a file system for such URLs."""
    from features.session import ERRORS

    context: Any = open_session().sparkContext
    systems = context._jvm.org.apache.hadoop.fs.FileSystem
    try:
        systems.getFileSystemClass(place.partition(":")[0], context._jsc.hadoopConfiguration())
    except ERRORS:
        return False
    return True
