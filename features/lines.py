"""Order lines as picks from the assortment: what is new to a customer, and what comes again."""

from collections.abc import Mapping

import numpy as np

from features.bought import Bought
from features.history import History
from features.timeline import DAY_US, Array, Mask, Numbers, Source, Whole, count_kept

CODES = float(1 << 20)  # more categories than any shop has
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
    return kept, count_kept(known, bought.bounds)


def _tell_products(picks: Mapping[str, Array]) -> dict[str, Mask]:
    order, first = find_runs(picks["owner"], picks["product"])
    at_us = picks["at_us"][order]
    begins = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    return {
        "new_product": _put(order, first),
        "repeat": _put(order, at_us[begins] < at_us),
    }


def _tell_categories(picks: Mapping[str, Array], category: Array) -> dict[str, Array]:
    order, first = find_runs(picks["owner"], category)
    code, at_us, turn = (column[order] for column in (category, picks["at_us"], picks["turn"]))
    classed = code >= 0
    places = np.arange(len(order))
    count = places - np.maximum.accumulate(np.where(first, places, 0))
    gap, new_turn = np.full(len(order), np.inf), first.copy()
    gap[1:][~first[1:]] = (at_us[1:] - at_us[:-1])[~first[1:]]
    new_turn[1:] |= turn[1:] != turn[:-1]
    told = np.arange(1, int(count.max(initial=0)) + 2, dtype=np.float64)
    less = np.maximum(told - 1, 1.0)
    # Of n lines in a category, ln terms of 1 to n add up to n ln n, odd numbers to n squared.
    surprise, square = told * np.log(told) - less * np.log(less), 2 * told - 1
    standing = (count + 1) * CODES + (CODES - 1 - code)
    return {
        "new_category": _put(order, classed & first),
        "gap": _put(order, gap / DAY_US),
        "new_turn": _put(order, new_turn),
        "surprise": _put(order, np.where(classed, surprise[count], 0.0)),
        "square": _put(order, np.where(classed, square[count], 0.0)),
        "standing": _put(order, np.where(classed, standing, np.nan)),
    }


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
