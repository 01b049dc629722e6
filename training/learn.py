"""Learn one target: each kind in its own way, all judged out of time and held to the gate."""

from collections.abc import Callable, Mapping
from datetime import datetime

from contract.manifest import Kind
from contract.moments import as_micros, as_utc
from features.history import History
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
    """Return the target learned from what happened before `as_of`, and nothing after."""
    as_of = as_utc(as_of)
    return KINDS[target.kind](history.before(as_micros(as_of)), target, as_of, asked)
