"""The ladder that small shops go down: with fewer customers, a model that asks less of them."""

from dataclasses import dataclass

import numpy as np

from contract.answers import Rung
from training.snapshots import Snapshots


@dataclass(frozen=True)
class Step:
    """One rung: how many customers it takes, how many outcomes of either kind, and who may answer.

    The first of `families` answers unless another is clearly better.
    """

    rung: Rung
    customers: int
    outcomes: int
    families: tuple[str, ...]


LADDER = (
    Step("full_model", 500, 100,
         ("blend", "xgboost", "hist_gradient_boosting", "logistic", "probability")),
    Step("probability_model", 25, 8, ("probability", "logistic")),
    Step("rfm_rule", 12, 3, ("rfm_rule",)),
    Step("prior", 0, 0, ("prior",)),
)  # fmt: skip


def find_rung(last: Snapshots, train: Snapshots) -> Step:
    """Return the highest rung for which the calibration snapshot has the customers and outcomes.

    What trains before it needs half as many: it is older, and the shop was smaller then.
    """
    customers = min(len(last.rows), 2 * len(train.rows))
    outcomes = min(_count_rarer(last), 2 * _count_rarer(train))
    return next(s for s in LADDER if customers >= s.customers and outcomes >= s.outcomes)


def _count_rarer(snapshots: Snapshots) -> int:
    came = int(np.count_nonzero(snapshots.outcome))
    return min(came, len(snapshots.rows) - came)
