"""Training on one page: find each target's horizon, learn it, record it, register it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import mlflow

from contract.champions import fetch_champion
from contract.errors import HistoryError
from contract.moments import as_micros, as_utc
from contract.registry import Registry
from contract.settings import Settings
from features.history import History
from training.families import FAMILIES
from training.folds import find_report_moment
from training.horizons import find_horizon
from training.learn import learn
from training.learned import Asked, Tell
from training.studies import open_storage
from training.targets import Target
from training.tracking import open_experiment, record
from training.tuning import Budget


@dataclass(frozen=True)
class Books:
    """Where a training run is written down, and how much it may try.

    Unless `strict`, a target that the shop's history does not suffice for is left out.
    """

    settings: Settings
    registry: Registry
    trials: int = 0
    seconds: float | None = None
    strict: bool = False

    @property
    def budget(self) -> Budget:
        """How much is tried of each family, and where that is written down."""
        storage = open_storage(self.settings) if self.trials else None
        return Budget(self.trials, self.seconds, storage)


def train(
    history: History, targets: Sequence[Target], as_of: datetime, books: Books, tell: Tell
) -> dict[str, Any]:
    """Learn, judge and register each target; return the reports under `targets`, by name."""
    open_experiment(books.settings)
    as_of = as_utc(as_of)
    seen = history.before(as_micros(as_of))
    tell("finding horizons")
    targets, left_out = find_horizons(seen, targets, (as_of, books.strict))
    # No later than any target's judged moment, so that none of them is told what came after it.
    words_as_of = find_report_moment(as_of, max(t.judged_days for t in targets))
    asked, reports = Asked(tell, words_as_of, books.budget), {}
    with mlflow.start_run(run_name=f"train {as_of:%Y-%m-%d}") as parent:
        for target in targets:
            champions = fetch_champion(books.registry, target.name)
            learned = learn(history, target, as_of, replace(asked, champions=champions))
            tell(f"{target.name}: recording in MLflow")
            reports[target.name] = record(learned, books.registry)
    told = {"as_of": as_of.isoformat(), "run_id": parent.info.run_id, "targets": reports}
    return {**told, "left_out": left_out}


def find_horizons(
    seen: History, targets: Sequence[Target], asked: tuple[datetime, bool]
) -> tuple[list[Target], dict[str, str]]:
    """Return the targets, each with its horizon, and why others are left out."""
    as_of, strict = asked
    found: list[Target] = []
    left_out: dict[str, str] = {}
    for target in targets:
        try:
            found.append(find_horizon(seen, target, as_of))
        except HistoryError as error:
            if strict or not (found or target is not targets[-1]):
                raise
            left_out[target.name] = str(error)
    return found, left_out


def count_steps(targets: Sequence[Target], trials: int) -> int:
    """Return how many steps training tells of, so that a bar can count on them."""
    tuned = sum(family.search is not None for family in FAMILIES.values())
    chances = sum(target.kind == "chance" for target in targets)
    return 1 + 5 * len(targets) + chances * trials * tuned
