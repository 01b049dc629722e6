"""What MLflow loads a registered model by: the verified bundle in it, and nothing that executes.

The service does not come here: it fetches the bundle and loads that (contract/registry.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contract.bundle import Bundle, load_bundle
from contract.errors import BundleError
from contract.manifest import Kind
from contract.models import Columns
from contract.worths import answer_worths

NAMED = 10  # names of missing features in a message


@dataclass(frozen=True)
class Prediction:
    """What is predicted of a kind of target: the columns, by MLflow's name of each type, and how.

    `tell` gives the columns for rows of features.
    """

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
        {
            "probability": "double",
            "percentile": "long",
            "baseline": "double",
            "eligible": "boolean",
            "horizon_days": "long",
        },
        predict_chance,
    ),
    "choice": Prediction({"probability": "double"}, predict_choice),
    "worth": Prediction(
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


@dataclass(frozen=True)
class Predictor:
    """A bundle that answers a frame of features with a frame of answers."""

    bundle: Bundle

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row of answers for each row of features, in the same order and index."""
        told = PREDICTIONS[self.bundle.manifest.kind].tell(self.bundle, self._read(frame))
        return pd.DataFrame(dict(told), index=frame.index)

    def get_raw_model(self) -> Bundle:
        """Return the bundle, as MLflow's get_raw_model does."""
        return self.bundle

    def _read(self, frame: pd.DataFrame) -> Columns:
        lacking = [name for name in self.bundle.frame if name not in frame]
        if lacking:
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            raise BundleError(
                f"The model of {self.bundle.target} reads features that the frame lacks:"
                f" {', '.join(lacking[:NAMED])}{more}.",
                "Compute them by the bundle's norms (docs/models.md); a null is NaN.",
            )
        return {
            name: frame[name].to_numpy(np.float64, na_value=np.nan) for name in self.bundle.frame
        }


def _load_pyfunc(path: str) -> Predictor:
    """Return the predictor of the bundle in the folder; MLflow calls this by its name."""
    return Predictor(load_bundle(Path(path)))
