"""Order lines as picks from the assortment: what is new to a customer, and what comes again."""

from collections.abc import Mapping

import numpy as np

from features.bought import Bought
from features.history import History
from features.sums import MILLION, Array, Mask, Numbers, Whole, add_up, as_millionths
from features.timeline import DAY_US, Source

CODES = 1 << 20  # more categories than any shop has
DIGIT = 16  # bits that numpy sorts by counting


def make_lines(history: History) -> Source:
    """Return a row per order line with an amount above 0 and a product.

    `category` is a code in `goods.categories`, or -1 (`classed` is false). `new_product` and
    `new_category` tell whether it is the customer's first, `repeat` whether the product came at an
    earlier time, `gap` how many days ago the category came before, `new_turn` whether that was in
    another order. `surprise` and `square` add up to the entropy and the concentration of a
    customer's categories; the greatest `standing` tells the favourite (see `read_standing`).
    """
    picks, bounds = _find_picks(history.bought)
    product = picks["product"]
    category = history.goods.category[product] if len(product) else product
    columns = {
        "product": product,
        "category": category,
        "classed": category >= 0,
        **_tell_products(picks),
        **_tell_categories(picks, category),
        "amount": picks["amount"],
        "items": picks["items"],
    }
    if len(history.bought.added):  # then an order's lines need not follow each other
        columns["new_turn"] = _find_first(picks["turn"] * (CODES + 1) + category)
    return Source(bounds, picks["at_us"], columns, {"category": history.goods.categories})


def _find_picks(bought: Bought) -> tuple[dict[str, Array], Whole]:
    """Return the lines whose product is known, and where each customer's begin."""
    columns = {n: bought[n] for n in ("product", "at_us", "amount", "items")}
    columns |= {"owner": bought.owner, "turn": bought.order}
    known = bought["product"] >= 0
    if known.all():
        return columns, bought.bounds
    (places,) = np.nonzero(known)
    kept = {name: column[places] for name, column in columns.items()}
    return kept, add_up(known)(bought.bounds)


def _tell_products(picks: Mapping[str, Array]) -> dict[str, Mask]:
    order, first = find_runs(picks["owner"], picks["product"])
    at_us = picks["at_us"][order]
    begins = _repeat_first(first, at_us)
    return {"new_product": _put(order, first), "repeat": _put(order, begins < at_us)}


def _tell_categories(picks: Mapping[str, Array], category: Array) -> dict[str, Array]:
    order, first = find_runs(picks["owner"], category)
    at_us, of_order = picks["at_us"][order], picks["turn"][order]
    places = np.arange(len(order))
    # How many lines of its category the customer had bought before, and what the last of them was.
    count = _put(order, places - _repeat_first(first, places))
    gap, new_turn = np.full(len(order), np.inf), first.copy()
    np.copyto(gap[1:], at_us[1:] - at_us[:-1], where=~first[1:])
    new_turn[1:] |= of_order[1:] != of_order[:-1]
    return {
        "gap": _put(order, gap / DAY_US),
        "new_turn": _put(order, new_turn),
        **_tell_counts(count, category),
    }


def _tell_counts(count: Whole, category: Array) -> dict[str, Array]:
    """Return what follows from the lines of its category that came before each line."""
    classed = category >= 0
    turns = np.arange(1, int(count.max(initial=0)) + 2, dtype=np.float64)
    less = np.maximum(turns - 1, 1.0)
    # Of n lines in a category, ln terms of 1 to n add up to n ln n, odd numbers to n squared.
    surprise = as_millionths(turns * np.log(turns) - less * np.log(less))
    standing = (count + 1.0) * CODES + (CODES - 1 - category)
    return {
        "new_category": classed & (count == 0),
        "surprise": np.where(classed, surprise[count], 0),
        "square": np.where(classed, (2 * count + 1) * MILLION, 0),
        "standing": np.where(classed, standing, np.nan),
    }


def _find_first(key: Array) -> Mask:
    first = np.zeros(len(key), dtype=bool)
    first[np.unique(key, return_index=True)[1]] = True
    return first


def _repeat_first(first: Mask, told: Array) -> Array:
    """Return what is told of the first row of each run, for all of its rows."""
    (begins,) = np.nonzero(first)
    return np.repeat(told[begins], np.diff(np.append(begins, len(first))))


def _put(order: Whole, told: Array) -> Array:
    """Return what is told in this order, each where it belongs."""
    placed = np.empty_like(told)
    placed[order] = told
    return placed


def read_standing(standing: Numbers) -> tuple[Numbers, Numbers]:
    """Return the lines in the favourite category and its code; of equals, the first by name."""
    lines = np.floor(standing / CODES)
    return lines, CODES - 1 - (standing - lines * CODES)


def find_runs(owner: Array, code: Array) -> tuple[Whole, Mask]:
    """Return the rows code after code, and whether each is the first of its owner and code.

    Rows come owner after owner, in the order of time, and stay so among those of one code. Codes
    are from -1 on.
    """
    digits = (code + 1).astype(np.uint16)
    order = np.argsort(digits, kind="stable")
    if code.max(initial=0) + 1 >> DIGIT:
        high = ((code + 1) >> DIGIT).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    first = np.ones(len(code), dtype=bool)
    whose, what = owner[order], code[order]
    first[1:] = (whose[1:] != whose[:-1]) | (what[1:] != what[:-1])
    return order, first
