"""A store on each database, and the app over it with two small models."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.routes.front import Front
from serving.routes.web import make_app
from serving.scorer import Scorer
from serving.store.opened import Store, open_store
from serving.store.schema import META
from tests.serving.test_front import call

Ask = Callable[..., httpx.Response]


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


@pytest.fixture
def app(store: Store, scorer: Scorer) -> Any:
    made = make_app()
    made.state.store, made.state.scorer = store, scorer
    return made


@pytest.fixture
def ask(app: Any) -> Ask:
    """Send a request to the app: ask("POST", "/v1/jobs", ...)."""

    def send(method: str, path: str, **more: Any) -> httpx.Response:
        return call(Front(app, app), method, path, **more)

    return send
