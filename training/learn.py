"""Learn one target: each kind in its own way, all judged out of time and held to the gate."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from contract.manifest import Kind
from contract.moments import as_micros, as_utc
from contract.ranges import measure_ranges
from features.history import History
from training.card import read_grade
from training.chances import learn_chance
from training.choice.learn import learn_choice
from training.learned import Asked, Learned
from training.targets import Target
from training.worth.learn import learn_worth

Learn = Callable[[History, Target, datetime, Asked], Learned]

KINDS: Mapping[Kind, Learn] = {
    "chance": learn_chance,
    "choice": learn_choice,
    "worth": learn_worth,
}


def learn(history: History, target: Target, as_of: datetime, asked: Asked) -> Learned:
    """Return the target learned from what happened before `as_of`, and nothing after.

    The bundle says the grade of its report, and between which values features lay.
    """
    as_of = as_utc(as_of)
    learned = KINDS[target.kind](history.before(as_micros(as_of)), target, as_of, asked)
    bundle, columns = learned.bundle, learned.columns
    ranges = measure_ranges({n: columns[n] for n in bundle.manifest.inputs if n in columns})
    told = {"grade": read_grade(learned.report) or None, "ranges": ranges}
    graded = replace(bundle, manifest=bundle.manifest.model_copy(update=told))
    return replace(learned, bundle=graded)
