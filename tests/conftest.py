"""What many tests need: engines, hand-made rows as frames, one small shop, real data, MLflow."""

import importlib.util
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sql

from contract.norms import Norms
from contract.settings import Settings
from contract.tables import Layout, Tables
from features.compute import compute
from features.dictionary import FEATURES
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from shop import Plan, make_shop

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
SUBMIT = f"--master local[2] --driver-memory 2g --conf spark.sql.shuffle.partitions=4 \
--conf spark.sql.adaptive.coalescePartitions.enabled=false \
--conf spark.executorEnv.PYTHONPATH={ROOT} pyspark-shell"
DRIVERS = [
    *Path("/usr/share/java").glob("postgresql.jar"),
    *Path.home().glob(".m2/repository/org/postgresql/postgresql/*/*.jar"),
]  # of PostgreSQL for JDBC: apt-get install libpostgresql-jdbc-java
QUICK = (
    "-Dlog4j2.level=FATAL -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # to start, not to last
    f" -Dderby.stream.error.file={os.devnull}"
)

Open = Callable[..., History]
Row = dict[str, Any]


@pytest.fixture(params=["polars", "duckdb"], scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def open_history(engine: str) -> Open:
    """Lists of rows, or frames, become a history: open_history(transactions=[...])."""

    def open_them(layout: Layout | None = None, **tables: Any) -> History:
        return read_history(as_tables(layout, **tables), engine)

    return open_them


@pytest.fixture(scope="session")
def features_of(open_history: Open) -> Callable[..., pl.DataFrame]:
    """The features of all customers in hand-made tables: features_of(day or days, names, ...)."""

    def compute_all(
        as_of: datetime | list[datetime],
        names: Iterable[str] = FEATURES,
        norms: Norms | None = None,
        **tables: Any,
    ) -> pl.DataFrame:
        history = open_history(**tables)
        moments = as_of if isinstance(as_of, list) else [as_of]
        known = dict.fromkeys(moments, norms) if norms else find_norms(history, moments)
        return pl.from_arrow(compute(history, known, names).to_arrow())

    return compute_all


@pytest.fixture(scope="session")
def customer(features_of: Callable[..., pl.DataFrame]) -> Callable[..., Row]:
    """The features of the only customer in hand-made tables, as of a day: customer(day, ...)."""

    def compute_one(as_of: datetime, *names: str, norms: Norms | None = None, **tables: Any) -> Row:
        (row,) = features_of(as_of, names or FEATURES, norms, **tables).to_dicts()
        return row

    return compute_one


@pytest.fixture(scope="session")
def tables() -> Callable[..., Tables]:
    return as_tables


def as_tables(layout: Layout | None = None, **tables: Any) -> Tables:
    sources = {
        name: pl.DataFrame(rows, infer_schema_length=None) if isinstance(rows, list) else rows
        for name, rows in tables.items()
    }
    return Tables(sources, layout or Layout())


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small_shop")
    make_shop(folder, Plan(customers=400, months=18, seed=7))
    return folder


@pytest.fixture(scope="session")
def middle_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with customers enough for the full model."""
    folder = tmp_path_factory.mktemp("middle_shop")
    make_shop(folder, Plan(customers=700, months=18, seed=7))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data beside the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def java() -> None:
    """What Spark runs on."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("needs PySpark: pip install 'patron[spark]'")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("needs Java: apt-get install default-jre-headless")


@pytest.fixture(scope="session")
def spark(java: None) -> Iterator[Any]:
    """A small session, made as Patron makes one, of as many partitions as it is told."""
    from features.session import open_session

    with pytest.MonkeyPatch.context() as patch:
        jars = f"--jars {DRIVERS[0]} " if DRIVERS else ""
        patch.setenv("PYSPARK_SUBMIT_ARGS", jars + SUBMIT)
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_SUBMIT_OPTS", QUICK)
        session = open_session()
        assert open_session() is session
        yield session
        session.stop()


@pytest.fixture(scope="session")
def postgres_driver() -> Path:
    if not DRIVERS:
        pytest.skip("needs PostgreSQL's JDBC driver: apt-get install libpostgresql-jdbc-java")
    return DRIVERS[0]


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    """A home with MLflow's database in it, empty: made once, as it takes seconds, then copied.

    MLflow leaves the address it was told last in the environment, so that ours is always given.
    """
    from contract.registry import open_registry

    made = Settings(home=tmp_path_factory.mktemp("mlflow"), MLFLOW_TRACKING_URI="")
    open_registry(made)

    def copy(home: Path | None = None, uri: str = "") -> Settings:
        home = home or tmp_path_factory.mktemp("home")
        shutil.copytree(made.mlruns, home / "mlruns")
        return Settings(home=home, MLFLOW_TRACKING_URI=uri)

    return copy


@pytest.fixture(scope="session")
def postgres_url() -> str:
    database = sql.create_engine(POSTGRES, connect_args={"connect_timeout": 2})
    try:
        with database.connect():
            return POSTGRES
    except sql.exc.SQLAlchemyError:
        pytest.skip("needs PostgreSQL on 127.0.0.1:5432, user postgres")
    finally:
        database.dispose()


@pytest.fixture(scope="module")
def scratch_database(postgres_url: str) -> Iterator[str]:
    """A database of each file's own, gone afterwards."""
    name = f"patron_test_{secrets.token_hex(4)}"
    server = sql.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sql.text(f"CREATE DATABASE {name}"))
        yield postgres_url.rpartition("/")[0] + f"/{name}"
        connection.execute(sql.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
