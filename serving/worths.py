"""What is answered of a worth: so far, foretold, both together, and a range."""

import numpy as np

from contract.bundle import Bundle
from contract.worths import answer_worths
from serving.chances import Flat, Known, name_columns


def tell_worth(bundle: Bundle, known: Known) -> Flat:
    """Return the flat columns of a target of kind worth, a row per customer."""
    told, manifest = answer_worths(bundle, known.columns), bundle.manifest
    # To the cent, so that what is shown adds up.
    historic, predicted = np.round(told.historic, 2), np.round(told.parts.predicted, 2)
    own = {
        "historic": historic,
        "predicted": predicted,
        "total": np.round(historic + predicted, 2),
        "low": np.round(told.low, 2),
        "high": np.round(told.high, 2),
        "horizon_days": np.full(len(told.historic), manifest.horizon_days),
        "order_probability": told.parts.chance,
        "orders_if_any": told.parts.orders,
        "expected_orders": told.parts.expected_orders,
        "expected_order_value": np.round(told.parts.value, 2),
        "rung": np.where(told.eligible, manifest.rung, "prior"),
    }
    return name_columns(bundle.target, own)
