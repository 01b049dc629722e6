"""Model families and baselines: how each is built, and what is searched when it is tuned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contract.models import Model
from training.families.boosting import BOOSTED, fit_boosted, search_boosted
from training.families.linear import (
    LOGISTIC,
    fit_base_rate,
    fit_counts,
    fit_logistic,
    fit_silence,
    search_logistic,
)  # fmt: skip
from training.families.plain import fit_cells, fit_repeating_model
from training.families.scikit import HISTOGRAM, fit_histogram, search_histogram
from training.snapshots import Snapshots
from training.tuning import Settings

Fit = Callable[[Snapshots, Settings], Model]


@dataclass(frozen=True)
class Family:
    """One way to learn: how it is built, its settings that are tried first, and what is searched.

    The first of `usual` are the settings it has without tuning. One of `half` learns what came in
    the first half of the window: those who come soon are like those who come at all, and more and
    later moments have closed.
    """

    name: str
    meaning: str
    fit: Fit
    usual: tuple[Settings, ...] = ({},)
    search: Callable[[Any], Settings] | None = None
    half: bool = False


def _name(*families: Family) -> dict[str, Family]:
    return {family.name: family for family in families}


BLEND = "blend"

FAMILIES: Mapping[str, Family] = _name(
    Family("xgboost", "Shallow trees by XGBoost over the rank of every feature.",
           fit_boosted, BOOSTED, search_boosted),
    Family("hist_gradient_boosting",
           "scikit-learn's histogram trees over the same ranks, by half the window.",
           fit_histogram, HISTOGRAM, search_histogram, half=True),
    Family("logistic", "A logistic regression on log(1 + count) of orders, spend and silence.",
           fit_logistic, LOGISTIC, search_logistic),
    Family("probability", "BG/NBD: the chance of an order, from when customers ordered alone.",
           fit_repeating_model),
)  # fmt: skip

# Families of the lower rungs: few customers cannot tell more than this many numbers.
RULES: Mapping[str, Family] = _name(
    Family("rfm_rule", "The share in nine cells of silence and orders, drawn towards all.",
           fit_cells),
    Family("prior", "The share among all: the base rate.", fit_base_rate),
)  # fmt: skip

BASELINES: Mapping[str, Family] = _name(
    Family("base_rate", "The share among all.", fit_base_rate),
    Family("days_since_order", "A logistic regression on the silence alone.", fit_silence),
    Family("order_count", "A logistic regression on the orders of a year alone.", fit_counts),
)  # fmt: skip
