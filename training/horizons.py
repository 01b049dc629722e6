"""How far ahead a shop can be asked: from the gaps between its customers' own orders."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from contract.choice import Offer
from contract.errors import HistoryError
from contract.models import Numbers, logistic
from contract.moments import as_micros
from contract.norms import Norms
from features.history import History
from features.norms import find_norms
from features.shelves import refuse_few, take_stock
from features.sources import Shop
from features.sums import Mask
from features.timeline import DAY_US
from training.folds import count_days, find_first_order
from training.seasons import SAMPLE, observe_closed
from training.targets import Target
from training.worth.spans import count_back

ROUND = (7, 14, 30, 60, 90, 180, 365)  # days that people plan by
RAREST, COMMONEST = 0.05, 0.95


def find_horizon(history: History, target: Target, as_of: datetime) -> Target:
    """Return the target with a horizon: its own if it has one, else one that the shop's gaps give.

    The one that the gaps give is the first round number of days within which so many of the
    customers who come back have done so as the target says, or the nearest to it for which there is
    history enough, and whose share of outcomes lies between 5 and 95 %. A horizon that was given
    and whose share does not is refused. A worth is no share, and keeps the horizon it has.
    """
    find_first_order(history)
    if target.offer:
        history = stock_up(history, target.offer, as_of)
    if target.kind == "worth":
        return replace(target, back_days=count_back(history, target.over_days, as_of))
    # Only what a definition names of the past goes by norms.
    norms = find_norms(history, [as_of])[as_of] if target.features else Norms(as_of=as_of)
    if target.horizon_days is not None:
        share = measure_share(history, target, norms)
        if share is not None and not RAREST <= share <= COMMONEST:
            _refuse(history, target, (share, norms))
        return target
    wanted = measure_return(history, as_of, target.returns)
    for days in sort_near(wanted):
        told = replace(target, horizon_days=days)
        share = measure_share(history, told, norms)
        if share is not None and RAREST <= share <= COMMONEST:
            return told
    raise HistoryError(
        f"No horizon of {ROUND[0]} to {ROUND[-1]} days suits {target.name}: the history is too"
        f" short, or fewer than {RAREST:.0%} or more than {COMMONEST:.0%} come true over each.",
        "Give a longer history, or a --horizon.",
    )


def measure_return(history: History, as_of: datetime, share: float) -> float:
    """Return the days within which that share of the customers who come back have done so.

    Each customer counts once, however often they order. The gap that is still open at `as_of`
    counts as far as it has come (Kaplan & Meier 1958); without it the days would be too few.
    Customers who never come back cannot be told from those who are not back yet, so shares are of
    all who were seen to come back within the history.
    """
    gaps = measure_gaps(history, as_of)
    days, survival = estimate_survival(gaps)
    if not len(days):
        return float(ROUND[-1])
    back = (1 - survival) / (1 - survival[-1])
    return float(days[np.argmax(back >= share)])


@dataclass(frozen=True)
class Gaps:
    """Days from an order to the customer's next, or to the last day known where it is `open`."""

    days: Numbers
    open: Mask
    weight: Numbers


def measure_gaps(history: History, as_of: datetime) -> Gaps:
    """Return the gaps of each customer, which together weigh 1."""
    seen = history.sample(SAMPLE)
    orders = Shop(seen).past("orders", as_micros(as_of))
    held = orders.days_ago > 0
    day = -np.floor(orders.days_ago[held])
    owner = orders.each(np.arange(len(seen)))[held]
    last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    days = np.where(last, -day, np.append(day[1:], 0)[: len(day)] - day)
    kept = last | (days > 0)  # a second order of one day is no gap
    owner = owner[kept]
    return Gaps(days[kept], last[kept], 1 / np.bincount(owner)[owner])


def estimate_survival(gaps: Gaps) -> tuple[Numbers, Numbers]:
    """Return days, and the share of gaps longer than each of them, by Kaplan & Meier."""
    closed = ~gaps.open
    days, place = np.unique(gaps.days[closed], return_inverse=True)
    came = np.bincount(place, gaps.weight[closed], len(days))
    order = np.argsort(gaps.days)
    upto = np.append(0, np.cumsum(gaps.weight[order]))
    at_risk = upto[-1] - upto[np.searchsorted(gaps.days[order], days, side="left")]
    return days, np.asarray(np.cumprod(1 - came / at_risk), dtype=np.float64)


def measure_share(history: History, target: Target, norms: Norms) -> float | None:
    """Return the share of outcomes in the last closed window; None of too short a history."""
    first_us = history.find_first_order()
    days = 0.0 if first_us is None else (as_micros(norms.as_of) - first_us) / DAY_US
    if days < count_days(target.over_days):
        return None
    closed = observe_closed(history, target, norms.as_of, norms)
    return float(logistic(closed.level[-1:])[0]) if len(closed.level) else None


def stock_up(history: History, offer: Offer, as_of: datetime) -> History:
    """Return the history by the categories that are offered; raise where they are too few."""
    stock = take_stock(history)
    refuse_few(stock, as_micros(as_of), offer)
    return stock.history


def sort_near(wanted: float) -> Iterator[int]:
    """Yield the round horizons: the first that is long enough, then the nearest to it."""
    start = next((n for n, days in enumerate(ROUND) if days >= wanted), len(ROUND) - 1)
    yield from sorted(ROUND, key=lambda days: (abs(ROUND.index(days) - start), days > ROUND[start]))


def _refuse(history: History, target: Target, found: tuple[float, Norms]) -> None:
    share, norms = found
    shares = {
        days: measure_share(history, replace(target, horizon_days=days), norms) for days in ROUND
    }
    fitting = [f"{d} ({s:.0%})" for d, s in shares.items() if s and RAREST <= s <= COMMONEST]
    raise HistoryError(
        f"{target.name} over {target.horizon_days} days came true for {share:.1%} in the last"
        f" closed window; below {RAREST:.0%} or above {COMMONEST:.0%} there is little to tell.",
        f"Give another --horizon: {', '.join(fitting) or 'none of the usual ones does better'}.",
    )
