"""Foretold worths beside the baselines, on the one snapshot that no stage saw."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contract.models import Numbers
from training.estimates import Estimate
from training.folds import Stages
from training.ladder import LADDER, Step
from training.selection import CLEARLY
from training.tuning import Settings
from training.worth.families import FAMILIES, find_start
from training.worth.levels import Course
from training.worth.recipe import Fitted, Pair, calibrate, fit_pair, fit_trust, tell_early
from training.worth.snapshots import Worths
from training.worths import compare_worths, evaluate_worths

STATUS_QUO = "status_quo"
BASELINES = (STATUS_QUO, "probability", "prior")
POWER = 1.5  # of the variance in the mean: worths are nothing for many, and spread for the rest

Residue = tuple[Numbers, Numbers]  # what came of customers, and what had been foretold of them


@dataclass(frozen=True)
class Plan:
    """On which rung a shop stands, which of its families answers, and the settings of each."""

    step: Step
    best: str
    settings: Mapping[str, Settings]


@dataclass(frozen=True)
class Judged:
    """What is served and all it is compared with, on the snapshot of the stages' serving moment.

    `residue` is that of the calibration snapshot, by models that had not seen it.
    """

    stages: Stages
    plan: Plan
    snapshot: Worths
    fitted: Mapping[str, Fitted]
    told: Mapping[str, Numbers]
    metrics: Mapping[str, Mapping[str, Estimate]]
    gains: Mapping[str, Estimate]
    residue: Residue

    @property
    def best(self) -> str:
        """The family that is served."""
        return self.plan.best

    @property
    def served(self) -> Numbers:
        """The worths as they would have been answered."""
        return self.told[self.best]


def judge(
    spans: tuple[Worths, Worths],
    served: tuple[Stages, Course],
    over: Worths,
    tuned: Mapping[str, Settings] | None = None,
) -> Judged:
    """Return every family of the rung and every baseline, judged where none of them saw outcomes.

    `over` are the customers with what came of them over the days that are judged: those of the span
    or those of the horizon. `tuned` are the settings of families that were tuned.
    """
    near, stages = spans[0], served[0]
    step = find_rung(near, stages)
    names = dict.fromkeys([*list_families(step, near), *BASELINES[1:]])
    settings = {name: FAMILIES[name].usual for name in names} | dict(tuned or {})
    pairs = {name: fit_pair((name, settings[name]), near, stages) for name in names}
    last = near.at([stages.calibrate])
    best = choose(list_families(step, near), pairs, last)
    fitted = {name: calibrate(pair, spans, served) for name, pair in pairs.items()}
    snapshot = over.at([stages.serve])
    told = {name: f.tell(snapshot).predicted for name, f in fitted.items()}
    told[STATUS_QUO] = snapshot.spent
    came = snapshot.outcome
    compared = [n for n in BASELINES if n != best] if came.sum() > 0 else []
    return Judged(
        stages=stages,
        plan=Plan(step, best, settings),
        snapshot=snapshot,
        fitted=fitted,
        told=told,
        metrics={name: evaluate_worths(came, own) for name, own in told.items()},
        gains={name: compare_worths(came, told[best], told[name]) for name in compared},
        residue=(last.outcome, _tell_early(pairs[best], last)),
    )


def _tell_early(pair: Pair, last: Worths) -> Numbers:
    return tell_early(pair, last, fit_trust(pair, last)).predicted


def refit(plan: Plan, spans: tuple[Worths, Worths], served: tuple[Stages, Course]) -> Fitted:
    """Return what the plan serves, fitted for another serving moment."""
    pair = fit_pair((plan.best, plan.settings[plan.best]), spans[0], served[0])
    return calibrate(pair, spans, served)


def find_rung(worths: Worths, stages: Stages) -> Step:
    """Return the highest rung for which each snapshot has the customers and the buyers.

    The probability models ask for repeat orders; without them the rung below it answers.
    """
    parts = [worths.at([stages.calibrate]), worths.at(stages.train)]
    customers = min(len(part.rows) for part in parts)
    buyers = min(int(np.count_nonzero(part.orders)) for part in parts)
    fitting = [s for s in LADDER if customers >= s.customers and buyers >= s.outcomes]
    if find_start(worths, stages) == "flat":
        fitting = [s for s in fitting if s.rung != "probability_model"]
    return fitting[0]


def list_families(step: Step, worths: Worths) -> tuple[str, ...]:
    """Return the families of a rung; the first answers unless another is clearly better."""
    if step.rung == "full_model":
        return ("parts", "probability")
    return {"probability_model": ("probability",)}.get(step.rung, (step.rung,))


def choose(usual: tuple[str, ...], pairs: Mapping[str, Pair], last: Worths) -> str:
    """Return the first of `usual`, or the best other one if that is clearly better.

    Each is judged as it was before the calibration snapshot, by its deviance there with the level
    set right: how high the season is says nothing of a family.
    """
    losses = {name: measure_deviance(pairs[name], last) for name in usual}
    best = min(usual, key=lambda name: losses[name].mean())
    gain = losses[usual[0]] - losses[best]
    error = float(np.std(gain)) / np.sqrt(max(len(gain), 1))
    return best if gain.mean() > CLEARLY * error else usual[0]


def measure_deviance(pair: Pair, last: Worths) -> Numbers:
    """Return each row's Tweedie deviance, but for what does not depend on what was foretold.

    A worth below 0, of one who returned more than they bought, counts as 0.
    """
    came = np.maximum(last.outcome, 0)
    told = _tell_early(pair, last)
    told = np.maximum(told * came.sum() / told.sum(), 1e-9)
    return np.asarray(told ** (2 - POWER) / (2 - POWER) - came * told ** (1 - POWER) / (1 - POWER))
