"""What is answered of a choice: the categories to show, the likeliest first."""

from collections.abc import Iterator

import numpy as np

from contract.answers import ITEMS
from contract.bundle import Bundle
from contract.choice import Places, Shelf, pick_best
from contract.errors import BundleError
from contract.models import Numbers
from contract.moments import as_micros
from features.choosing import tell_choices
from features.history import History
from serving.chances import Flat, Known

MOST_PAIRS = 1_000_000  # of customer and category, at a time


def tell_choice(bundle: Bundle, known: Known) -> Flat:
    """Return the flat columns of a target of kind choice, a row per customer.

    Who the target does not speak of is told the shares that were seen among customers like them.
    """
    manifest, at_us = bundle.manifest, as_micros(known.as_of)
    history = known.history.assume(bundle.norms.products).before(at_us)
    history = history.choose(known.history.known(at_us))
    size = max(MOST_PAIRS // max(len(find_shelf(bundle).names), 1), 1)
    parts = [_pick(bundle, *part) for part in _split(history, known, size)]
    places, told = (np.concatenate(column) for column in zip(*parts, strict=True))
    eligible = manifest.eligible.holds(known.columns)
    own = {
        **_list_items(find_shelf(bundle).names, places, told),
        "horizon_days": np.full(len(told), manifest.horizon_days),
        "rung": np.where(eligible, manifest.rung, "prior"),
    }
    return {f"{bundle.target}_{name}": values for name, values in own.items()}


def find_shelf(bundle: Bundle) -> Shelf:
    """Return the shelf that a bundle of kind choice has."""
    if bundle.shelf is None:
        raise BundleError(f"The bundle of {bundle.target} has no shelf.", "Register it anew.")
    return bundle.shelf


def _split(history: History, known: Known, size: int) -> Iterator[tuple[History, Known]]:
    """Yield so many customers at a time: all their pairs at once would not fit a large shop."""
    if len(history) <= size:
        yield history, known
        return
    for number, block in enumerate(history.blocks(size)):
        part = slice(number * size, (number + 1) * size)
        columns = {name: column[part] for name, column in known.columns.items()}
        yield block, Known(block, columns, known.as_of)


def _pick(bundle: Bundle, history: History, known: Known) -> tuple[Places, Numbers]:
    """Return the places of the categories to show, the best first, and their probabilities."""
    told = tell_all(bundle, history, known)
    places = pick_best(told, ITEMS)
    return places, np.take_along_axis(told, np.maximum(places, 0), axis=1)


def tell_all(bundle: Bundle, history: History, known: Known) -> Numbers:
    """Return customers x categories: each probability, -inf where one is not to be shown."""
    shelf = find_shelf(bundle)
    told = tell_choices(bundle, history, as_micros(known.as_of), known.columns)
    eligible = bundle.manifest.eligible.holds(known.columns)[:, None]
    prospect = known.stages == "prospect"
    shares = np.where(prospect[:, None], shelf.tell("prospect"), shelf.tell("lapsed"))
    return np.asarray(np.where(eligible | np.isinf(told), told, shares))


def _list_items(names: tuple[str, ...], places: Places, told: Numbers) -> Flat:
    """Return the category and the probability at each place; none where nothing is left."""
    flat: Flat = {}
    named = np.array(names)
    for number, (place, probability) in enumerate(zip(places.T, told.T, strict=True), 1):
        nothing = place < 0
        category = named[place]
        if nothing.any():
            category, probability = (np.ma.array(c, mask=nothing) for c in (category, probability))
        flat |= {f"{number}_category": category, f"{number}_probability": probability}
    return flat
