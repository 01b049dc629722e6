"""Every family and every plain list on the one moment that none of them saw."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np

from contract.forms import Blend
from contract.manifest import BaseRate, Calibration
from contract.models import Model, Numbers
from training.calibration import fit_slope
from training.choice.choices import Choices, Pairs, join
from training.choice.families import BLEND, FAMILIES, LADDER, MEMBERS, USUAL_LIST
from training.choice.levels import Fitted, calibrate, fit_level
from training.choice.measures import Metrics, as_purchases, evaluate_pairs
from training.estimates import Estimate
from training.evaluation import find_losses
from training.folds import Stages
from training.ladder import Step
from training.rankings import compare_rankings, evaluate_scope
from training.selection import SURELY
from training.toplists import list_baselines
from training.tuning import Settings

SCOPE = "all"  # of the candidates: what the offer does not show is neither shown nor counted

Pair = tuple[Model, Model]  # fitted before the calibration snapshot, and on every closed one


@dataclass(frozen=True)
class Seen:
    """What a recipe learns from: pairs by moment, and whole choices where they are needed.

    `settings` are those of families that were tuned.
    """

    thinned: Mapping[datetime, Pairs]
    whole: Mapping[datetime, Choices]
    settings: Mapping[str, Settings] = field(default_factory=dict)

    def digest(self) -> str:
        """Return a sha256 of all pairs learned from, the same whenever the same data is read."""
        found = hashlib.sha256()
        for moment in sorted(self.thinned):
            part = self.thinned[moment]
            for column in (*part.columns.values(), part.outcome, part.weight):
                found.update(np.ascontiguousarray(column).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Judged:
    """What is served and all it is compared with, on the judged choices.

    `told` are probabilities of pairs, `lists` customers x categories, higher shown earlier.
    """

    stages: Stages
    horizon: int
    step: Step
    best: str
    choices: Choices
    fitted: Mapping[str, Fitted]
    told: Mapping[str, Numbers]
    lists: Mapping[str, Numbers]
    metrics: Mapping[str, Metrics]

    @cached_property
    def gains(self) -> Mapping[str, Estimate]:
        """By plain list, how much more NDCG at 5 what is served has; nothing if nobody bought."""
        purchases, ours = as_purchases(self.choices), self.choices.spread(self.told[self.best])
        if not purchases.bought.any():
            return {}
        return {n: compare_rankings(purchases, ours, told, SCOPE) for n, told in self.lists.items()}


def judge(
    seen: Seen, stages: Stages, base_rate: BaseRate, asked: tuple[int, list[Numbers]]
) -> Judged:
    """Return every family of the rung and every list, judged where none of them saw outcomes.

    Asked are the horizon, and the judged customers' own orders by period, of which the plain lists
    are made.
    """
    horizon, periods = asked
    last, served = seen.whole[stages.calibrate], seen.whole[stages.serve]
    step = find_rung([last, join([seen.thinned[m] for m in stages.train])], len(last.ids))
    pairs = fit_pairs(dict.fromkeys([*step.families, USUAL_LIST]), seen, stages)
    best = choose_family(step.families, pairs, last)
    fitted = {n: calibrate(pair, last, (served, base_rate)) for n, pair in pairs.items()}
    told = {name: fit.probability(served) for name, fit in fitted.items()}
    plain = list_baselines(periods)
    lists = {n: np.where(served.held, told_list, -np.inf) for n, told_list in plain.items()}
    lists[USUAL_LIST] = served.spread(told[USUAL_LIST])
    purchases = as_purchases(served)
    metrics: dict[str, Metrics] = {
        name: {**evaluate_scope(served.spread(p), purchases, SCOPE), **evaluate_pairs(served, p)}
        for name, p in told.items()
    }
    metrics |= {n: evaluate_scope(lists[n], purchases, SCOPE) for n in plain}
    return Judged(stages, horizon, step, best, served, fitted, told, lists, metrics)


def refit(seen: Seen, stages: Stages, base_rate: BaseRate, best: str) -> Fitted:
    """Return what is served, fitted for another serving moment."""
    pair = fit_pairs([best], seen, stages)[best]
    return calibrate(pair, seen.whole[stages.calibrate], (seen.whole[stages.serve], base_rate))


def find_rung(parts: Sequence[Choices | Pairs], customers: int) -> Step:
    """Return the highest rung for which there are customers, and pairs bought in each part."""
    came = min(int(part.outcome.sum()) for part in parts)
    return next(s for s in LADDER if customers >= s.customers and came >= s.outcomes)


def fit_pairs(names: Iterable[str], seen: Seen, stages: Stages) -> dict[str, Pair]:
    """Return each family fitted for the stages."""
    names = list(names)
    members = [n for n in names if n != BLEND] + (list(MEMBERS) if BLEND in names else [])
    parts = [join([seen.thinned[m] for m in some]) for some in (stages.train, stages.closed)]
    made: dict[str, Pair] = {}
    for name in dict.fromkeys(members):
        settings = seen.settings.get(name, FAMILIES[name].usual[0])
        early, late = (FAMILIES[name].fit(part, settings) for part in parts)
        made[name] = early, late
    if BLEND in names:
        even = (1 / len(MEMBERS),) * len(MEMBERS)
        early, late = (Blend(tuple(made[n][i] for n in MEMBERS), even) for i in (0, 1))
        made[BLEND] = early, late
    return {name: made[name] for name in names}


def choose_family(usual: Sequence[str], pairs: Mapping[str, Pair], last: Choices) -> str:
    """Return the first of `usual`, or the best other one if that is surely better.

    Each is judged by its log loss on the calibration snapshot, slope and level set right there.
    """
    losses = {name: measure_losses(pairs[name][0], last) for name in usual}
    best = min(usual, key=lambda name: losses[name].sum())
    gain = losses[usual[0]] - losses[best]
    error = float(np.std(gain)) / np.sqrt(max(len(gain), 1))
    return best if gain.mean() > SURELY * error else usual[0]


def measure_losses(model: Model, last: Choices) -> Numbers:
    """Return each customer's log loss over their pairs."""
    share = float(last.outcome.mean()) if len(last.outcome) else 0.0
    slope = fit_slope(model, last)
    calibration = Calibration(slope=slope, intercept=fit_level(model, slope, (last, share)))
    told = Fitted(model, calibration, BaseRate(share=share, low=share, high=share))
    losses = find_losses(last.outcome, told.probability(last))
    return np.bincount(last.owner, losses, len(last.ids)).astype(np.float64)
