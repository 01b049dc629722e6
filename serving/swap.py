"""Follow a folder of models: load what it is pointed to, and swap one reference when it is good."""

import gc
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from contract.bundle import load_bundles
from contract.errors import BundleError, PatronError
from contract.releases import Releases
from serving.routes.metrics import REFUSALS
from serving.routes.scores import answer
from serving.scorer import Scorer

LOG = logging.getLogger("bentoml.patron")

LOOK_S = 0.5
NONE = "No model is loaded"

Mark = tuple[Any, ...]


def load_scorer(folder: Path) -> Scorer:
    """Return the scorer over the folder's bundles, warmed up by an answer of every model."""
    bundles = load_bundles(folder)
    for target, bundle in bundles.items():
        if bundle.target != target:
            raise BundleError(
                f"The model in the place of {target} is one of {bundle.target}.",
                "Register it anew, under its own name.",
            )
    scorer = Scorer(bundles)
    lately = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    order = {"order_id": "1", "ordered_at": lately, "amount": 20}
    records = [{"customer_id": "new"}, {"customer_id": "active", "transactions": [order]}]
    answer(json.dumps({"records": records}).encode(), scorer, "warm-up")
    return scorer


class Swap:
    """Keeps `state.scorer` at the models in a folder, or in the one that a link points to."""

    def __init__(self, bundles: Path, state: Any) -> None:
        self.bundles = bundles
        self.state = state
        self.releases = Releases(bundles.parent)
        self.seen: Mark | None = ("nothing yet",)
        self.refused = ""
        self.counted = 0

    def start(self) -> None:
        """Load what is there now, then look for more for as long as the process lives."""
        self.look()
        settle()
        Thread(target=self._look_on, name="swap", daemon=True).start()

    def look(self) -> bool:
        """Swap if another folder is pointed to and its models are good; return whether it was.

        What is amiss, here or with the registry, is noted for /readyz and counted.
        """
        mark = self._mark()
        swapped = mark != self.seen and self._swap(mark)
        self.seen = mark
        news = self.releases.read_news()
        if news.refusals != self.counted:  # fewer than before are those of a new follower
            more = news.refusals - self.counted
            REFUSALS.inc(more if more > 0 else news.refusals)
            self.counted = news.refusals
        self.state.reasons = [told for told in (self.refused, news.reason) if told]
        return swapped

    def _look_on(self) -> None:
        while True:
            time.sleep(LOOK_S)
            try:
                if self.look():
                    settle()
            except Exception as error:  # whatever it is, the next look may go well
                LOG.error("Looking for other models failed: %s", type(error).__name__)

    def _mark(self) -> Mark | None:
        """Return what differs once the link is made anew; a folder that is no link stays itself."""
        try:
            told = self.bundles.lstat()
            if not self.bundles.is_symlink():
                return (self.bundles,)
            return self.bundles.readlink(), told.st_ino, told.st_mtime_ns
        except OSError:
            return None

    def _swap(self, mark: Mark | None) -> bool:
        try:
            # The folder itself: while it is read the link may come to point elsewhere.
            scorer = load_scorer(self.bundles.resolve() if mark else self.bundles)
        except PatronError as error:
            self._refuse(error.code, str(error), mark)
        except Exception as error:  # its message may hold what is in the file
            self._refuse("internal", f"The models cannot answer ({type(error).__name__}).", mark)
        else:
            self.state.scorer, self.refused = scorer, ""
            told = ", ".join(f"{b.target} {b.version}" for b in scorer.bundles.values())
            LOG.info("Models that answer: %s", told)
            return True
        return False

    def _refuse(self, code: str, reason: str, mark: Mark | None) -> None:
        self.refused = reason
        if mark:  # else nothing is there yet, which is no fault of a model
            REFUSALS.inc()
        kept = "Models are refused, those before them go on" if self.state.scorer else NONE
        LOG.error("%s (%s): %s", kept, code, reason)


def settle() -> None:
    """Spare the collector what was loaded: it stays, until its last request lets go of it."""
    gc.collect()
    gc.freeze()
