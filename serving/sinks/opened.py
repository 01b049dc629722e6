"""Open the place where a batch's rows go, by how it is written."""

import hashlib
import re
from pathlib import Path

from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import ArgumentError

from contract.settings import Settings
from serving.batch.run import Sink
from serving.sinks.errors import SinkError
from serving.sinks.files import Files
from serving.sinks.single import File
from serving.sinks.tables import SqlTables

STORE = "store"
TABLE = "answers"  # unless the place names one
IN_FILE = re.compile(r"(?P<file>.+?\.(?P<ending>duckdb|db|sqlite3?))(?:/(?P<table>[^/]+))?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}(\.[A-Za-z_][A-Za-z0-9_]{0,47})?")
FORMS = (
    "Write FILE.parquet, FILE.csv, FOLDER, FILE.duckdb, sqlite:///FILE.db,"
    " postgresql+psycopg://USER@HOST/DATABASE, each of the last three with /TABLE if you like,"
    " or store."
)


def open_sink(place: str, settings: Settings) -> tuple[Path, Sink]:
    """Return the work folder of a place, and the sink there."""
    if place == STORE:
        from serving.sinks.stored import Stored

        work = _find_work(settings, _hide(make_url(settings.store_url)))
        return work, Stored(settings.store_url)
    if "://" in place:
        return _open_url(place, settings)
    path = Path(place)
    work = path.with_name(f"{path.name}.work")
    if path.suffix == ".parquet" and not path.is_dir():
        return work, Files(path, "parquet")
    if path.suffix == ".csv":
        return work, Files(path, "csv")
    if (found := IN_FILE.fullmatch(place)) and found["ending"] == "duckdb":
        return _open_file(found, settings)
    if not path.suffix:
        return work, Files(path, "folder")
    raise SinkError(f"{path.name} names no form that rows are written in.", FORMS)


def _open_url(place: str, settings: Settings) -> tuple[Path, Sink]:
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as error:
        # Not the URL: it may hold a password.
        raise SinkError("--out is a URL that cannot be read.", FORMS) from error
    if url.drivername == "sqlite" and (found := IN_FILE.fullmatch(url.database or "")):
        return _open_file(found, settings)
    database, _, table = (url.database or "").partition("/")
    if url.drivername != "postgresql+psycopg" or not database:
        raise SinkError(f"Rows cannot go to a {url.drivername} URL as it is.", FORMS)
    try:
        from serving.sinks.postgres import Postgres
    except ImportError as error:
        raise SinkError("psycopg is not installed.", "pip install 'patron[serve]'") from error

    table = _check_name(table or TABLE)
    url = url.set(database=database)
    return _find_work(settings, f"{_hide(url)} {table}"), SqlTables(Postgres(url), table)


def _open_file(found: re.Match[str], settings: Settings) -> tuple[Path, Sink]:
    path, table = Path(found["file"]).resolve(), _check_name(found["table"] or TABLE)
    file = File(path, "DuckDB" if found["ending"] == "duckdb" else "SQLite")
    return _find_work(settings, f"{path} {table}"), SqlTables(file, table)


def _check_name(table: str) -> str:
    if not NAME.fullmatch(table):
        raise SinkError(
            f"{table!r} is no name for a table.", "Use letters, digits and _, up to 48."
        )
    return table


def _hide(url: URL) -> str:
    """Return where a database is, without who asks and their password."""
    return f"{url.drivername} {url.host} {url.port} {url.database}"


def _find_work(settings: Settings, where: str) -> Path:
    digest = hashlib.sha256(where.encode()).hexdigest()[:16]
    return settings.home.resolve() / "batches" / digest
