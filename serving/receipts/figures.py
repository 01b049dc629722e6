"""The figures of an answer, as they were told and as models would tell them of other rows."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import numpy as np

from contract.answers import ITEMS
from contract.bundle import Bundle
from contract.flat import FLAT_NAMES
from contract.moments import EPOCH
from serving.chances import Known
from serving.choices import find_shelf, tell_all
from serving.receipts.kept import Kept
from serving.receipts.packing import Told, join_rows
from serving.scorer import TELL, find_norms, look, share

Measure = Literal["probability", "predicted"]
Key = tuple[str, str | None]  # a target, and a category where it ranks categories
Figures = dict[Key, float]
Models = Mapping[str, Bundle]


def name_measure(bundle: Bundle) -> Measure:
    """Return what a target's figure is: a probability, or the worth that is predicted."""
    return "predicted" if bundle.manifest.kind == "worth" else "probability"


def read_figures(kept: Kept) -> Figures:
    """Return the figures that an answer tells."""
    figures: dict[Key, float | None] = {}
    for target, *_ in kept.form.models:
        row = {n: kept.row.get(FLAT_NAMES.get(f"{target}_{n}", f"{target}_{n}")) for n in _TOLD}
        items = [(row[category], row[figure]) for category, figure in _ITEMS]
        figures |= {(target, category): figure for category, figure in items if category}
        figures[target, None] = row["probability"] if row["predicted"] is None else row["predicted"]
    return {key: figure for key, figure in figures.items() if figure is not None}


_ITEMS = [(f"{n}_category", f"{n}_probability") for n in range(1, ITEMS + 1)]
_TOLD = ("probability", "predicted", *(name for pair in _ITEMS for name in pair))


def make_figures(told: Told, as_of_us: int, models: Models) -> Figures:
    """Return the figures that the models tell of the rows as of a moment, of everybody.

    Where an answer would not speak of the customer, or not show a category, a figure stands here
    all the same: the share among customers like this, or 0.
    """
    history = join_rows([told], find_norms(models.values()))
    as_of, groups = EPOCH + timedelta(microseconds=as_of_us), share(models.values())
    figures: Figures = {}
    for bundles, known in look(history, as_of, groups, tuple(models)).parts:
        for bundle in bundles:
            figures |= _measure(bundle, known)
    return figures


def _measure(bundle: Bundle, known: Known) -> Figures:
    if bundle.manifest.kind == "choice":
        history = known.history.assume(bundle.norms.products)
        told = tell_all(bundle, history, known)[0]
        named = zip(find_shelf(bundle).names, told.tolist(), strict=True)
        return {(bundle.target, name): max(probability, 0.0) for name, probability in named}
    flat = f"{bundle.target}_{name_measure(bundle)}"
    told = TELL[bundle.manifest.kind](bundle, known)[FLAT_NAMES.get(flat, flat)]
    return {(bundle.target, None): float(np.ma.getdata(told)[0])}
