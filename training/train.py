"""Training on one page: learn each target, record it, register it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import mlflow

from contract.moments import as_utc
from contract.registry import Registry
from contract.settings import Settings
from features.history import History
from training.folds import find_report_moment
from training.learn import learn
from training.targets import Target
from training.tracking import open_experiment, record


def train(
    history: History,
    targets: Sequence[Target],
    as_of: datetime,
    books: tuple[Settings, Registry],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Learn, judge and register each target; return the reports under `targets`, by name."""
    settings, registry = books
    open_experiment(settings)
    reports = {}
    # No later than any target's judged moment, so that none of them is told what came after it.
    words_as_of = find_report_moment(as_utc(as_of), max(t.horizon_days for t in targets))
    with mlflow.start_run(run_name=f"train {as_of:%Y-%m-%d}") as parent:
        for target in targets:
            learned = learn(history, target, as_of, tell, words_as_of)
            tell(f"{target.name}: recording in MLflow")
            reports[target.name] = record(learned, registry)
    return {"as_of": as_of.isoformat(), "run_id": parent.info.run_id, "targets": reports}
