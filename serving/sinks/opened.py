"""Open the place where a batch's rows go, by how it is written."""

from pathlib import Path

from contract.errors import PatronError
from serving.batch.run import Sink
from serving.sinks.files import Files


class SinkError(PatronError):
    """Rows cannot go where they should."""

    code = "sink"


def open_sink(place: str) -> tuple[Path, Sink]:
    """Return the work folder of a place, and the sink there."""
    path = Path(place)
    work = path.with_name(f"{path.name}.work")
    if path.suffix == ".parquet" and not path.is_dir():
        return work, Files(path, "parquet")
    if path.suffix == ".csv":
        return work, Files(path, "csv")
    if not path.suffix:
        return work, Files(path, "folder")
    raise SinkError(
        f"{path.name} names no form that rows are written in.",
        "Write FILE.parquet, FILE.csv, or FOLDER.",
    )
