"""Learn what is usual in a shop as of a moment, from what happened before it and nothing after."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from contract.columns import ATTRIBUTE
from contract.moments import as_micros
from contract.norms import Norms
from features.compute import compute_one
from features.fitting import fit_repeating, fit_spending
from features.history import History
from features.sources import Shop
from features.sums import Array

SAMPLE = 5_000  # customers, of whom more would move no norm by what matters
WEEK = 7
MOST_NAMES = 50

Vocabulary = Mapping[str, tuple[str, ...]]


def find_norms(
    history: History, moments: Sequence[datetime], words_as_of: datetime | None = None
) -> dict[datetime, Norms]:
    """Return the norms as of each moment; all share one vocabulary.

    A place in a vocabulary must mean the same at every moment. Unless told, it is that of the
    first, as what became common later is not known by then.
    """
    shop = Shop(history.sample(SAMPLE))
    words = find_vocabulary(shop, words_as_of or min(moments))
    return {moment: learn_norms(shop, moment, words) for moment in moments}


def find_vocabulary(shop: Shop, moment: datetime) -> Vocabulary:
    """Return the values of each category-valued column before the moment, the commonest first."""
    as_of_us = as_micros(moment)
    lines = shop.past("lines", as_of_us)
    attributes = shop.past("attributes", as_of_us)
    columns = {"category": (lines, "category"), "country": (attributes, "country"),
               "kind": (attributes, "kind")}  # fmt: skip
    usual = {
        name: _sort_names(getattr(events, column), events.names(column))
        for name, (events, column) in columns.items()
    }
    return {**usual, **_find_attributes(shop, as_of_us)}


def _find_attributes(shop: Shop, as_of_us: int) -> Vocabulary:
    """Return the values of each attribute that is a text, by how many customers have had them."""
    entries = shop.past("entries", as_of_us)
    owner = entries.each(np.arange(len(shop.history)))
    texts = [f"{ATTRIBUTE}{n}" for n, kind in shop.history.attributes.items() if kind == "text"]
    had = {n: np.unique(np.stack([owner, getattr(entries, n)]), axis=1)[1] for n in texts}
    return {name: _sort_names(codes, entries.names(name)) for name, codes in had.items()}


def learn_norms(shop: Shop, moment: datetime, words: Vocabulary) -> Norms:
    """Return what is usual before the moment, told in the words of a vocabulary."""
    as_of_us = as_micros(moment)
    names = ("order_days", "customer_age_days", "days_since_order", "spend_ever")
    empty = Norms(as_of=moment)
    days, age, silence, spend = compute_one(shop, as_of_us, empty, names).values()
    held = days > 0
    repeating = fit_repeating(days[held] - 1, (age - silence)[held] / WEEK, age[held] / WEEK)
    return Norms(
        as_of=moment,
        timezone=shop.history.timezone,
        non_goods=shop.history.non_goods,
        attributes=shop.history.attributes,
        vocabulary=words,
        prices=_find_prices(shop, as_of_us),
        repeating=repeating,
        spending=fit_spending(days[held], (spend[held] / days[held])),
    )


def _sort_names(codes: Array, names: tuple[str, ...]) -> tuple[str, ...]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    return tuple(names[i] for i in order if counts[i] > 0)[:MOST_NAMES]


def _find_prices(shop: Shop, as_of_us: int) -> dict[str, float]:
    """Return the mean price of a piece in each category."""
    lines = shop.past("lines", as_of_us)
    names = lines.names("category")
    sold = (lines.category >= 0) & (lines.items > 0)
    codes = lines.category[sold]
    amount, items = (
        np.bincount(codes, weights=np.rint(column[sold] * 1e6), minlength=len(names))
        for column in (lines.amount, lines.items)
    )
    return {n: float(a / i) for n, a, i in zip(names, amount, items, strict=True) if i > 0}
