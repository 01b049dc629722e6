"""Which groups of features move an answer most, for many customers at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.models import Numbers, list_once
from contract.shares import Shares
from serving.reasons.groups import find_group

MOST = 3  # reasons of one answer
LEAST = 1e-3  # of all that the groups add; what is weaker is no reason

Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Ranking:
    """Rows x reasons, the strongest first: which feature stands for which group, and how it moves.

    `added` is what the whole group adds; `strength` its share of what all groups add, up or down.
    Places are in `names` and in `groups`; strength is 0 where there is no further reason.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    feature: Places
    group: Places
    added: Numbers
    strength: Numbers


def rank_groups(shares: Shares, most: int = MOST) -> Ranking:
    """Return the groups that move each row most.

    A group is told by the feature that adds most in the group's own direction.
    """
    names, groups = shares.names, list_once([find_group(n) for n in shares.names])
    places = np.array([groups.index(find_group(n)) for n in names], dtype=np.intp)
    total = np.zeros((len(shares.start), len(groups)))
    stands = np.zeros(total.shape, dtype=np.intp)
    for place in range(len(groups)):
        members = np.flatnonzero(places == place)
        added = shares.added[:, members]
        total[:, place] = added.sum(axis=1)
        stands[:, place] = members[(added * np.sign(total[:, [place]])).argmax(axis=1)]
    size = np.abs(total)
    strength = size / np.maximum(size.sum(axis=1, keepdims=True), 1e-300)
    best = np.argsort(-size, axis=1, kind="stable")[:, :most]
    told = np.take_along_axis(strength, best, axis=1)
    return Ranking(
        names=names,
        groups=groups,
        feature=np.take_along_axis(stands, best, axis=1),
        group=best,
        added=np.take_along_axis(total, best, axis=1),
        strength=np.where(told >= LEAST, told, 0.0),
    )
