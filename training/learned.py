"""What learning a target takes, and what it gives, whatever the target's kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from contract.bundle import Bundle
from contract.models import Columns
from features.history import History
from training.folds import (
    Stages,
    find_first_order,
    find_report_moment,
    refuse_short,
    split_stages,
)
from training.gate import Verdict
from training.targets import Target
from training.tuning import Budget, Tuned

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """How a target is to be learned: by the words of which moment, tuned how much, beside whom."""

    tell: Tell
    words_as_of: datetime | None = None
    budget: Budget = field(default_factory=Budget)
    champions: tuple[Bundle, ...] = ()


@dataclass(frozen=True)
class Learned:
    """A target learned: the bundle to register, the report, and all that is recorded with it.

    `judged` are the rows it was judged on, `columns` their features; `draw` writes pictures into a
    folder; `entries` say what columns mean that are no features of a customer; `early` is the
    bundle as it was judged, which the gate of a later challenger holds against it.
    """

    target: Target
    as_of: datetime
    bundle: Bundle
    early: Bundle
    report: Mapping[str, Any]
    verdict: Verdict
    judged: pd.DataFrame
    columns: Columns
    digest: str
    stages: tuple[Stages, Stages]
    draw: Callable[[Path], object]
    params: Mapping[str, Any] = field(default_factory=dict)
    tuned: tuple[Tuned, ...] = ()
    entries: Sequence[Mapping[str, str]] = ()


def plan_stages(seen: History, horizon: int, as_of: datetime) -> tuple[Stages, Stages]:
    """Return the stages of the moment that is judged, and of `as_of` itself."""
    first = find_first_order(seen)
    refuse_short(first, as_of, horizon)
    report = split_stages(first, find_report_moment(as_of, horizon), horizon)
    return report, split_stages(first, as_of, horizon)


def tell_stages(stages: Stages) -> dict[str, Any]:
    """Return the stages as a report tells them."""
    return {
        "moment": f"{stages.serve:%Y-%m-%d}",
        "train_moments": [f"{m:%Y-%m-%d}" for m in stages.train],
        "calibrate_moment": f"{stages.calibrate:%Y-%m-%d}",
        "refit_moments": [f"{m:%Y-%m-%d}" for m in stages.closed],
    }
