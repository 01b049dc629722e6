"""The Spark session that the tables are read in: somebody's own, or one made here."""

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from contract.errors import TablesError
from features.engines import SPARK_NEEDS

ERRORS = (Py4JError, PySparkException)

# Those of SQL hold for a session that spark-submit or Connect opens, too.
SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.app.name": "patron",
    "spark.driver.maxResultSize": 0,
    "spark.executorEnv.POLARS_MAX_THREADS": 1,  # a task has one core
    # A task's Python holds a partition whole: this much, packed, is some 200,000 order lines.
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "4m",
    "spark.sql.caseSensitive": True,
    # Few rows shall be few partitions where they are kept, too.
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": True,
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # not INT96, which is no more
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": False,
    "spark.ui.showConsoleProgress": False,
}


def open_session() -> SparkSession:
    """Return the active session, or a new one: local, or where spark-submit or Connect say."""
    session = SparkSession.getActiveSession()
    if session is not None:
        return session
    started = {"SPARK_REMOTE", "PYSPARK_GATEWAY_PORT"} & os.environ.keys()
    if not started:
        _prepare_java()
    settings = {k: v for k, v in SETTINGS.items() if not started or k.startswith("spark.sql.")}
    try:
        with no_word_of_pandas():
            session = SparkSession.builder.config(map=settings).getOrCreate()
    except (*ERRORS, ImportError) as error:
        raise TablesError(f"Spark does not start ({type(error).__name__}).", SPARK_NEEDS) from error
    if not started:
        session.sparkContext.setLogLevel("ERROR")
    return session


@contextmanager
def no_word_of_pandas() -> Iterator[None]:
    """Keep PySpark from warning of pandas 3, of which Patron gives it no frame."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        yield


def _prepare_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
        raise TablesError("Spark finds no Java.", SPARK_NEEDS)
    # Else tasks run by the first python3 on PATH, which need not have Patron.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Until the level is set, Java warns of what is no matter here.
    os.environ.setdefault("SPARK_SUBMIT_OPTS", "-Dlog4j2.level=FATAL")
