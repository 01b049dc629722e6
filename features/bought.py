"""The lines that make orders, and the order that each is of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.sums import Array, Whole, as_millionths
from features.tables import Table


@dataclass(frozen=True)
class Bought:
    """Order lines with an amount above 0, in the order of customer, time and order.

    `amount`, `items` and `discount` are told in millionths. `owner` and `order` say whose each
    line is, and of which order: places among customers and among orders, which are numbered as they
    began. `begins` are the first lines of orders, `added` the lines that came at a later time.
    """

    bounds: Whole
    columns: Mapping[str, Array]
    owner: Array
    order: Whole
    begins: Whole
    added: Whole

    def __getitem__(self, column: str) -> Array:
        """Return one column."""
        return self.columns[column]


def find_bought(lines: Table) -> Bought:
    """Return the lines that make orders."""
    lines = lines.keep(lines["amount"] > 0)
    customers = np.arange(len(lines.bounds) - 1, dtype=np.int32)
    owner = customers.repeat(lines.bounds[1:] - lines.bounds[:-1])
    exact = {name: as_millionths(lines[name]) for name in ("amount", "discount")}
    exact["items"] = as_millionths(lines["quantity"])
    orders = number_orders(owner, lines)
    return Bought(lines.bounds, {**lines.columns, **exact}, owner, *orders)


def number_orders(owner: Array, lines: Table) -> tuple[Whole, Whole, Whole]:
    """Return the order of each line, the first line of each order, and the lines added later.

    Lines come in the order of customer, time and order, so an order is one run of lines, unless
    some were added to it after its first.
    """
    name, at_us = lines["order"], lines["at_us"]
    new = np.ones(len(name), dtype=bool)
    new[1:] = (name[1:] != name[:-1]) | (owner[1:] != owner[:-1])
    (runs,) = np.nonzero(new)
    run = np.cumsum(new.astype(np.int64)) - 1
    late = ~new[1:] & (at_us[1:] != at_us[:-1])
    # One key per customer and order: two of them collide once in 2^64 / runs^2.
    key = name[runs].astype(np.uint64) ^ _scatter(owner[runs])
    by_key = np.sort(key)
    if not late.any() and not (by_key[1:] == by_key[:-1]).any():
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
