"""The BentoML service: joins the scorer and the routes, the only place where they meet."""

import gc
import logging
from pathlib import Path
from typing import Any

import bentoml

from contract.settings import read_settings
from serving.hooks.reading import Reader
from serving.receipts.desk import Desk
from serving.receipts.library import Library
from serving.routes.front import SECONDS, Front
from serving.routes.metrics import open_metrics
from serving.routes.web import make_app
from serving.store.opened import open_store
from serving.swap import Swap

LOG = logging.getLogger("bentoml.patron")

PACKED = Path(__file__).resolve().parents[1] / "bundles"
OBJECTS_BEFORE_GC = 50_000
METRICS_PORT = 3001  # one above BentoML's own

CONFIG: dict[str, Any] = {
    "workers": 1,
    # Front answers in time or refuses; this only ends what hangs beyond that.
    "traffic": {"timeout": 3 * SECONDS},
    "tracing": {"excluded_urls": ".*"},
    "logging": {"access": {"enabled": False}},
    # BentoML counts by raw path, which any caller can make up; serving/routes/metrics.py does not.
    "metrics": {"enabled": False, "namespace": "patron"},
}

APP = make_app()


# Mounted so that the description in the Bento lists the routes; Front is what asks them.
@bentoml.asgi_app(APP)
@bentoml.service(name="patron", **CONFIG)
class Patron:
    """Scores customers: POST /v1/scores, GET /v1/models, GET /openapi.json."""

    def __init__(self) -> None:
        settings = read_settings()
        # Opened here and not where it is imported: each worker has connections of its own.
        APP.state.store = open_store(settings.store_url)
        APP.state.desk = Desk(APP.state.store)
        APP.state.library = Library([settings.bundles or PACKED, settings.releases])
        APP.state.reader = Reader(APP.state.store)
        gc.set_threshold(OBJECTS_BEFORE_GC)
        Swap(settings.bundles or PACKED, APP.state).start()
        port = settings.metrics_port or METRICS_PORT
        try:
            open_metrics(settings.metrics_host, port, APP.state)
        except OSError as error:  # another worker has it, and tells the counts of all
            LOG.warning("Metrics are not told at port %s: %s", port, error.strerror)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Keep the receipts that wait before the process ends."""
        if APP.state.desk:
            APP.state.desk.close()


# BentoML's own /livez, /readyz and / would win over a mounted app's; a middleware comes first.
Patron.add_asgi_middleware(Front, app=APP)  # type: ignore[attr-defined]
