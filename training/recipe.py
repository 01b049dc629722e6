"""How a model comes to be: train, calibrate on a later snapshot, refit on every closed one."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from contract.forms import Blend
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration
from contract.models import Model, Numbers, log_odds, logistic
from features.history import THREADS
from training.calibration import fit_level, fit_slope
from training.families import Family
from training.folds import Stages
from training.ranks import place
from training.snapshots import Snapshots
from training.tuning import Settings


@dataclass(frozen=True)
class Pair:
    """A family fitted twice: on what closed before the calibration snapshot, and on all of it."""

    early: Model
    late: Model


@dataclass(frozen=True)
class Fitted:
    """A model with the calibration and the base rate that its probabilities need."""

    model: Model
    calibration: Calibration
    base_rate: BaseRate

    def margin(self, snapshots: Snapshots) -> Numbers:
        """Return the calibrated log-odds of each row; outcomes are not read."""
        base = log_odds(self.base_rate.share)
        beyond = self.model.margin(snapshots.columns, base) - base
        told: Numbers = base + self.calibration.intercept + self.calibration.slope * beyond
        return told

    def probability(self, snapshots: Snapshots) -> Numbers:
        """Return the calibrated probability of each row."""
        return logistic(self.margin(snapshots))

    def fold(self) -> Logistic:
        """Return a logistic model with its calibration folded into its coefficients."""
        assert isinstance(self.model, Logistic)
        slope, model = self.calibration.slope, self.model
        return Logistic(
            terms=model.terms,
            coefficients=tuple(slope * c for c in model.coefficients),
            intercept=slope * model.intercept + self.calibration.intercept,
            base_coefficient=slope * model.base_coefficient + 1 - slope,
        )


def tell_each(fitted: Fitted, snapshots: Snapshots) -> Numbers:
    """Return each row's probability from its own moment's base rate on, ranks told among its own.

    Rows come moment after moment, as snapshots are taken.
    """
    fit = fitted.calibration
    told = []
    for part in snapshots.split():
        base = float(log_odds(part.base_rate[0]))
        beyond = place(fitted.model, part).margin(part.columns, base) - base
        level = fit_level(place(fitted.model, part), fit.slope, (part, float(part.base_rate[0])))
        told.append(logistic(base + level + fit.slope * beyond))
    return np.concatenate(told)


def fit_pairs(
    asked: Mapping[str, tuple[Family, Settings]], snapshots: Snapshots, stages: Stages
) -> dict[str, Pair]:
    """Return each family fitted for the stages, two fits at a time.

    Each fit has one thread: on a busy machine two of one fit wait for each other at every step.
    """
    halves = {family.half for family, _ in asked.values()}
    parts = {half: list_parts(snapshots, stages, half) for half in halves}
    with ThreadPoolExecutor(THREADS) as pool:
        made = {
            name: [pool.submit(family.fit, part, settings) for part in parts[family.half]]
            for name, (family, settings) in asked.items()
        }
    return {name: Pair(early.result(), late.result()) for name, (early, late) in made.items()}


def list_parts(snapshots: Snapshots, stages: Stages, half: bool) -> list[Snapshots]:
    """Return what a family learns from: closed by the calibrating moment, and by the serving."""
    seen = snapshots.halve() if half else snapshots
    return [seen.at(moments) for moments in stages.list_learned(half)]


def blend(pairs: Mapping[str, Pair], weights: Sequence[float]) -> Pair:
    """Return the weighted mean of the pairs' log-odds."""
    weights = tuple(weights)
    early, late = zip(*((p.early, p.late) for p in pairs.values()), strict=True)
    return Pair(Blend(tuple(early), weights), Blend(tuple(late), weights))


def calibrate(pair: Pair, snapshots: Snapshots, stages: Stages, base_rate: BaseRate) -> Fitted:
    """Return the late model for the customers of the serving moment, whose outcomes are not read.

    How far to trust it is learned by the early one on the calibration snapshot, which that never
    saw. Its level is such that the mean probability of those served is the base rate foretold for
    them; ranks are told among them too.
    """
    last, served = snapshots.at([stages.calibrate]), snapshots.at([stages.serve])
    slope = fit_slope(place(pair.early, last), last)
    model = place(pair.late, served)
    level = fit_level(model, slope, (served, base_rate.share))
    return Fitted(model, Calibration(slope=slope, intercept=level), base_rate)
