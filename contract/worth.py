"""What a customer is worth: chance of an order x orders if any x value of each, and a range."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from contract.models import Columns, Model, Numbers, log_odds, logistic, or_zero
from contract.norms import Norms
from contract.repeats import INPUTS, expect_chance, expect_orders

PARTS = ("chance", "orders", "value")
START_INPUTS = (*INPUTS, "expected_order_value", "spend_ever")
YEAR = 365
HISTORIC_INPUTS = ("spend_ever", "returned_ever")

Start = Literal["probability", "flat"]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Levels(_Said):
    """What is added to each part: to the log-odds of the chance, to the logs of the other two."""

    chance: float = 0.0
    orders: float = 0.0
    value: float = 0.0


class Trust(_Said):
    """How far to trust what each model says beyond what was begun with: 0 is not at all."""

    chance: float = 1.0
    orders: float = 1.0
    value: float = 1.0


class Spread(_Said):
    """Between which worths 8 in 10 customers came to lie, by the worth foretold of them.

    `at` are worths foretold, ascending; between two of them it is told in proportion.
    """

    at: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def find(self, predicted: Numbers) -> tuple[Numbers, Numbers]:
        """Return the low and the high end for each worth foretold, which lies between them."""
        if not self.at:
            return predicted, predicted
        at = np.array(self.at)
        # Beyond the last the range grows as the worth does.
        beyond = np.maximum(predicted / max(at[-1], 1e-9), 1.0)
        low = np.interp(predicted, at, self.low) * beyond
        high = np.interp(predicted, at, self.high) * beyond
        return np.minimum(low, predicted), np.maximum(high, predicted)


class Others(_Said):
    """What customers that the target does not speak of came to, on the mean, over the horizon."""

    chance: float = 0.0
    orders: float = 1.0
    value: float = 0.0
    high: float = 0.0


class Worth(_Said):
    """How the parts of a worth are told over the horizon, having been learned over `span_days`.

    Each part starts from what BG/NBD and Gamma-Gamma expect of the customer over the span, or from
    the same for all; `over_span` sets its level there. What the same models expect over the horizon
    beside the span carries it on, and `over_horizon` sets its level again.
    """

    start: Start
    span_days: int
    horizon_days: int
    trust: Trust = Trust()
    over_span: Levels = Levels()
    over_horizon: Levels = Levels()
    spread: Spread = Spread()
    others: Others = Others()


@dataclass(frozen=True)
class Told:
    """The parts of each customer's worth: chance of an order, orders if any come, value of each."""

    chance: Numbers
    orders: Numbers
    value: Numbers

    @property
    def expected_orders(self) -> Numbers:
        """The days with an order expected, none among them."""
        return self.chance * self.orders

    @property
    def predicted(self) -> Numbers:
        """The worth expected."""
        return self.chance * self.orders * self.value


def begin(start: Start, norms: Norms, columns: Columns, days: int) -> Told:
    """Return what the probability models expect of each customer; all alike from a flat start.

    A flat start is an order a year from everybody, by chance.
    """
    one = np.ones(len(columns[INPUTS[0]]))
    if start == "flat" or norms.repeating is None:
        hazard = days / YEAR
        return Told(-np.expm1(-hazard) * one, hazard / -np.expm1(-hazard) * one, one)
    chance = _keep(expect_chance(norms.repeating, columns, days), 1e-4)
    orders = np.maximum(expect_orders(norms.repeating, columns, days) / chance, 1.0)
    return Told(chance, orders, _expect_value(columns))


def _keep(share: Numbers, off: float) -> Numbers:
    """Return the share, kept so far off 0 and 1."""
    return np.minimum(np.maximum(share, off), 1 - off)


def _expect_value(columns: Columns) -> Numbers:
    """Return what Gamma-Gamma expects of an order, or its mean so far where it says nothing."""
    days, spend = (or_zero(columns[n]) for n in ("order_days", "spend_ever"))
    own = spend / np.maximum(days, 1)
    expected = columns["expected_order_value"]
    value = np.where(np.isnan(expected), own, expected)
    return np.asarray(np.where(value > 0, value, 1.0))


def carry(told: Told, near: Told, far: Told) -> Told:
    """Return the parts over the horizon, from those over the span and what is begun with for both.

    A customer's hazard of an order grows as the hazards that were expected of them, and their
    orders as the orders expected.
    """
    hazard = np.log1p(-far.chance) / np.log1p(-near.chance)
    chance = -np.expm1(hazard * np.log1p(-_keep(told.chance, 1e-6)))
    growth = far.expected_orders / near.expected_orders
    return Told(chance, np.maximum(told.expected_orders * growth / chance, 1.0), told.value)


def raise_levels(told: Told, levels: Levels) -> Told:
    """Return the parts at other levels; of those who order, each orders once at least."""
    chance = logistic(log_odds(told.chance) + levels.chance)
    expected = told.expected_orders * np.exp(levels.orders)
    return Told(chance, np.maximum(expected / chance, 1.0), told.value * np.exp(levels.value))


def tell_parts(models: Mapping[str, Model], columns: Columns, begun: tuple[Told, Trust]) -> Told:
    """Return what the models say over the span, each from what was begun with on."""
    near, trust = begun
    starts = log_odds(near.chance), np.log(near.orders), np.log(near.value)
    chance, orders, value = (
        start + getattr(trust, name) * (models[name].margin(columns, start) - start)
        for name, start in zip(PARTS, starts, strict=True)
    )
    return Told(logistic(chance), np.maximum(np.exp(orders), 1.0), np.exp(value))


def tell_worth(
    facts: tuple[Worth, Norms, int], models: Mapping[str, Model], columns: Columns
) -> Told:
    """Return the parts of each customer's worth over some days, which `facts` name last.

    Levels are known of two stretches, the span and the horizon.
    """
    worth, norms, days = facts
    near = begin(worth.start, norms, columns, worth.span_days)
    told = raise_levels(tell_parts(models, columns, (near, worth.trust)), worth.over_span)
    if days == worth.span_days:
        return told
    far = begin(worth.start, norms, columns, days)
    told = carry(told, near, far)
    return raise_levels(told, worth.over_horizon if days == worth.horizon_days else Levels())
