"""Hand-made rows as frames, and one small shop learned from once."""

from datetime import UTC, datetime

import polars as pl
import pytest

from contract.tables import Tables, find_tables
from features.engines import Frames, open_tables
from training.learn import Learned, learn
from training.targets import TARGETS

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def open_rows():
    def open_them(**tables: list[dict]) -> Frames:
        sources = {
            name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()
        }
        return open_tables(Tables(sources))

    return open_them


@pytest.fixture(scope="session")
def shop_frames(small_shop) -> Frames:
    return open_tables(find_tables(str(small_shop)))


@pytest.fixture(scope="session")
def learned_churn(shop_frames) -> Learned:
    return learn(shop_frames, TARGETS["churn"].over(60), AS_OF, lambda step: None)
