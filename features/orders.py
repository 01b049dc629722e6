"""Orders, made of their lines: a row each, told as it stood at each moment."""

from collections.abc import Mapping

import numpy as np

from features.clock import hour, local_us, weekday
from features.history import History
from features.timeline import (
    DAY_US,
    MILLION,
    Array,
    Rows,
    Source,
    Whole,
    as_millionths,
    count_kept,
)

LARGEST = 1e9  # as check says of amounts: a dearer line has a barcode for a quantity
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

    def past(self, as_of_us: int) -> tuple[Rows, Whole]:
        """Return the orders begun before the moment, without the lines that came later."""
        late = self.added["at_us"] >= as_of_us
        if not late.any():
            return super().past(as_of_us)
        cut = {name: self.columns[name].copy() for name in SUMS}
        for name, column in cut.items():
            np.subtract.at(column, self.added["order"][late], self.added[name][late])
        return Source(self.bounds, self.at_us, {**self.columns, **cut}).past(as_of_us)


def make_orders(history: History) -> Orders:
    """Return a row per order: amount, items, lines, discount, margin, gap, hour and weekday.

    Only lines with an amount above 0 make an order. `costed` is the part of the amount of which
    the cost is known, `margin` what was left of that part.
    """
    bought = history.lines["amount"] > 0
    kept, bounds = np.flatnonzero(bought), count_kept(bought, history.lines.bounds)
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    lines = {name: column[kept] for name, column in history.lines.columns.items()}
    sums = _sum_lines(lines, history)
    order, begins, added = find_orders(owner, lines)
    if len(added):
        columns = {name: _add_by(order, told, len(begins)) for name, told in sums.items()}
    else:
        columns = {name: np.add.reduceat(told, begins) if len(told) else told
                   for name, told in sums.items()}  # fmt: skip
    at_us = lines["at_us"][begins]
    first = np.searchsorted(owner[begins], np.arange(len(bounds)))
    later = {"order": order[added], "at_us": lines["at_us"][added]}
    later |= {name: told[added] for name, told in sums.items()}
    return Orders(first, at_us, {**columns, **_tell_time(at_us, first, history.timezone)}, later)


def _add_by(order: Whole, told: Whole, orders: int) -> Whole:
    sums = np.zeros(orders, dtype=np.int64)
    np.add.at(sums, order, told)
    return sums


def _sum_lines(lines: Mapping[str, Array], history: History) -> dict[str, Whole]:
    """Return what each line adds to its order, in millionths."""
    goods = history.goods
    amount = as_millionths(lines["amount"])
    known = np.zeros(len(amount), dtype=bool)
    cost = np.zeros(len(amount))
    if len(goods.cost):
        cost = np.where(lines["product"] >= 0, goods.cost[lines["product"]], np.nan)
        cost = cost * lines["quantity"]
        known = np.abs(cost) <= LARGEST
    return {
        "amount": amount,
        "items": as_millionths(lines["quantity"]),
        "lines": np.full(len(amount), MILLION, dtype=np.int64),
        "discount": as_millionths(lines["discount"]),
        "margin": np.where(known, amount - as_millionths(np.where(known, cost, 0)), 0),
        "costed": np.where(known, amount, 0),
    }


def find_orders(owner: Array, lines: Mapping[str, Array]) -> tuple[Whole, Whole, Whole]:
    """Return the order of each line, the first line of each order, and the lines added later.

    Lines come in the order of customer, time and order, so an order is one run of lines, unless
    some were added to it after its first.
    """
    name, at_us = lines["order"], lines["at_us"]
    new = np.ones(len(name), dtype=bool)
    new[1:] = (name[1:] != name[:-1]) | (owner[1:] != owner[:-1])
    runs, run = np.flatnonzero(new), np.cumsum(new) - 1
    # One key per customer and order: two of them collide once in 2^64 / runs^2.
    key = name[runs].astype(np.uint64) ^ _scatter(owner[runs])
    by_key = np.sort(key)
    mixed = (by_key[1:] == by_key[:-1]).any()
    if not mixed and (at_us == at_us[runs][run]).all():
        return run, runs, np.zeros(0, dtype=np.int64)
    first_run, of_run = np.unique(key, return_index=True, return_inverse=True)[1:]
    place = np.argsort(np.argsort(first_run))  # orders in the order in which they began
    order = place[of_run][run]
    begins = runs[np.sort(first_run)]
    return order, begins, np.flatnonzero(at_us != at_us[begins][order])


def _scatter(numbers: Array) -> Array:
    """Return well-mixed bits of whole numbers (the finaliser of SplitMix64)."""
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(27))


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
        "day_gap": day_at_least,
        "log_gap": np.log(day_at_least),
        "gap_log_gap": gap * np.log(np.where(gap > 0, gap, 1)),
        "new_day": new_day,
        "hour": hour(local),
        "weekday": weekday(local),
    }
