"""Who is eligible, what is foretold, and over what horizon; a target sees only `days_ahead`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from contract.answers import ACTIVE_DAYS
from contract.errors import HistoryError
from contract.manifest import Eligible
from features.events import Events
from features.sums import Array

Definition = Callable[[Events], Array]

ACTIVE = Eligible(feature="days_since_order", at_most=ACTIVE_DAYS)
HAS_ORDERED = Eligible(feature="days_since_order")


@dataclass(frozen=True)
class Target:
    """One question: of whom, over how many days, and what counts as yes."""

    name: str
    meaning: str
    horizon_days: int
    eligible: Eligible
    definition: Definition

    def over(self, horizon: int | None) -> "Target":
        """Return the target over another horizon, or itself if none is given."""
        if horizon is not None and horizon < 1:
            raise HistoryError(f"A horizon of {horizon} days is not ahead.", "Give 1 or more.")
        return self if horizon is None else replace(self, horizon_days=horizon)


TARGETS: dict[str, Target] = {}


def target(horizon: int, eligible: Eligible) -> Callable[[Definition], Definition]:
    """Make a function a target: its name is the target's, its docstring what it means."""

    def declare(definition: Definition) -> Definition:
        name = definition.__name__
        meaning = inspect.getdoc(definition) or ""
        TARGETS[name] = Target(name, meaning, horizon, eligible, definition)
        return definition

    return declare


@target(horizon=90, eligible=ACTIVE)
def churn(orders: Events) -> Array:
    """An active customer (ordered in the last 365 days) places no order within the horizon."""
    return np.asarray(orders.count() == 0)


@target(horizon=30, eligible=HAS_ORDERED)
def next_purchase(orders: Events) -> Array:
    """A customer who has ordered before places an order within the horizon."""
    return np.asarray(orders.count() > 0)


def find_target(name: str, targets: Mapping[str, Target] = TARGETS) -> Target:
    """Return the target of that name."""
    if name not in targets:
        raise HistoryError(f"There is no target {name!r}.", f"Targets: {', '.join(targets)}.")
    return targets[name]
