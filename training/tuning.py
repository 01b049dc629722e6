"""Search a family's settings over purged time folds, its good defaults first."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from contract.models import Numbers
from training.studies import open_study

SEED = 7
STARTUP = 10  # random trials, beside the usual settings, before the sampler learns from them

Tell = Callable[[str], None]
Settings = Mapping[str, Any]
Fold = tuple[Sequence[datetime], datetime]  # moments learned from, and the one validated on


@dataclass(frozen=True)
class Budget:
    """How much is tried of each family, and where it is written down; no trial is no tuning."""

    trials: int = 0
    seconds: float | None = None
    storage: Any = None


@dataclass(frozen=True)
class Task:
    """What is tuned: a family's settings, and how each is measured.

    `folds` validate at moments before that of `last`, which is the calibration snapshot; `lose`
    returns each row's loss at the second moment of a fold, learned at its first ones. `study` is a
    name that no other data, moment, or family has; `loss` says what is lost.
    """

    family: str
    study: str
    usual: Sequence[Settings]
    search: Callable[[Any], Settings] | None
    folds: Sequence[Fold]
    last: Fold
    lose: Callable[[Settings, Fold], Numbers]
    loss: str = "log_loss"


@dataclass(frozen=True)
class Trial:
    """One trial: its settings, and the loss of each fold that it came to."""

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
    loss: str = "log_loss"

    def as_json(self) -> dict[str, Any]:
        """Return what came of it as plain values, trials apart."""
        told = asdict(self)
        return {**told, "settings": dict(self.settings), "trials": len(self.trials)}


def tune(task: Task, budget: Budget, tell: Tell) -> Tuned:
    """Return the family's settings, tuned if that wins on the folds and the calibration snapshot.

    A trial's sampler is seeded by its number, so one that goes on says what one that never stopped
    would have said.
    """
    import optuna

    if not budget.trials or task.search is None or not task.folds:
        return Tuned(task.family, task.usual[0], False, "not tuned")
    study = open_study(budget.storage, task.study)
    if not study.trials:
        for settings in task.usual:
            study.enqueue_trial(dict(settings))
    ends = time.monotonic() + budget.seconds if budget.seconds else None
    while _count_done(study) < budget.trials and (ends is None or time.monotonic() < ends):
        number = len(study.trials)
        tell(f"{task.family}: trial {_count_done(study) + 1} of {budget.trials}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.TPESampler(
                seed=SEED + number, multivariate=True, group=True, n_startup_trials=STARTUP
            )
        study.optimize(_Objective(task), n_trials=1)
    return _accept(task, study)


@dataclass(frozen=True)
class _Objective:
    """The mean over folds of the loss."""

    task: Task

    def __call__(self, trial: Any) -> float:
        import optuna

        assert self.task.search is not None
        settings = self.task.search(trial)
        losses: list[float] = []
        for step, fold in enumerate(self.task.folds):
            losses.append(float(self.task.lose(settings, fold).mean()))
            trial.set_user_attr("losses", losses)
            trial.report(float(np.mean(losses)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))


def _accept(task: Task, study: Any) -> Tuned:
    trials = tuple(_tell_trials(study))
    usual, best = task.usual[0], task.usual[0]
    done = [t for t in trials if t.state == "COMPLETE"]
    if done:
        best = min(done, key=lambda t: float(np.mean(t.losses))).settings
    if best == usual:
        reason = "no trial was better on the folds"
        return Tuned(task.family, usual, False, reason, trials, task.loss)
    now, then = (task.lose(settings, task.last) for settings in (best, usual))
    gain = float((then - now).mean())
    accepted = gain > 0
    verdict = "better" if accepted else "no better"
    reason = f"{verdict} than the usual settings on the calibration snapshot, by {gain:+.4f}"
    chosen = best if accepted else usual
    return Tuned(task.family, chosen, accepted, reason, trials, task.loss)


def _tell_trials(study: Any) -> Iterator[Trial]:
    for trial in study.get_trials(deepcopy=False):
        losses = tuple(trial.user_attrs.get("losses", ()))
        yield Trial(trial.number, trial.state.name, dict(trial.params), losses)


def _count_done(study: Any) -> int:
    return sum(t.state.name in ("COMPLETE", "PRUNED") for t in study.get_trials(deepcopy=False))
