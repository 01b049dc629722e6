"""Hand-made rows as a history, one small shop learned from once, and MLflow on PostgreSQL."""

from datetime import UTC, datetime

import polars as pl
import pytest

from contract.tables import Tables, find_tables
from features.gather import read_history
from features.history import History
from training.learn import learn
from training.learned import Asked, Learned
from training.targets import TARGETS

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = Asked(lambda step: None)


@pytest.fixture
def open_rows():
    def open_them(**tables: list[dict]) -> History:
        sources = {
            name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()
        }
        return read_history(Tables(sources))

    return open_them


@pytest.fixture(scope="session")
def shop_history(middle_shop) -> History:
    return read_history(find_tables(str(middle_shop)))


@pytest.fixture(scope="session")
def learned_churn(shop_history) -> Learned:
    return learn(shop_history, TARGETS["churn"].over(60), AS_OF, QUIET)
