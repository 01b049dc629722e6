"""What each feature adds to an answer, by kind of target, for the customers it speaks of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from contract.bundle import Bundle
from contract.choice import Places
from contract.manifest import Kind
from contract.models import Columns, log_odds
from contract.moments import as_micros
from contract.shares import Shares, share_chance, share_model, speak_of_others
from contract.worth_shares import share_worth
from features.choosing import frame_pairs
from serving.chances import Known, find_stages
from serving.choices import find_shelf
from serving.reasons.words import BESIDE

# The parts of a worth, as they are named where they are answered.
PARTS = {
    "chance": "order_probability",
    "orders": "orders_if_any",
    "value": "expected_order_value",
}


@dataclass(frozen=True)
class Explained:
    """The shares of one part of an answer, and the features of the customers they speak of.

    `customers` are their places among all that were asked about; `categories` the category that
    each row speaks of, where the target ranks some.
    """

    shares: Shares
    columns: Columns
    customers: Places
    part: str | None = None
    categories: tuple[str, ...] = ()


Share = Callable[[Bundle, Known], Iterator[Explained]]


def explain_chance(bundle: Bundle, known: Known) -> Iterator[Explained]:
    """Yield the shares of the log-odds; none of whom the target answers nothing."""
    manifest = bundle.manifest
    answered = np.ones(len(known.columns[BESIDE[0]]), dtype=bool)
    if manifest.eligible.others == "stage":
        answered = manifest.eligible.holds(known.columns)
    (customers,) = np.nonzero(answered)
    columns = {name: column[customers] for name, column in known.columns.items()}
    yield Explained(share_chance(bundle, columns), columns, customers)


def explain_worth(bundle: Bundle, known: Known) -> Iterator[Explained]:
    """Yield the shares of each part of a worth."""
    everyone = np.arange(len(known.columns[BESIDE[0]]))
    for part, shares in share_worth(bundle, known.columns).items():
        yield Explained(shares, known.columns, everyone, PARTS[part])


def explain_choice(bundle: Bundle, known: Known) -> Iterator[Explained]:
    """Yield the shares of the log-odds of the category that each customer is shown first."""
    shelf, at_us = find_shelf(bundle), as_micros(known.as_of)
    history = known.history.assume(bundle.norms.products).before(at_us)
    history = history.choose(known.history.known(at_us))
    pairs, held = frame_pairs(bundle, history, at_us, known.columns)
    customers, places = _find_first(bundle, (pairs, held), known.columns)
    if not len(customers):
        return
    rows = np.cumsum(held.ravel()).reshape(held.shape)[customers, places] - 1
    own = {name: column[customers] for name, column in known.columns.items()}
    columns = own | {name: column[rows] for name, column in pairs.items()}
    prospect = np.isnan(own[BESIDE[0]])
    share = np.where(prospect, shelf.tell("prospect")[places], shelf.tell("lapsed")[places])
    way = log_odds(shelf.tell("usual")[places]), log_odds(share)
    shares = speak_of_others(share_model(bundle, columns), (bundle.manifest.eligible, own), way)
    names = tuple(shelf.names[place] for place in places)
    yield Explained(shares, columns, customers, categories=names)


def _find_first(
    bundle: Bundle, framed: tuple[Columns, np.ndarray], own: Columns
) -> tuple[Places, Places]:
    """Return the customers who are shown anything, and the place of the category shown first."""
    (pairs, held), shelf = framed, find_shelf(bundle)
    told = np.full(held.shape, -np.inf)
    told[held] = bundle.probability(pairs)
    stages = find_stages(own[BESIDE[0]])[:, None]
    shares = np.where(stages == "prospect", shelf.tell("prospect"), shelf.tell("lapsed"))
    others = ~bundle.manifest.eligible.holds(own)[:, None]
    told = np.where(others & held, shares, told)
    (customers,) = np.nonzero(held.any(axis=1))
    return customers, told.argmax(axis=1)[customers]


SHARE: Mapping[Kind, Share] = {
    "chance": explain_chance,
    "choice": explain_choice,
    "worth": explain_worth,
}
