"""What many tests need: both engines, hand-made rows as frames, one small shop, real data."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sql

from contract.norms import Norms
from contract.tables import Layout, Tables
from features.compute import compute
from features.dictionary import FEATURES
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from shop import Plan, make_shop

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

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
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data beside the repository")
    return SHARED_DATA


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
