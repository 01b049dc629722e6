"""What each feature adds to the parts of a worth: exact shares of each part over its span."""

from collections.abc import Callable

import numpy as np

from contract.bundle import Bundle
from contract.models import Columns, Numbers, list_once, log_odds
from contract.repeats import INPUTS
from contract.shapley import split, stand_in
from contract.shares import Given, Shares, share_form, speak_of_others
from contract.worth import PARTS, Told, begin
from contract.worths import find_worth

VALUE_INPUTS = ("order_days", "expected_order_value", "spend_ever")
READS = {"chance": INPUTS, "orders": INPUTS, "value": VALUE_INPUTS}

# What each part adds up on: log-odds of a chance, the logs of numbers above 0.
SCALES: dict[str, Callable[[Numbers], Numbers]] = {
    "chance": log_odds,
    "orders": np.log,
    "value": np.log,
}


def share_worth(bundle: Bundle, columns: Columns) -> dict[str, Shares]:
    """Return the shares of each part over the span it was learned over.

    What carries the parts on to the horizon, the level of the orders, which hangs on the chance,
    and that who orders does so once at least, are no sums and stay out. Of who the target does not
    speak of the parts that such came to are told.
    """
    others, whom = find_worth(bundle).others, bundle.manifest.eligible
    told: dict[str, Shares] = {}
    for part in PARTS:
        shares = _share_part(bundle, columns, part)
        least = max(float(getattr(others, part)), 1e-6)
        there = np.full(len(shares.start), SCALES[part](np.array(least)))
        told[part] = speak_of_others(shares, (whom, columns), (shares.start, there))
    return told


def _share_part(bundle: Bundle, columns: Columns, part: str) -> Shares:
    """Return the shares of one part: of what it starts from, and of what its model says beyond."""
    worth, usual = find_worth(bundle), bundle.manifest.usual
    model = bundle.model if part == "chance" else bundle.parts[part]
    trust = getattr(worth.trust, part)
    level = 0.0 if part == "orders" else getattr(worth.over_span, part)

    def start(given: Columns) -> Numbers:
        begun: Told = begin(worth.start, bundle.norms, {**columns, **given}, worth.span_days)
        return np.asarray(SCALES[part](getattr(begun, part)))

    with np.errstate(divide="ignore", invalid="ignore"):
        beside = stand_in(columns, READS[part], usual)
        begun, first = start(columns), start(beside)
        parts = split(start, columns, beside)
    beyond = share_form(model, Given(columns, begun, usual))
    names = list_once([*parts, *beyond.names])
    added = np.zeros((len(begun), len(names)))
    for name, own in parts.items():
        added[:, names.index(name)] += own
    added[:, [names.index(n) for n in beyond.names]] += trust * beyond.added
    return Shares(first + trust * (beyond.start - begun) + level, names, added)
