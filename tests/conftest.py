"""What tests share: an engine, a small invented shop, and what only some machines have."""

from pathlib import Path

import pytest

import shop

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(params=["polars", "duckdb"])
def engine(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small-shop")
    shop.make_shop(folder, shop.Plan(customers=400, months=18, seed=7))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("needs the real shops in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> str:
    import sqlalchemy as sql

    try:
        sql.create_engine(POSTGRES).connect().close()
    except sql.exc.OperationalError:
        pytest.skip("needs PostgreSQL on 127.0.0.1:5432")
    return POSTGRES
