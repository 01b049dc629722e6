"""The BentoML service: joins the scorer and the routes, the only place where they meet."""

import gc
import json
import logging
from pathlib import Path
from typing import Any

import bentoml

from contract.bundle import load_bundles
from contract.errors import PatronError
from contract.settings import read_settings
from serving.admission import Door
from serving.hooks.reading import Reader
from serving.routes.front import SECONDS, Front
from serving.routes.scores import answer
from serving.routes.web import make_app
from serving.scorer import Scorer
from serving.store.opened import open_store
from serving.watching import watch_keys

LOG = logging.getLogger("bentoml.patron")

PACKED = Path(__file__).resolve().parents[1] / "bundles"
OBJECTS_BEFORE_GC = 50_000

CONFIG: dict[str, Any] = {
    "workers": 1,
    # Front answers in time or refuses; this only ends what hangs beyond that.
    "traffic": {"timeout": 3 * SECONDS},
    "tracing": {"excluded_urls": ".*"},
    "logging": {"access": {"enabled": False}},
    # BentoML counts by raw path, which any caller can make up; serving/routes/metrics.py does not.
    "metrics": {"enabled": False, "namespace": "patron"},
}


def load_scorer(folder: Path) -> Scorer:
    """Return the scorer over the folder's bundles, warmed up by one answer."""
    scorer = Scorer(load_bundles(folder))
    answer(json.dumps({"records": [{"customer_id": "warm-up"}]}).encode(), scorer, "warm-up")
    return scorer


APP = make_app()
APP.state.door = Door(None)  # which keys there are is not known yet


# Mounted so that the description in the Bento lists the routes; Front is what asks them.
@bentoml.asgi_app(APP)
@bentoml.service(name="patron", **CONFIG)
class Patron:
    """Scores customers: POST /v1/scores, GET /v1/models, GET /openapi.json."""

    def __init__(self) -> None:
        settings = read_settings()
        # Opened here and not where it is imported: each worker has connections of its own.
        APP.state.store = open_store(settings.store_url)
        watch_keys(APP.state.door, APP.state.store)
        APP.state.reader = Reader(APP.state.store)
        try:
            APP.state.scorer = load_scorer(settings.bundles or PACKED)
        except PatronError as error:
            # Up but not ready, and /readyz says why: a restart alone would not help.
            APP.state.reasons = [str(error)]
            LOG.error("No model is loaded: %s", error)
        # What is loaded stays: the collector need not walk it again at every request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(OBJECTS_BEFORE_GC)


# BentoML's own /livez, /readyz and / would win over a mounted app's; a middleware comes first.
Patron.add_asgi_middleware(Front, app=APP)  # type: ignore[attr-defined]
