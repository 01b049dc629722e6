"""What customers came to whom the target does not speak of: those who had never ordered."""

from functools import partial

import numpy as np

from contract.models import list_once
from contract.norms import Norms
from contract.worth import Others
from features.compute import compute
from features.history import History
from training.outcomes import OUTCOME
from training.targets import Target
from training.worth.ranges import SHARES
from training.worth.snapshots import ORDERS, look_ahead, name_column

FEW = 20  # customers


def observe_others(history: History, target: Target, norms: Norms, span: int) -> Others:
    """Return what those came to who were not eligible as of the norms, carried to the horizon.

    A customer listed without `since` may not have been listed then. Of a handful little is known:
    means are drawn towards nothing by FEW customers. Orders and worths grow as the days do.
    """
    names = list_once([target.eligible.feature, *target.features])
    look = partial(look_ahead, target, (span,))
    seen = compute(history.dated(), {norms.as_of: norms}, names, look)
    out = ~target.eligible.holds(seen.columns)
    if not out.any():
        return Others()
    orders, worth = (seen.columns[name_column(n, span)][out] for n in (ORDERS, OUTCOME))
    share = target.over_days / span
    came = int(np.count_nonzero(orders))
    count = len(orders) + FEW
    chance = 1 - (1 - (came + 1) / count) ** share
    if not came:
        return Others(chance=chance)
    mean_orders = share * float(orders.sum()) / count
    mean_worth = share * max(float(worth.sum()), 0.0) / count
    if_any = max(mean_orders / chance, 1.0)
    return Others(
        chance=chance,
        orders=if_any,
        value=mean_worth / (chance * if_any),
        high=max(share * float(np.quantile(worth, SHARES[1])), 0.0),
    )
