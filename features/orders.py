"""Orders, made of their lines: a row each, told as it stood at each moment."""

from collections.abc import Mapping

import numpy as np

from features.bought import Bought
from features.clock import hour, local_us, weekday
from features.goods import Goods
from features.history import History
from features.rows import Rows
from features.sums import MILLION, Array, Whole, add_up, as_millionths
from features.timeline import DAY_US, Source

LARGEST = 1e9  # as check says of amounts: a dearer line has a barcode for a quantity
_LAST = np.array([-1])
SUMS = ("amount", "items", "lines", "discount", "margin", "costed")


class Orders(Source):
    """A row per order, at the time of its first line.

    A line added to it later counts from its own time on. Two orders at one instant are told in
    the order of their ids. `added` are those later lines: the order each is of, and its sums.
    """

    def __init__(
        self, bounds: Whole, at_us: Whole, columns: Mapping[str, Array], added: Mapping[str, Whole]
    ) -> None:
        super().__init__(bounds, at_us, columns)
        self.added = added

    def see(self, as_of_us: int) -> Rows:
        """Return all orders, without the lines that came to them at or after the moment."""
        return self._as_told(as_of_us).rows

    def past(self, as_of_us: int) -> Rows:
        """Return the orders begun before the moment, without the lines that came later."""
        return Source.past(self._as_told(as_of_us), as_of_us)

    def _as_told(self, as_of_us: int) -> Source:
        late = self.added["at_us"] >= as_of_us
        if not late.any():
            return self
        cut = {name: self.columns[name].copy() for name in SUMS}
        for name, column in cut.items():
            np.subtract.at(column, self.added["order"][late], self.added[name][late])
        return Source(self.bounds, self.at_us, {**self.columns, **cut})


def make_orders(history: History) -> Orders:
    """Return a row per order: amount, items, lines, discount, margin, gap, hour and weekday.

    Only lines with an amount above 0 make an order. `costed` is the part of the amount of which
    the cost is known, `margin` what was left of that part.
    """
    bought = history.bought
    added = bought.added
    told = _tell_lines(bought, history.goods)
    columns = {name: _add_up(bought, column) for name, column in told.items()}
    at_us = bought["at_us"][bought.begins]
    orders = len(at_us)
    bounds = np.full(len(bought.bounds), orders)
    begun = bought.bounds < len(bought.order)
    bounds[begun] = bought.order[bought.bounds[begun]]
    later = {"order": bought.order[added], "at_us": bought["at_us"][added]}
    later |= {name: column[added] for name, column in told.items()}
    return Orders(bounds, at_us, {**columns, **_tell_time(at_us, bounds, history.timezone)}, later)


def _add_up(bought: Bought, told: Whole) -> Whole:
    """Return the sum of what the lines of each order tell."""
    if not len(bought.added):
        upto = add_up(told)
        before = upto(bought.begins)
        return np.concatenate([before[1:], upto(_LAST)]) - before
    sums = np.zeros(len(bought.begins), dtype=np.int64)
    np.add.at(sums, bought.order, told)
    return sums


def _tell_lines(bought: Bought, goods: Goods) -> dict[str, Whole]:
    """Return what each line adds to its order, in millionths."""
    amount = bought["amount"]
    margin = costed = np.zeros(len(amount), dtype=np.int64)
    if not np.isnan(goods.cost).all():
        product = bought["product"]
        cost = np.append(goods.cost, np.nan)[product] * bought["quantity"]
        known = np.abs(cost) <= LARGEST
        costed = np.where(known, amount, 0)
        margin = costed - as_millionths(np.where(known, cost, 0.0))
    return {
        "amount": amount,
        "items": bought["items"],
        "lines": np.full(len(amount), MILLION, dtype=np.int64),
        "discount": bought["discount"],
        "margin": margin,
        "costed": costed,
    }


def _tell_time(at_us: Whole, bounds: Whole, timezone: str) -> dict[str, Array]:
    local = local_us(at_us, timezone)
    first = bounds[:-1][bounds[1:] > bounds[:-1]]
    gap, day = np.empty(len(at_us)), local // DAY_US
    new_day = np.empty(len(at_us), dtype=bool)
    gap[1:] = (at_us[1:] - at_us[:-1]) / DAY_US
    new_day[1:] = day[1:] != day[:-1]
    gap[first], new_day[first] = np.nan, True
    day_at_least = np.maximum(gap, 1)
    return {
        "gap": gap,
        "day_gap": as_millionths(day_at_least),
        "log_gap": as_millionths(np.log(day_at_least)),
        "gap_log_gap": as_millionths(gap * np.log(np.where(gap > 0, gap, 1))),
        "new_day": new_day,
        "hour": hour(local),
        "weekday": weekday(local),
    }
