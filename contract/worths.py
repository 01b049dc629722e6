"""What is answered of a worth, a row per customer, by a bundle and finished features alone."""

from dataclasses import dataclass

import numpy as np

from contract.bundle import Bundle
from contract.errors import BundleError
from contract.models import Columns, Numbers, or_zero
from contract.worth import HISTORIC_INPUTS, Told, Worth, tell_worth


@dataclass(frozen=True)
class Answered:
    """The parts of each customer's worth, what it was so far, and its range."""

    eligible: np.ndarray
    parts: Told
    historic: Numbers
    low: Numbers
    high: Numbers


def find_worth(bundle: Bundle) -> Worth:
    """Return how the bundle tells a worth; one of another kind is refused."""
    worth = bundle.manifest.worth
    if worth is None:
        raise BundleError(f"The model of {bundle.target} tells no worth.", "Register it anew.")
    return worth


def tell_customers(bundle: Bundle, columns: Columns, days: int | None = None) -> Told:
    """Return the parts of each customer's worth, were they eligible, over the horizon."""
    facts = find_worth(bundle), bundle.norms, days or bundle.manifest.horizon_days
    models = {"chance": bundle.model, **bundle.parts}
    with np.errstate(divide="ignore", invalid="ignore"):
        return tell_worth(facts, models, columns)


def answer_worths(bundle: Bundle, columns: Columns) -> Answered:
    """Return what is answered; others than eligible get what such came to."""
    others = find_worth(bundle).others
    told, spread = tell_customers(bundle, columns), find_worth(bundle).spread
    eligible = bundle.manifest.eligible.holds(columns)
    parts = Told(
        np.where(eligible, told.chance, others.chance),
        np.where(eligible, told.orders, others.orders),
        np.where(eligible, told.value, others.value),
    )
    low, high = spread.find(parts.predicted)
    spend, returned = (or_zero(columns[name]) for name in HISTORIC_INPUTS)
    return Answered(
        eligible=eligible,
        parts=parts,
        historic=spend - returned,
        low=np.where(eligible, low, 0.0),
        high=np.where(
            eligible, high, max(others.high, others.chance * others.orders * others.value)
        ),
    )
