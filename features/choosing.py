"""What a bundle that ranks categories says of customers: the same at answers and in the gate."""

import numpy as np

from contract.bundle import Bundle
from contract.choice import Flags
from contract.errors import BundleError
from contract.models import Columns, Numbers
from features.history import History
from features.pairing import find_candidates, list_customers, tell_pairs
from features.shelves import take_stock
from features.turns import find_own


def tell_choices(bundle: Bundle, history: History, as_of_us: int, customers: Columns) -> Numbers:
    """Return customers x categories of the bundle's shelf: the probability of each pair.

    It is -inf where the category is not to be shown to the customer.
    """
    columns, held = frame_pairs(bundle, history, as_of_us, customers)
    told = np.full(held.shape, -np.inf)
    told[held] = bundle.probability(columns)
    return told


def frame_pairs(
    bundle: Bundle, history: History, as_of_us: int, customers: Columns
) -> tuple[Columns, Flags]:
    """Return the columns that the bundle reads of each pair that may be shown, and which may."""
    shelf = bundle.shelf
    unknown = [n for n in list_customers(bundle.frame) if n not in customers]
    if shelf is None or unknown:
        raise BundleError(
            f"The model of {bundle.target} ranks by what is not known here: {', '.join(unknown)}.",
            "Train it anew with this version of Patron, or serve it with its own.",
        )
    turns = take_stock(history, shelf.of).turns.choose(shelf.names)
    own = find_own(turns, as_of_us)
    held = find_candidates(own, shelf)
    return tell_pairs(own, shelf, customers, bundle.frame, held), held
