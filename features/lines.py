"""Order lines as picks from the assortment: what is new to a customer, and what comes again."""

from collections.abc import Mapping

import numpy as np

from features.history import History
from features.orders import find_orders
from features.timeline import DAY_US, Array, Mask, Numbers, Source, Whole, as_millionths, count_kept

CODES = float(1 << 20)  # more categories than any shop has


def make_lines(history: History) -> Source:
    """Return a row per order line with an amount above 0 and a product.

    `category` is a code in `goods.categories`, or -1 (`classed` is false). `new_product` and
    `new_category` tell whether it is the customer's first, `repeat` whether the product came at an
    earlier time, `gap` how many days ago the category came before, `new_turn` whether that was in
    another order. `surprise` and `square` add up to the entropy and the concentration of a
    customer's categories; the greatest `standing` tells the favourite (see `read_standing`).
    """
    rows = history.lines
    kept = (rows["amount"] > 0) & (rows["product"] >= 0)
    bounds = count_kept(kept, rows.bounds)
    product, at_us = rows["product"][kept], rows["at_us"][kept]
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    category = history.goods.category[product] if len(product) else product
    classed = category >= 0
    turn, earlier, _ = number(owner, category)
    product_turn, _, opening = number(owner, product)
    told = {"order": rows["order"][kept], "at_us": at_us}
    gap = np.where(earlier >= 0, at_us - at_us[earlier], np.inf) / DAY_US
    turns = np.maximum(turn, 1.0)
    less = np.maximum(turns - 1, 1.0)
    return Source(bounds, at_us, {
        "product": product,
        "category": category,
        "classed": classed,
        "new_product": product_turn == 1,
        "repeat": at_us[opening] < at_us,
        "new_category": classed & (turn == 1),
        "gap": gap,
        "new_turn": _find_turns(owner, category, earlier, told),
        # Of n lines in a category, ln terms of 1 to n add up to n ln n, odd numbers to n squared.
        "surprise": np.where(classed, turns * np.log(turns) - less * np.log(less), 0.0),
        "square": np.where(classed, 2 * turns - 1, 0.0),
        "standing": np.where(classed, turns * CODES + (CODES - 1 - category), np.nan),
        "amount": as_millionths(rows["amount"][kept]),
        "items": as_millionths(rows["quantity"][kept]),
    }, {"category": history.goods.categories})  # fmt: skip


def _find_turns(owner: Array, category: Array, earlier: Whole, lines: Mapping[str, Array]) -> Mask:
    """Return whether a line is the first of its order in its category."""
    order, _, added = find_orders(owner, lines)
    if not len(added):  # an order's lines follow each other
        return np.asarray((earlier < 0) | (order != order[earlier]))
    pair = order * (int(category.max()) + 2) + category + 1
    return np.asarray(number(owner, pair)[0] == 1)


def read_standing(standing: Numbers) -> tuple[Numbers, Numbers]:
    """Return the lines in the favourite category and its code; of equals, the first by name."""
    lines = np.floor(standing / CODES)
    return lines, CODES - 1 - (standing - lines * CODES)


def number(owner: Array, code: Array) -> tuple[Numbers, Whole, Whole]:
    """Return each row's turn (1, 2, …) among those of its owner and code, and two of these.

    They are told by their places: the one before, -1 where there is none, and the first. Rows come
    in the order of time.
    """
    if not len(code):
        none = np.zeros(0, dtype=np.int64)
        return np.zeros(0), none, none
    places = np.arange(len(code))
    bits = [int(n).bit_length() for n in (owner[-1], code.max() + 1, len(code))]
    if sum(bits) > 63:
        order = np.lexsort((code, owner))
        same = (owner[order][1:] == owner[order][:-1]) & (code[order][1:] == code[order][:-1])
    else:  # sorting packed keys is several times faster than sorting by keys
        packed = (owner.astype(np.int64) << bits[1] | (code + 1)) << bits[2] | places
        packed.sort()
        order = packed & ((1 << bits[2]) - 1)
        groups = packed >> bits[2]
        same = groups[1:] == groups[:-1]
    first = np.ones(len(code), dtype=bool)
    first[1:] = ~same
    begins = np.maximum.accumulate(np.where(first, places, 0))
    turn, opening = np.empty(len(code)), np.empty(len(code), dtype=np.int64)
    turn[order] = places - begins + 1
    opening[order] = order[begins]
    earlier = np.full(len(code), -1)
    earlier[order[1:][same]] = order[:-1][same]
    return turn, earlier, opening
