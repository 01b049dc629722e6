"""Open the place where rows of Spark's tasks go, by how it is written."""

import re
from pathlib import Path

from features.jdbc import find_jdbc
from serving.batch.on_spark import SparkSink
from serving.sinks.errors import SinkError
from serving.sinks.spark_folder import LocalFolder
from serving.sinks.spark_remote import RemoteFolder, is_known
from serving.sinks.spark_table import SparkTable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")  # an ending of our own comes behind
FORMS = (
    "Write FOLDER, hdfs://… or what Spark has jars for, postgresql+psycopg://USER@HOST/DATABASE/TABLE"
    " or jdbc:…/TABLE."
)


def open_spark_sink(place: str) -> SparkSink:
    """Return the sink at a place: a folder, or a table of a database."""
    address, slash, table = place.rpartition("/")
    if slash and (jdbc := find_jdbc(address)):
        if not NAME.fullmatch(table):
            raise SinkError(f"{table!r} is no name of a table.", FORMS)
        return SparkTable(jdbc, table)
    if "://" in place and is_known(place):
        return RemoteFolder(place.rstrip("/"))
    path = Path(place)
    if path.suffix or ":" in place:
        raise SinkError("Spark does not write such a place.", FORMS)
    return LocalFolder(path)
