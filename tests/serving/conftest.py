"""Two small models in memory, and a store on each database it runs on, with nothing in it yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.bundle import load_bundles
from serving.scorer import Scorer
from serving.store.opened import Store, open_store
from serving.store.schema import META
from tests.serving.bundles import make_bundles


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(load_bundles(make_bundles(tmp_path_factory.mktemp("bundles"))))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'patron.db'}"
    return str(request.getfixturevalue("scratch_database"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    with opened.write() as connection:
        for table in META.sorted_tables:
            connection.execute(table.delete())
    yield opened
    opened.close()
