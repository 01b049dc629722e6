"""Boosted trees cut into parts of a few leaves, and what each outcome of their tests comes to."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import factorial
from typing import Any

import numpy as np

from contract.boughs import Boughs, Numbers

HEIGHT = 2  # of the part of a tree whose leaves share a table

Steps = tuple[tuple[int, bool], ...]  # the tests above a leaf, and whether it lies to their left


def cut_boughs(booster: Any) -> Boughs:
    """Return the parts that XGBoost's trees are cut into."""
    model = json.loads(bytes(booster.save_raw("json")))
    trees = [_Tree(t) for t in model["learner"]["gradient_booster"]["model"]["trees"]]
    parts = [(tree, *part) for tree in trees for part in tree.cut()]
    played = _play_all([(t, steps) for t, _, leaves in parts for steps in leaves])
    most = max((len(tests) for _, tests, _ in parts), default=0)
    facts = np.zeros((3, most, len(parts)))
    table = np.zeros((most, len(parts), 1 << most))
    for place, (tree, tests, leaves) in enumerate(parts):
        own = slice(0, len(tests))
        facts[:, own, place] = tree.tests[:, tests]
        for steps in leaves:
            _add_leaf(table[:, place], (tree, tests), (steps, next(played)))
    return Boughs(
        features=facts[0].astype(np.intp),
        edges=facts[1].astype(np.float32),
        missing=facts[2].astype(bool),
        table=table,
        start=sum(tree.mean for tree in trees),
    )


class _Tree:
    """One tree of XGBoost's own JSON."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.left, self.right = told["left_children"], told["right_children"]
        self.told = np.array(told["split_conditions"], dtype=np.float64)
        self.feature = np.array(told["split_indices"])
        self.cover = np.array(told["sum_hessian"], dtype=np.float64)
        self.tests = np.stack([self.feature, self.told, told["default_left"]])

    @property
    def mean(self) -> float:
        """The mean of the leaves, by their cover."""
        leaf = np.array(self.left) < 0
        return float(self.told[leaf] @ self.cover[leaf] / self.cover[leaf].sum())

    def cut(self, node: int = 0, above: Steps = ()) -> Iterator[tuple[list[int], list[Steps]]]:
        """Yield the tests and the leaves of each part, a leaf as the steps that lead to it."""
        if self._measure(node) <= HEIGHT:
            leaves = list(self._list_leaves(node, above))
            if leaves != [()]:  # a tree of one leaf tests nothing
                yield list(dict.fromkeys(test for steps in leaves for test, _ in steps)), leaves
            return
        yield from self.cut(self.left[node], (*above, (node, True)))
        yield from self.cut(self.right[node], (*above, (node, False)))

    def _measure(self, node: int) -> int:
        if self.left[node] < 0:
            return 0
        return 1 + max(self._measure(self.left[node]), self._measure(self.right[node]))

    def _list_leaves(self, node: int, above: Steps) -> Iterator[Steps]:
        if self.left[node] < 0:
            yield above
            return
        yield from self._list_leaves(self.left[node], (*above, (node, True)))
        yield from self._list_leaves(self.right[node], (*above, (node, False)))

    def weigh(self, steps: Steps) -> tuple[float, dict[int, float]]:
        """Return what a leaf says, and the cover's share that goes its way at each feature."""
        shares: dict[int, float] = defaultdict(lambda: 1.0)
        for node, left in steps:
            end = self.left[node] if left else self.right[node]
            whole = self.cover[node]
            shares[int(self.feature[node])] *= self.cover[end] / whole if whole > 0 else 0.0
        return float(self.told[end]), shares


def _play_all(leaves: Sequence[tuple[_Tree, Steps]]) -> Iterator[Numbers]:
    """Yield the table of each leaf: 2^features x features, by which features come out its way."""
    weighed = [tree.weigh(steps) for tree, steps in leaves]
    tables: dict[int, Numbers] = {}
    for size in {len(shares) for _, shares in weighed}:
        own = [i for i, (_, shares) in enumerate(weighed) if len(shares) == size]
        value = np.array([weighed[i][0] for i in own])
        shares = np.array([list(weighed[i][1].values()) for i in own])
        tables |= dict(zip(own, play(value, shares), strict=True))
    yield from (tables[i] for i in range(len(leaves)))


def play(value: Numbers, shares: Numbers) -> Numbers:
    """Return leaves x 2^features x features: Shapley values by which features agree with the leaf.

    A leaf is worth its value times, for each feature told, whether it agrees, and for each that is
    not, the cover's share. Bit f of a place says whether feature f agrees.
    """
    count = shares.shape[1]
    agrees = (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(np.float64)
    told = np.empty((len(value), 1 << count, count))
    for own in range(count):
        # The sums over all sets of so many others, as the coefficients of a polynomial.
        sums = [np.ones((len(value), 1 << count))]
        for other in set(range(count)) - {own}:
            left, known = shares[:, other, None], agrees[None, :, other]
            longer = [s * left for s in sums] + [np.zeros_like(sums[0])]
            for size, s in enumerate(sums):
                longer[size + 1] = longer[size + 1] + s * known
            sums = longer
        weight = [factorial(s) * factorial(count - 1 - s) / factorial(count) for s in range(count)]
        mean = sum(w * s for w, s in zip(weight, sums, strict=True))
        told[:, :, own] = value[:, None] * mean * (agrees[None, :, own] - shares[:, own, None])
    return told


def _add_leaf(table: Numbers, part: tuple[_Tree, list[int]], leaf: tuple[Steps, Numbers]) -> None:
    """Add to a part's table what one of its leaves says at each outcome of the part's tests."""
    (tree, tests), (steps, told) = part, leaf
    outcomes = np.arange(table.shape[1])
    agrees: dict[int, Any] = {}
    for node, left in steps:
        came = (outcomes >> tests.index(node) & 1) == left
        feature = int(tree.feature[node])
        agrees[feature] = agrees.get(feature, True) & came
    places = sum(came.astype(np.int64) << bit for bit, came in enumerate(agrees.values()))
    read = tree.feature[tests].tolist()
    table[[read.index(feature) for feature in agrees]] += told[places].T
