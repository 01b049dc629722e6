"""What is predicted of each kind of target, from finished features alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.bundle import Bundle
from contract.manifest import Kind
from contract.models import Columns
from contract.worths import answer_worths


@dataclass(frozen=True)
class Prediction:
    """What is predicted of a kind of target: the columns, by MLflow's name of each type, and how.

    `tell` gives the columns for rows of features; `main` is the column that answers the question.
    """

    main: str
    outputs: Mapping[str, str]
    tell: Callable[[Bundle, Columns], Mapping[str, Any]]


def predict_chance(bundle: Bundle, columns: Columns) -> Mapping[str, Any]:
    """Return the columns of a chance.

    A customer that the target does not speak of gets the share among customers like it.
    """
    manifest = bundle.manifest
    eligible = manifest.eligible.holds(columns)
    never = np.isnan(columns[manifest.eligible.feature])
    prior = np.where(never, manifest.priors.prospect, manifest.priors.lapsed)
    probability = np.where(eligible, bundle.probability(columns), prior)
    return {
        "probability": probability,
        "percentile": bundle.percentile(probability),
        "baseline": np.where(eligible, bundle.baseline_probability(columns), prior),
        "eligible": eligible,
        "horizon_days": np.full(len(eligible), manifest.horizon_days),
    }


def predict_choice(bundle: Bundle, columns: Columns) -> Mapping[str, Any]:
    """Return the probability of each pair of a customer and a category that may be shown."""
    return {"probability": bundle.probability(columns)}


def predict_worth(bundle: Bundle, columns: Columns) -> Mapping[str, Any]:
    """Return the columns of a worth; who is not eligible gets what such customers came to."""
    told = answer_worths(bundle, columns)
    return {
        "historic": told.historic,
        "predicted": told.parts.predicted,
        "low": told.low,
        "high": told.high,
        "order_probability": told.parts.chance,
        "orders_if_any": told.parts.orders,
        "expected_order_value": told.parts.value,
        "eligible": told.eligible,
        "horizon_days": np.full(len(told.eligible), bundle.manifest.horizon_days),
    }


MONEY = ("historic", "predicted", "low", "high", "expected_order_value")

PREDICTIONS: Mapping[Kind, Prediction] = {
    "chance": Prediction(
        "probability",
        {
            "probability": "double",
            "percentile": "long",
            "baseline": "double",
            "eligible": "boolean",
            "horizon_days": "long",
        },
        predict_chance,
    ),
    "choice": Prediction("probability", {"probability": "double"}, predict_choice),
    "worth": Prediction(
        "predicted",
        {
            **dict.fromkeys(MONEY, "double"),
            "order_probability": "double",
            "orders_if_any": "double",
            "eligible": "boolean",
            "horizon_days": "long",
        },
        predict_worth,
    ),
}
