"""Plain lists of categories, made of what was bought in the look-back: the ones to beat.

Each is customers x categories, and higher is shown earlier; none of them is a probability. Names
after Li et al. 2023, "A next basket recommendation reality check": P-, G- and GP-TopFreq. The
blend is the harder one to beat; its decay is that of Hu et al. 2020, "Modeling personalized item
frequency information for next-basket recommendation" (SIGIR).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from contract.models import Numbers
from training.rankings import NOT_SHOWN

DECAY = 0.9  # of a purchase's weight, for each period that has gone by


def list_baselines(periods: Sequence[Numbers]) -> Mapping[str, Numbers]:
    """Return every plain list by name, from purchase counts in each period, the last one first."""
    counts = np.asarray(sum(periods[1:], start=periods[0]), dtype=np.float64)
    return {
        "personal_top": personal_top(counts),
        "global_top": global_top(counts),
        "personal_then_global": personal_then_global(counts),
        "decayed_blend": decayed_blend(periods),
    }


def personal_top(counts: Numbers) -> Numbers:
    """Return what the customer bought most often; nothing else is shown."""
    return np.where(counts > 0, counts, NOT_SHOWN)


def global_top(counts: Numbers) -> Numbers:
    """Return for everybody what most customers bought."""
    return np.broadcast_to(_find_popularity(counts), counts.shape)


def personal_then_global(counts: Numbers) -> Numbers:
    """Return what the customer bought most often, then what most customers bought."""
    # Counts are whole, and half a share of customers is below 1: it orders equal counts alone.
    return np.asarray(counts + _find_popularity(counts) / 2)


def decayed_blend(periods: Sequence[Numbers], weight: float = 1.0) -> Numbers:
    """Return the customer's own purchases, the older the less, and `weight` times popularity.

    `periods` are purchase counts, the last period first: each counts `DECAY` times the one after
    it. Popularity is the share of customers who bought the category in any period.
    """
    own = np.zeros(periods[0].shape)
    for count in reversed(periods):
        own = DECAY * own + count
    bought = np.any([count > 0 for count in periods], axis=0)
    return np.asarray(own + weight * _find_popularity(bought))


def _find_popularity(counts: Numbers) -> Numbers:
    return np.asarray((counts > 0).mean(axis=0))
