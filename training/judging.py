"""Every family and baseline on the one snapshot that none of them saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from contract.manifest import BaseRate
from contract.models import Numbers, logistic
from contract.segments import SEGMENTS, find_segments
from training.evaluation import Estimate, evaluate
from training.families import BASELINES, BLEND, FAMILIES, RULES, Family
from training.folds import Stages
from training.ladder import Step, find_rung
from training.recipe import Fitted, blend, calibrate, fit_pairs
from training.segments import Segment, evaluate_segments
from training.selection import choose_family, choose_rules, find_weights
from training.snapshots import Snapshots
from training.tuning import Settings

KNOWN: Mapping[str, Family] = {**FAMILIES, **RULES, **BASELINES}


@dataclass(frozen=True)
class Plan:
    """What is learned for a serving moment: the rung, each family's settings, and who answers.

    `weights` are those of the blend, family by family.
    """

    step: Step
    settings: Mapping[str, Settings]
    best: str
    rules: Mapping[str, str]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What is served and all it is compared with, on the snapshot of the stages' serving moment."""

    stages: Stages
    plan: Plan
    snapshot: Snapshots
    base_rate: BaseRate
    probabilities: Mapping[str, Numbers]
    metrics: Mapping[str, Mapping[str, Estimate]]
    fitted: Mapping[str, Fitted]

    @property
    def best(self) -> str:
        """The family that is served."""
        return self.plan.best

    @property
    def of_leaving(self) -> bool:
        """Whether it is said of customers that they leave, so that a campaign would keep them."""
        return self.snapshot.leaving

    @cached_property
    def segments(self) -> Mapping[str, Segment]:
        """The figures of each segment that has customers."""
        names = np.array(SEGMENTS)[find_segments(self.snapshot.columns)]
        told = {name: self.probabilities[name] for name in BASELINES}
        ours = self.probabilities[self.best]
        found = evaluate_segments(self.snapshot.outcome, ours, told, names)
        return {name: found[name] for name in SEGMENTS if name in found}

    @property
    def served(self) -> Numbers:
        """The probabilities as they would have been answered."""
        return answer(self.fitted, self.plan, self.snapshot)


def judge(
    snapshots: Snapshots, stages: Stages, base_rate: BaseRate, tuned: Mapping[str, Settings]
) -> Judged:
    """Return every family of the rung and every baseline, judged where none of them saw outcomes.

    Who answers is told by the calibration snapshot, never by the one that is judged.
    """
    last, served = snapshots.at([stages.calibrate]), snapshots.at([stages.serve])
    step = find_rung(last, snapshots.at(stages.train))
    names = [name for name in (*step.families, *BASELINES) if name != BLEND]
    settings = {name: tuned.get(name, KNOWN[name].usual[0]) for name in names}
    pairs = fit_pairs({n: (KNOWN[n], settings[n]) for n in names}, snapshots, stages)
    weights: tuple[float, ...] = ()
    if BLEND in step.families:
        members = {name: pairs[name] for name in FAMILIES}
        weights = find_weights(members, last)
        pairs[BLEND] = blend(members, weights)
    best = choose_family(step.families, pairs, last)
    rules = choose_rules(pairs[best].early, pairs, last) if step.rung == "full_model" else {}
    fitted = {name: calibrate(p, snapshots, stages, base_rate) for name, p in pairs.items()}
    plan = Plan(step, settings, best, rules, weights)
    told = {name: f.probability(served) for name, f in fitted.items()}
    told[best] = answer(fitted, plan, served)
    metrics = {name: evaluate(served.outcome, p) for name, p in told.items()}
    return Judged(stages, plan, served, base_rate, told, metrics, fitted)


def refit(
    snapshots: Snapshots, stages: Stages, base_rate: BaseRate, plan: Plan
) -> Mapping[str, Fitted]:
    """Return what the plan serves, fitted for another serving moment, the baselines beside it."""
    members = list(FAMILIES) if plan.best == BLEND else [plan.best]
    names = dict.fromkeys([*members, *BASELINES])
    pairs = fit_pairs({n: (KNOWN[n], plan.settings[n]) for n in names}, snapshots, stages)
    if plan.best == BLEND:
        pairs[BLEND] = blend({name: pairs[name] for name in members}, plan.weights)
    asked = dict.fromkeys([plan.best, *BASELINES])
    return {name: calibrate(pairs[name], snapshots, stages, base_rate) for name in asked}


def answer(fitted: Mapping[str, Fitted], plan: Plan, snapshots: Snapshots) -> Numbers:
    """Return what is answered: by the model, or in a segment of a rule by that rule."""
    told = fitted[plan.best].margin(snapshots)
    segments: Any = find_segments(snapshots.columns) if plan.rules else None
    for segment, rule in plan.rules.items():
        inside = segments == SEGMENTS.index(segment)
        told = np.where(inside, fitted[rule].margin(snapshots), told)
    return logistic(told)
