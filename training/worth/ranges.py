"""Between which worths customers came to lie, by the worth foretold of them."""

import numpy as np

from contract.models import Numbers
from contract.worth import Spread

SHARES = (0.1, 0.9)  # of customers that come to less: 8 in 10 lie between
FEWEST = 50  # customers of a bin
MOST_BINS = 10


def fit_spread(observed: Numbers, predicted: Numbers, served: Numbers) -> Spread:
    """Return the range of customers with such a worth foretold, for those that are served.

    In bins of rank by the worth foretold it is the tenth and the ninetieth percentile of what came,
    in units of what was foretold with its level set right; those served have the units of the bin
    of their rank. A higher worth foretold has no lower end of its range.
    """
    bins = int(np.clip(len(observed) // FEWEST, 1, MOST_BINS))
    if not len(observed) or not len(served) or predicted.sum() <= 0 or observed.sum() <= 0:
        return Spread()
    right = predicted * observed.sum() / predicted.sum()
    ends = [np.quantile(part, SHARES) for part in _deal(right, observed, bins)]
    usual = np.array([max(part.mean(), 1e-9) for part in _deal(right, right, bins)])
    now = np.array([part.mean() if len(part) else 0.0 for part in _deal(served, served, bins)])
    low, high = (np.maximum(np.array(ends)[:, i] / usual * now, 0.0) for i in (0, 1))
    at = np.maximum.accumulate(now)
    low, high = np.maximum.accumulate(low), np.maximum.accumulate(high)
    kept = np.append(np.diff(at) > 0, True)  # equal worths have one range
    return Spread(at=_list(at[kept]), low=_list(low[kept]), high=_list(high[kept]))


def _deal(by: Numbers, told: Numbers, bins: int) -> list[Numbers]:
    return np.array_split(told[np.argsort(by, kind="stable")], bins)


def _list(numbers: Numbers) -> tuple[float, ...]:
    return tuple(numbers.tolist())
