"""How good lists of categories are that each customer is shown; toplists.py has those to beat.

Of each customer who bought something within the horizon, with k categories shown:

- recall is the share of the categories bought that were shown;
- NDCG is the sum of 1 / log2(1 + place) over the places that were bought, over the most it could
  be (Jarvelin & Kekalainen 2002, ACM TOIS 20:422); both as in Li et al. 2023, "A next basket
  recommendation reality check" (ACM TOIS 41:116), whence also the split of repeat and explore.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from contract.models import Numbers
from training.estimates import (
    SEED,
    Estimate,
    Figures,
    Table,
    add_up,
    draw_sums,
    estimate_figures,
    estimate_ratios,
    take_only,
)
from training.ordering import Places

Flags = NDArray[np.bool_]

SCOPES = ("all", "repeat", "explore")
LENGTHS = (1, 3, 5)
MOST = max(LENGTHS)
ROWS = 50_000  # customers whose lists are made at a time
NOT_SHOWN = -np.inf


@dataclass(frozen=True)
class Purchases:
    """Customers x categories: bought within the horizon, and bought before in the look-back."""

    bought: Flags
    repeat: Flags

    def allows(self, scope: str) -> Flags:
        """Return what may be shown: everything, what was bought before, or what never was."""
        if scope == "all":
            return np.ones_like(self.repeat)
        return self.repeat if scope == "repeat" else ~self.repeat


def evaluate_ranking(shown: Numbers, purchases: Purchases) -> dict[str, dict[str, Estimate]]:
    """Return the metrics of shown probabilities, customers x categories, for each of `SCOPES`.

    Under `repeat` and `explore` only categories of that kind are candidates, and only they count
    as bought. What must not be shown has probability `NOT_SHOWN`; ties are broken at random, in
    the same way for every ranking.
    """
    return {scope: evaluate_scope(shown, purchases, scope) for scope in SCOPES}


def compare_rankings(
    purchases: Purchases, ours: Numbers, theirs: Numbers, scope: str = "all"
) -> Estimate:
    """Return how much more NDCG at 5 ours has than theirs, on the same resampled customers."""
    sides = [_Lists.of(shown, purchases, scope) for shown in (ours, theirs)]
    gain = sides[0].find_ndcg(MOST) - sides[1].find_ndcg(MOST)
    found = estimate_ratios({"gain": (gain, sides[0].buys)})
    return take_only(found, f"Nobody bought a category of the kind {scope!r}.")


def trace_recall(shown: Numbers, purchases: Purchases, scope: str = "all") -> Numbers:
    """Return the mean recall with 1, 2, ... `MOST` categories shown."""
    lists = _Lists.of(shown, purchases, scope)
    lengths = range(1, lists.hits.shape[1] + 1)
    return np.array([lists.find_recall(k).sum() / lists.buys.sum() for k in lengths])


def evaluate_scope(shown: Numbers, purchases: Purchases, scope: str) -> dict[str, Estimate]:
    """Return the metrics of shown probabilities for one of `SCOPES`."""
    lists = _Lists.of(shown, purchases, scope)
    buys, everyone = lists.buys, np.ones_like(lists.buys)
    means = {}
    for k in LENGTHS:
        means[f"recall_at_{k}"] = (lists.find_recall(k), buys)
        means[f"ndcg_at_{k}"] = (lists.find_ndcg(k), buys)
    means["hit_share"] = (lists.hits.any(axis=1) * buys, buys)
    means["buyer_share"] = (buys, everyone)
    return {**estimate_ratios(means), **_find_coverage(lists, shown.shape[1])}


def _find_coverage(lists: "_Lists", categories: int) -> dict[str, Estimate]:
    """Return the share of the catalogue that is shown to anybody."""

    def share(times: Numbers) -> Figures:
        return {"catalogue_coverage": (times > 0).mean(axis=1)}

    table = lists.mark(categories)
    return estimate_figures(share(add_up(table)), map(share, draw_sums(table)))


@dataclass(frozen=True)
class _Lists:
    """What each customer is shown, best first, and how much of it was bought."""

    places: Places  # customers x places: the category, or -1 where there was no further one
    hits: Numbers  # customers x places: 1 where it was bought
    wanted: Numbers  # how many categories the customer bought

    @classmethod
    def of(cls, shown: Numbers, purchases: Purchases, scope: str) -> "_Lists":
        allowed = purchases.allows(scope)
        wanted = purchases.bought & allowed
        places = np.concatenate(list(_pick(shown, allowed)))
        hits = np.take_along_axis(wanted, np.maximum(places, 0), axis=1) & (places >= 0)
        return cls(places, hits.astype(np.float64), wanted.sum(axis=1, dtype=np.float64))

    @property
    def buys(self) -> Numbers:
        """1 for a customer who bought something."""
        return (self.wanted > 0).astype(np.float64)

    def find_recall(self, k: int) -> Numbers:
        return np.asarray(self.hits[:, :k].sum(axis=1) / np.maximum(self.wanted, 1))

    def find_ndcg(self, k: int) -> Numbers:
        worth = 1 / np.log2(2 + np.arange(k))
        most = np.r_[0, np.cumsum(worth)][np.minimum(self.wanted, k).astype(np.intp)]
        hits = self.hits[:, :k]
        return np.asarray(hits @ worth[: hits.shape[1]] / np.where(most > 0, most, 1))

    def mark(self, categories: int) -> Table:
        """Return customers x categories, sparse: 1 where it is shown."""
        customer, place = np.nonzero(self.places >= 0)
        at = (customer, self.places[customer, place])
        return sparse.csr_array((np.ones(len(customer)), at), (len(self.places), categories))


def _pick(shown: Numbers, allowed: Flags) -> Iterator[Places]:
    rng = np.random.default_rng(SEED)
    for start in range(0, len(shown), ROWS):
        part = slice(start, start + ROWS)
        left = np.where(allowed[part], shown[part], NOT_SHOWN)
        yield _pick_best(left, rng.random(left.shape, dtype=np.float32))


def _pick_best(left: Numbers, lot: NDArray[np.float32]) -> Places:
    """Return the best categories of each customer, by lot where equal, -1 where none is left."""
    rows = np.arange(len(left))
    picked = np.full((len(left), min(MOST, left.shape[1])), -1, dtype=np.intp)
    for place in range(picked.shape[1]):
        best = left.max(axis=1)
        chosen = np.where(left == best[:, None], lot, -1).argmax(axis=1)
        picked[:, place] = np.where(best > NOT_SHOWN, chosen, -1)
        left[rows, chosen] = NOT_SHOWN
    return picked
