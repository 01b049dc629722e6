"""What a customer buys: how broad, how new, how dear, and which categories."""

from math import nan

import numpy as np

from contract.norms import Norms
from features.events import Events
from features.lines import read_standing
from features.sums import Array, Numbers
from features.verbs import above_zero, at_least, in_unit, is_one, or_zero, ranks, ratio, windows

YEAR = 365
DAY = 1


@or_zero
@in_unit("products")
def products_ever(lines: Events) -> Numbers:
    """Different products bought since the first order."""
    return lines.total("new_product")


@or_zero
@windows(90, 365)
@in_unit("products")
def new_products(lines: Events, days: int) -> Numbers:
    """Products bought for the first time in the window."""
    return lines.within(days).total("new_product")


@in_unit("share")
def repeat_product_share(lines: Events) -> Numbers:
    """Share of lines with a product that was bought at an earlier time; null without a product."""
    return ratio(lines.total("repeat"), lines.count())


@windows(90)
@in_unit("share")
def recent_repeat_product_share(lines: Events, days: int) -> Numbers:
    """Share of lines in the window with a product bought earlier; null without a product."""
    recent = lines.within(days)
    return ratio(recent.total("repeat"), recent.count())


@or_zero
@in_unit("categories")
def categories_ever(lines: Events) -> Numbers:
    """Different categories bought from since the first order."""
    return lines.total("new_category")


@or_zero
@windows(90, 365)
@in_unit("categories")
def categories(lines: Events, days: int) -> Numbers:
    """Different categories bought from in the window."""
    # A category's first line in the window is one whose line before it lies outside.
    outside = lines.days_ago + lines.gap > days + EDGE
    return lines.within(days).count(lines.classed & outside)


@or_zero
@windows(90, 365)
@in_unit("categories")
def new_categories(lines: Events, days: int) -> Numbers:
    """Categories bought from for the first time in the window."""
    return lines.within(days).total("new_category")


@in_unit("categories / order")
def new_category_rate(categories_ever: Numbers, orders_ever: Numbers) -> Numbers:
    """New categories per order since the first; null until it."""
    return ratio(categories_ever, orders_ever)


@in_unit("days")
def days_since_new_category(lines: Events) -> Numbers:
    """Days since a category was last bought from for the first time; null until one."""
    return lines.of("new_category", True).last("days_ago")


@in_unit("nats")
def category_entropy(lines: Events) -> Numbers:
    """Entropy of lines over categories: 0 is one, log k is k alike; null without a category."""
    n = _count_classed(lines)
    return at_least(np.log(n) - lines.total("surprise") / n, 0)


@in_unit("share")
def category_concentration(lines: Events) -> Numbers:
    """Chance that two lines are of one category (Herfindahl); null without a category."""
    n = _count_classed(lines)
    return lines.total("square") / (n * n)


@in_unit("share")
def favourite_category_share(lines: Events) -> Numbers:
    """Share of order lines in the category bought most often; null without a category."""
    return read_standing(lines.greatest("standing"))[0] / _count_classed(lines)


@in_unit("days")
def days_since_favourite_category(lines: Events) -> Numbers:
    """Days since the last line in the category bought most often; null without a category."""
    return _find_favourite(lines).last("days_ago")


@in_unit("ratio")
def favourite_category_lateness(lines: Events, days_since_favourite_category: Numbers) -> Numbers:
    """Silence in the favourite category in units of its mean gap; null until its second order."""
    return _compare(_find_favourite(lines), days_since_favourite_category)


@in_unit("rank")
def favourite_category(lines: Events, norms: Norms) -> Numbers:
    """Rank of the favourite category among the shop's, 1 the most sold; null without one known."""
    code = read_standing(lines.greatest("standing"))[1]
    return rank_codes(code, lines.names("category"), norms.ranks.get("category", {}))


@in_unit("share")
@ranks(1, 2, 3, 4, 5)
def category_share(lines: Events, norms: Norms, rank: int) -> Numbers:
    """Share of lines in the shop's most sold category, second … fifth; null without a category."""
    return _find_rank(lines, norms, rank).count() / _count_classed(lines)


@in_unit("ratio")
@ranks(1, 2, 3, 4, 5)
def category_lateness(lines: Events, norms: Norms, rank: int) -> Numbers:
    """Silence in the most sold category, second …, by its mean gap; null until its second order."""
    own = _find_rank(lines, norms, rank)
    return _compare(own, own.last("days_ago"))


@in_unit("ratio")
def price_level(lines: Events, norms: Norms) -> Numbers:
    """Money paid in units of the categories' mean price of such pieces; null without a category."""
    usual = lines.once("usual", lambda: _usual_prices(lines, norms) * lines.items)
    paid = lines.sum("paid", lambda: np.where(usual > 0, lines.amount, 0.0))
    return ratio(paid, lines.sum("usual paid", lambda: usual))


@windows(365)
@in_unit("ratio")
def recent_price_level(lines: Events, norms: Norms, days: int) -> Numbers:
    """Money paid in the window, by the categories' mean prices; null without a category."""
    return price_level(lines.within(days), norms)


EDGE = 5e-12  # days; half a microsecond, and more than adding two ages rounds


def rank_codes(code: Numbers, names: tuple[str, ...], ranks: dict[str, int]) -> Numbers:
    """Return the rank of each code's name, from 1; NaN for no code and for a name not known."""
    if is_one(code):
        known = ranks.get(names[int(code)]) if code >= 0 else None
        return np.float64(nan if known is None else known + 1)  # type: ignore[return-value]
    table = np.array([*(ranks.get(name, np.nan) + 1 for name in names), np.nan])
    none = np.isnan(code) | (code < 0)
    return np.asarray(table[np.where(none, len(names), code).astype(np.int64)])


def _count_classed(lines: Events) -> Numbers:
    return above_zero(lines.total("classed"))


def _find_favourite(lines: Events) -> Events:
    def find() -> Events:
        code = read_standing(lines.greatest("standing"))[1]
        return lines.where(np.asarray(lines.category == lines.each(code)))

    own: Events = lines.once("favourite", find)
    return own


def _find_rank(lines: Events, norms: Norms, rank: int) -> Events:
    known = norms.vocabulary.get("category", ())
    return lines.of("category", known[rank - 1] if rank <= len(known) else None)


def _compare(own: Events, silence: Numbers) -> Numbers:
    """Return a silence in units of the mean days between the first and the last of the events."""
    span = own.first("days_ago") - own.last("days_ago")
    turns = own.total("new_turn") - 1
    return ratio(silence, at_least(ratio(span, turns), DAY))


def _usual_prices(lines: Events, norms: Norms) -> Array:
    prices = np.array([*(norms.prices.get(n, np.nan) for n in lines.names("category")), np.nan])
    # Who gives back pieces in a line with money to pay tells no price.
    return np.where(lines.items > 0, prices[lines.category], np.nan)
