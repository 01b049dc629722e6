"""The app over a store on each database, with two small models."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.routes.front import Front
from serving.routes.web import make_app
from serving.scorer import Scorer
from serving.store.opened import Store
from tests.serving.test_front import call

Ask = Callable[..., httpx.Response]


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
