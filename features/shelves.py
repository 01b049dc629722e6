"""Learn what is usual of each category a shop sells, before a moment and of nothing after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from contract.answers import ACTIVE_DAYS
from contract.choice import Offer, Shelf
from contract.errors import HistoryError
from contract.models import Numbers
from contract.moments import as_micros
from features.history import History
from features.sums import Mask
from features.timeline import DAY_US
from features.turns import YEAR, Of, Turns, classify, find_kind, find_turns

MOST, FEWEST = 100, 3  # categories
WINDOWS = 3  # closed horizons that tell what is usual
WARM_UP = 30  # days after the first order, before which nobody was known
BUYERS = 60.0  # for whom a category's popularity counts in how many buy it for the first time
WORTH = 20.0  # customers that the usual share counts for among the lapsed and prospects
ALIKE = 10.0  # pairs of purchases that chance counts for in each lift
RIDGE = 50.0  # of the regression of each category on the others
SEASON = 364  # days: 52 weeks
SPARSE = 20.0  # orders that an even season counts for


@dataclass(frozen=True)
class Stock:
    """A history by categories: all that a shelf and a customer's pairs are learned from."""

    history: History
    turns: Turns
    of: Of


def take_stock(history: History, of: Of | None = None) -> Stock:
    """Return the history by categories, or by products where the shop names no category."""
    of = of or find_kind(history)
    classified = classify(history, of)
    return Stock(classified, find_turns(classified), of)


def list_sold(stock: Stock, as_of_us: int, offer: Offer) -> tuple[str, ...]:
    """Return the categories sold in the year before the moment, the most bought first.

    There are at most `MOST`, those that the offer names before others.
    """
    year = stock.turns.between(as_of_us - YEAR * DAY_US, as_of_us)
    names = stock.turns.names
    counts = np.bincount(year.category, minlength=len(names))
    sold = [(names[i] not in offer.only, -counts[i], names[i]) for i in np.flatnonzero(counts)]
    return tuple(name for *_, name in sorted(sold)[:MOST])


def refuse_few(stock: Stock, as_of_us: int, offer: Offer) -> None:
    """Raise where there are too few categories to choose from."""
    sold = list_sold(stock, as_of_us, offer)
    lacking = [name for name in offer.only if name not in sold]
    if lacking:
        raise HistoryError(
            f"{len(lacking)} of the --categories were not sold in the last year, such as"
            f" {lacking[0]!r}.",
            f"Name them as the products table does, such as {', '.join(sold[:3])}.",
        )
    count = len(offer.only or sold)
    if count < FEWEST:
        raise HistoryError(
            f"{count} categories to choose from are too few; {FEWEST} are needed.",
            "Give a products table with product_id and category, and product_id in transactions.",
        )


def find_shelf(stock: Stock, moment: datetime, horizon: int, offer: Offer) -> Shelf:
    """Return what is usual of each category sold in the year before the moment."""
    as_of_us = as_micros(moment)
    names = list_sold(stock, as_of_us, offer)
    turns = stock.turns.choose(names).between(-np.inf, as_of_us)
    windows = list(_list_windows(turns, as_of_us, horizon))
    sold = Stock(stock.history, turns, stock.of)
    shares = _find_shares(sold, (as_of_us, windows), (horizon, offer))
    had = find_had(turns, as_of_us, YEAR)
    active = had[had.any(axis=1)]
    recent = find_had(turns, as_of_us, horizon)
    return Shelf(
        offer=offer,
        of=stock.of,
        names=names,
        **{name: tuple(share.tolist()) for name, share in shares.items()},
        popular=tuple((active.sum(axis=0) / max(len(active), 1)).tolist()),
        recent=tuple((recent.sum(axis=0) / max(len(active), 1)).tolist()),
        season=tuple(_find_season(turns, as_of_us, horizon).tolist()),
        lift=_as_rows(find_lift(active)),
        pull=_as_rows(find_pull(active)),
    )


def find_had(turns: Turns, as_of_us: int, days: int) -> Numbers:
    """Return customers x categories: 1 where it was bought in the days before the moment."""
    within = turns.between(as_of_us - days * DAY_US, as_of_us)
    return (within.count() > 0).astype(np.float64)


def find_lift(had: Numbers) -> Numbers:
    """Return how many customers bought both of two categories, over what chance would have.

    Both are drawn together as if by `ALIKE` more customers.
    """
    both, each = had.T @ had, had.sum(axis=0)
    chance = np.outer(each, each) / max(len(had), 1)
    return np.asarray((both + ALIKE) / (chance + ALIKE))


def find_pull(had: Numbers) -> Numbers:
    """Return the weights of a ridge regression of each category on all others.

    Its diagonal is 0 (Steck 2019, Embarrassingly shallow autoencoders for sparse data, WWW).
    """
    inverse = np.linalg.inv(had.T @ had + RIDGE * np.eye(had.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def find_standing(turns: Turns, as_of_us: int, offer: Offer) -> tuple[Numbers, Mask]:
    """Return each customer's days since an order, and which categories may be shown to them.

    The days are infinite where there was none.
    """
    days = (as_of_us - turns.between(-np.inf, as_of_us).last_us()) / DAY_US
    return days.min(axis=1, initial=np.inf), offer.repeats | (days > offer.look_back_days)


def _list_windows(turns: Turns, as_of_us: int, horizon: int) -> Iterator[int]:
    """Yield when each closed horizon began, the last first, as far as the history goes."""
    first_us = int(turns.at_us.min(initial=as_of_us))
    for number in range(1, WINDOWS + 1):
        start = as_of_us - number * horizon * DAY_US
        if number == 1 or start >= first_us + WARM_UP * DAY_US:
            yield start


def _find_shares(
    stock: Stock, times: tuple[int, Sequence[int]], asked: tuple[int, Offer]
) -> dict[str, Numbers]:
    """Return the share of each category's candidates who bought it in the windows, by stage."""
    turns, (as_of_us, windows), (horizon, offer) = stock.turns, times, asked
    dated = stock.history.dated()
    came = np.zeros((3, len(turns.names)))
    there = np.zeros_like(came)
    for start in windows:
        days, candidate = find_standing(turns, start, offer)
        bought = turns.between(start, start + horizon * DAY_US).count() > 0
        stages = (days <= ACTIVE_DAYS, np.isfinite(days) & (days > ACTIVE_DAYS),
                  np.isinf(days) & dated.known(start))  # fmt: skip
        for row, stage in enumerate(stages):
            there[row] += candidate[stage].sum(axis=0)
            came[row] += (bought & candidate)[stage].sum(axis=0)
    overall = (came[0].sum() + 1) / (there[0].sum() + 2)
    # Drawn towards how popular it is, as if by so many buyers: few buy for the first time.
    popular = find_had(turns, as_of_us, YEAR).sum(axis=0) + 1
    expected = np.minimum(overall * popular / popular.mean(), 0.5)
    usual = (came[0] + BUYERS) / (there[0] + BUYERS / expected)
    others = (came[1:] + WORTH * usual) / (there[1:] + WORTH)
    return {"usual": usual, "lapsed": others[0], "prospect": others[1]}


def _find_season(turns: Turns, as_of_us: int, horizon: int) -> Numbers:
    """Return how each category's orders moved a year ago, beside those of all; 1 if not known."""
    then, span = as_of_us - SEASON * DAY_US, horizon * DAY_US
    categories = len(turns.names)
    if int(turns.at_us.min(initial=as_of_us)) > then - span:
        return np.ones(categories)
    before, after = (
        np.bincount(turns.between(*window).category, minlength=categories) + 0.0
        for window in ((then - span, then), (then, then + span))
    )
    all_moved = (after.sum() + SPARSE) / (before.sum() + SPARSE)
    return np.asarray((after + SPARSE) / (before * all_moved + SPARSE))


def _as_rows(table: Numbers) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())
