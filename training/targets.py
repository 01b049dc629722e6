"""Who is eligible, what is foretold, and over what horizon; a target sees only what is ahead."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contract.answers import ACTIVE_DAYS
from contract.choice import Offer
from contract.errors import HistoryError
from contract.manifest import Eligible, Kind
from features.dictionary import FEATURES
from features.events import Events
from features.sources import SOURCES
from features.sums import Array, Numbers

Definition = Callable[..., Array]

ACTIVE = Eligible(feature="days_since_order", at_most=ACTIVE_DAYS)
HAS_ORDERED = Eligible(feature="days_since_order")


@dataclass(frozen=True)
class Target:
    """One question: of whom, over how many days, and what counts as yes.

    `reads` are what the definition names: kinds of event, of which it sees those ahead, and
    features as of the moment. Without a horizon it is the shop's own gaps that give one: the days
    within which `returns` of the customers who come back have done so. One that is `dated` is told
    with the day by which an order is due. One of kind choice has an `offer`, and its definition
    says of each line ahead whether its category counts as bought. `back_days` is how long ago the
    earliest moment lies that it is judged on, where that is not its horizon.
    """

    name: str
    meaning: str
    eligible: Eligible
    definition: Definition
    reads: tuple[str, ...]
    horizon_days: int | None = None
    returns: float = 0.8
    kind: Kind = "chance"
    dated: bool = False
    offer: Offer | None = None
    back_days: int | None = None

    @property
    def over_days(self) -> int:
        """The horizon, once there is one."""
        assert self.horizon_days is not None, "find_horizon gives a target its horizon"
        return self.horizon_days

    @property
    def judged_days(self) -> int:
        """How long before as_of the earliest moment lies that it is judged on."""
        return self.back_days or self.over_days

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the definition names."""
        return tuple(name for name in self.reads if name not in SOURCES)

    def over(self, horizon: int | None) -> "Target":
        """Return the target over another horizon, or itself if none is given."""
        if horizon is not None and horizon < 1:
            raise HistoryError(f"A horizon of {horizon} days is not ahead.", "Give 1 or more.")
        return self if horizon is None else replace(self, horizon_days=horizon)

    def offering(self, switches: Mapping[str, Any]) -> "Target":
        """Return the target with these switches of its offer; itself if it has no offer."""
        if self.offer is None:
            return self
        days = switches.get("look_back_days", 1)
        if days < 1:
            raise HistoryError(f"{days} days are no window.", "Give --not-again 1 or more.")
        return replace(self, offer=self.offer.model_copy(update=switches))


TARGETS: dict[str, Target] = {}


def target(eligible: Eligible, **facts: Any) -> Callable[[Definition], Definition]:
    """Make a function a target: its name is the target's, its docstring what it means."""

    def declare(definition: Definition) -> Definition:
        name, meaning = definition.__name__, inspect.getdoc(definition) or ""
        reads = tuple(inspect.signature(definition).parameters)
        unknown = [r for r in reads if r not in SOURCES and r not in FEATURES]
        if unknown or not meaning:
            raise HistoryError(
                f"The target {name} names {', '.join(unknown) or 'no meaning in a docstring'}.",
                "Its parameters are kinds of event or features: docs/features.md lists them.",
            )
        if name in TARGETS:
            raise HistoryError(f"There is a target {name} already.", "Name the function otherwise.")
        TARGETS[name] = Target(name, meaning, eligible, definition, reads, **facts)
        return definition

    return declare


@target(ACTIVE.model_copy(update={"others": "stage"}), returns=0.8)
def churn(orders: Events) -> Array:
    """An active customer (ordered in the last 365 days) places no order within the horizon."""
    return np.asarray(orders.count() == 0)


@target(HAS_ORDERED, returns=0.5, dated=True)
def next_purchase(orders: Events) -> Array:
    """A customer who has ordered before places an order within the horizon."""
    return np.asarray(orders.count() > 0)


CLEARLY = 1.25


@target(ACTIVE, returns=0.8)
def up_sell(orders: Events, expected_order_value: Numbers) -> Array:
    """An active customer orders within the horizon, and spends at least a quarter more per order.

    More than what the Gamma-Gamma model expects of them, which is their own mean drawn towards the
    shop's: one large order in the past is chance for the most part, and its return to the mean is
    no loss, nor is that of one small order a gain.
    """
    return np.asarray(orders.mean("amount") > CLEARLY * expected_order_value)


@target(ACTIVE, returns=0.5, kind="choice", offer=Offer())
def cross_sell(lines: Events) -> Array:
    """An active customer orders within the horizon from a category that may be shown to them.

    Which may be is told by the offer: one that they have not bought in the look-back, unless told
    otherwise.
    """
    return lines.classed


@target(HAS_ORDERED, horizon_days=365, kind="worth")
def lifetime_value(orders: Events, returns: Events) -> Array:
    """What a customer who has ordered before spends within the horizon, less what they return."""
    return np.asarray(orders.total("amount") - returns.total("amount"))


def find_target(name: str, targets: Mapping[str, Target] = TARGETS) -> Target:
    """Return the target of that name."""
    if name not in targets:
        raise HistoryError(f"There is no target {name!r}.", f"Targets: {', '.join(targets)}.")
    return targets[name]
