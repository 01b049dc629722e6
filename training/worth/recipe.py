"""How a worth comes to be told: learn its parts, see how far to trust them, set their levels."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from contract.models import Numbers
from contract.norms import Norms
from contract.worth import (
    Start,
    Told,
    Trust,
    Worth,
    carry,
    raise_levels,
    tell_parts,
    tell_worth,
)
from training.folds import Stages
from training.ranks import place
from training.tuning import Settings
from training.worth.families import FAMILIES, Models, find_start, keep_started
from training.worth.levels import Course, fit_levels, foretell_totals
from training.worth.snapshots import Worths
from training.worth.trees import prepare

MOST_TRUST = 2.0
FEWEST = 50  # rows, below which a slope is noise


@dataclass(frozen=True)
class Pair:
    """A family fitted twice: on what closed before the calibration snapshot, and on all of it."""

    early: Models
    late: Models
    start: Start


@dataclass(frozen=True)
class Fitted:
    """A family as it answers at a serving moment: its models, and all that sets their levels."""

    models: Models
    worth: Worth
    norms: Norms
    share: float  # of the customers served that are to order within the horizon

    def tell(self, worths: Worths) -> Told:
        """Return the parts of each customer's worth over the snapshot's own days."""
        return tell_worth((self.worth, self.norms, worths.horizon), self.models, worths.columns)


def fit_pair(asked: tuple[str, Settings], worths: Worths, stages: Stages) -> Pair:
    """Return the family fitted for the stages, by these settings."""
    name, settings = asked
    family = FAMILIES[name]
    start = "flat" if family.start == "flat" else find_start(worths, stages)
    taken = (worths.at(moments) for moments in (stages.train, stages.closed))
    parts = (keep_started(part, start) for part in taken)
    early, late = (family.fit(part, start, settings) for part in parts)
    return Pair(early, late, start)


def place_all(models: Models, worths: Worths) -> Models:
    """Return the models as they answer at a moment: ranks are told among these customers."""
    return {name: place(model, worths) for name, model in models.items()}


def tell_early(pair: Pair, last: Worths, trust: Trust) -> Told:
    """Return what the early models say of the calibration snapshot, which they never saw."""
    near = last.begin(pair.start, last.horizon)
    return tell_parts(place_all(pair.early, last), last.columns, (near, trust))


def calibrate(pair: Pair, spans: tuple[Worths, Worths], served: tuple[Stages, Course]) -> Fitted:
    """Return the late models for the customers of the serving moment, whose outcomes are not read.

    `spans` are the customers with what came of them over the span and over the horizon; `served`
    names the stages, and the course of the shop up to their serving moment.
    """
    near, far = spans
    stages, course = served
    now = near.at([stages.serve])
    models = place_all(pair.late, now)
    trust = fit_trust(pair, near.at([stages.calibrate]))
    begun = now.begin(pair.start, near.horizon)
    told = tell_parts(models, now.columns, (begun, trust))
    asked = pair.start, near.horizon, near.horizon
    over_span = fit_levels(told, foretell_totals(course, begun, asked))
    told = raise_levels(told, over_span)
    worth = Worth(
        start=pair.start,
        span_days=near.horizon,
        horizon_days=far.horizon,
        trust=trust,
        over_span=over_span,
    )
    if far.horizon > near.horizon:
        ahead = far.at([stages.serve]).begin(pair.start, far.horizon)
        carried = carry(told, begun, ahead)
        asked = pair.start, far.horizon, near.horizon
        levels = fit_levels(carried, foretell_totals(course, ahead, asked))
        worth = worth.model_copy(update={"over_horizon": levels})
        told = raise_levels(carried, levels)
    return Fitted(models, worth, now.norms[stages.serve], float(told.chance.mean()))


def fit_trust(pair: Pair, last: Worths) -> Trust:
    """Return how far each part's model is to be trusted, by the calibration snapshot.

    The slope of what came on what the early model says beyond what it was begun with, from 0 to 2:
    of the chance by log loss, of the other two by least squares of logs.
    """
    models = place_all(pair.early, last)
    told = {}
    for name, lesson in prepare(last, pair.start).items():
        start = lesson.start[lesson.held]
        beyond = (models[name].margin(last.columns, lesson.start) - lesson.start)[lesson.held]
        if len(start) < FEWEST or np.ptp(beyond) < 1e-9:
            continue
        came = lesson.came[lesson.held]
        slope = _lean_odds(came, start, beyond) if name == "chance" else _lean(came, start, beyond)
        told[name] = float(np.clip(slope, 0.0, MOST_TRUST))
    return Trust(**told)


def _lean(came: Numbers, start: Numbers, beyond: Numbers) -> float:
    off = np.log(came) - start
    apart = beyond - beyond.mean()
    return float(np.dot(off - off.mean(), apart) / np.dot(apart, apart))


def _lean_odds(came: Numbers, start: Numbers, beyond: Numbers) -> float:
    def loss(fit: Numbers) -> float:
        margin = start + fit[1] + fit[0] * beyond
        return float(np.mean(np.logaddexp(0, margin) - came * margin))

    return float(optimize.minimize(loss, np.array([1.0, 0.0]), method="BFGS").x[0])
