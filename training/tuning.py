"""Search a family's settings over purged time folds, its good defaults first."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from contract.models import Numbers
from training.families import Family, Settings
from training.folds import Stages, split_folds
from training.recipe import list_parts
from training.selection import measure_losses
from training.snapshots import Snapshots
from training.studies import open_study

SEED = 7
STARTUP = 10  # random trials, beside the usual settings, before the sampler learns from them

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Budget:
    """How much is tried of each family, and where it is written down; no trial is no tuning."""

    trials: int = 0
    seconds: float | None = None
    storage: Any = None


@dataclass(frozen=True)
class Trial:
    """One trial: its settings, and the log loss of each fold that it came to."""

    number: int
    state: str
    settings: Settings
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Tuned:
    """What came of tuning one family: the settings that are used, and why these."""

    family: str
    settings: Settings
    accepted: bool
    reason: str
    trials: Sequence[Trial] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Return what came of it as plain values, trials apart."""
        told = asdict(self)
        return {**told, "settings": dict(self.settings), "trials": len(self.trials)}


def tune(family: Family, seen: tuple[Snapshots, Stages], budget: Budget, tell: Tell) -> Tuned:
    """Return the family's settings, tuned if that wins on the folds and the calibration snapshot.

    Folds validate at moments before the calibration snapshot, each learned from what had closed by
    then. A trial's sampler is seeded by its number, so one that goes on says what one that never
    stopped would have said.
    """
    import optuna

    snapshots, stages = seen
    usual = family.usual[0]
    folds = split_folds(stages, snapshots.horizon, family.half)
    if not budget.trials or family.search is None or not folds:
        return Tuned(family.name, usual, False, "not tuned")
    study = open_study(budget.storage, _name_study(family, snapshots, stages))
    if not study.trials:
        for settings in family.usual:
            study.enqueue_trial(dict(settings))
    ends = time.monotonic() + budget.seconds if budget.seconds else None
    while _count_done(study) < budget.trials and (ends is None or time.monotonic() < ends):
        number = len(study.trials)
        tell(f"{family.name}: trial {_count_done(study) + 1} of {budget.trials}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.TPESampler(
                seed=SEED + number, multivariate=True, group=True, n_startup_trials=STARTUP
            )
        study.optimize(_Objective(family, snapshots, folds), n_trials=1)
    return _accept(family, study, (snapshots, stages))


@dataclass(frozen=True)
class _Objective:
    """The mean over folds of the log loss with slope and level set right."""

    family: Family
    snapshots: Snapshots
    folds: Sequence[tuple[Sequence[datetime], datetime]]

    @cached_property
    def seen(self) -> Snapshots:
        """What the family learns from."""
        return self.snapshots.halve() if self.family.half else self.snapshots

    def __call__(self, trial: Any) -> float:
        import optuna

        assert self.family.search is not None
        settings = self.family.search(trial)
        losses: list[float] = []
        for step, (train, moment) in enumerate(self.folds):
            model = self.family.fit(self.seen.at(train), settings)
            losses.append(float(measure_losses(model, self.snapshots.at([moment])).mean()))
            trial.set_user_attr("losses", losses)
            trial.report(float(np.mean(losses)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))


def _accept(family: Family, study: Any, seen: tuple[Snapshots, Stages]) -> Tuned:
    trials = tuple(_tell_trials(study))
    usual, best = family.usual[0], family.usual[0]
    done = [t for t in trials if t.state == "COMPLETE"]
    if done:
        best = min(done, key=lambda t: float(np.mean(t.losses))).settings
    if best == usual:
        return Tuned(family.name, usual, False, "no trial was better on the folds", trials)
    snapshots, stages = seen
    last, (train, _) = snapshots.at([stages.calibrate]), list_parts(snapshots, stages, family.half)
    now, then = (_measure(family, train, last, settings) for settings in (best, usual))
    gain = float((then - now).mean())
    accepted = gain > 0
    verdict = "better" if accepted else "no better"
    reason = f"{verdict} than the usual settings on the calibration snapshot, by {gain:+.4f}"
    return Tuned(family.name, best if accepted else usual, accepted, reason, trials)


def _measure(family: Family, train: Snapshots, last: Snapshots, settings: Settings) -> Numbers:
    return measure_losses(family.fit(train, settings), last)


def _tell_trials(study: Any) -> Iterator[Trial]:
    for trial in study.get_trials(deepcopy=False):
        losses = tuple(trial.user_attrs.get("losses", ()))
        yield Trial(trial.number, trial.state.name, dict(trial.params), losses)


def _count_done(study: Any) -> int:
    return sum(t.state.name in ("COMPLETE", "PRUNED") for t in study.get_trials(deepcopy=False))


def _name_study(family: Family, snapshots: Snapshots, stages: Stages) -> str:
    """Return a name that no other data, moment, or family has."""
    digest = snapshots.at([*stages.train, stages.calibrate]).digest()
    return f"{family.name} {stages.serve:%Y-%m-%d} {snapshots.horizon} days {digest[:16]}"


def list_settings(tuned: Sequence[Tuned]) -> Mapping[str, Settings]:
    """Return the settings of each family that was tuned with success."""
    return {t.family: t.settings for t in tuned if t.accepted}
