"""What would change an answer most: each edit of the history is answered anew, the best is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from contract.answers import ITEMS
from contract.bundle import Bundle
from contract.flat import FLAT_NAMES, list_own
from contract.models import Numbers
from contract.moments import as_micros, as_utc
from features.compute import compute
from features.history import History
from serving.reasons.edits import EDITS, OPEN, Moment
from serving.reasons.words import LANGUAGES, Language, tell_number
from serving.scorer import Scorer

Measure = Literal["probability", "predicted"]
MEASURES: Mapping[str, Measure] = {
    "chance": "probability", "choice": "probability", "worth": "predicted",
}  # fmt: skip
LEAST: Mapping[Measure, float] = {"probability": 0.0005, "predicted": 0.01}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "order_again": ("With an order like the last one placed yesterday",
                    "假如客户昨天再下一单，内容与上一单相同"),
    "settle_complaints": ("With every open complaint settled", "假如未解决的投诉均已解决"),
    "answer_campaign": ("With a campaign sent two days ago and answered yesterday",
                        "假如客户前天收到营销活动，并在昨天作出回应"),
    "visit": ("With a visit yesterday", "假如客户昨天有过一次访问"),
    "call": ("With a call from the shop yesterday", "假如商家昨天致电客户"),
}  # fmt: skip


class Change(BaseModel):
    """The edit of a customer's history by which an answer would move most the way that is wanted.

    It says what the model would answer of such a history, not what will happen.
    """

    model_config = ConfigDict(frozen=True)

    target: str
    category: str | None = Field(None, description="Of a cross-sell: the category shown first.")
    edit: str = Field(description="As docs/reasons.md lists them.")
    measure: Measure
    before: float
    after: float
    text: str


class _Answers(NamedTuple):
    """What is answered to a target as it is and by each edit, NaN where nothing is."""

    numbers: dict[str, Numbers]
    categories: list[str | None] | None = None


class _Best(NamedTuple):
    edit: str
    before: float
    after: float


def find_changes(
    scorer: Scorer,
    history: History,
    asked: tuple[datetime, Sequence[str]],
    language: Language = "en",
) -> dict[str, list[Change]]:
    """Return for each customer what would change the answer to each target most, if anything.

    `asked` are the moment and the targets. A lower churn is wanted and a higher everything else; of
    a shop's own target it is not known, so that either way counts.
    """
    as_of = as_utc(asked[0])
    ids, told = _answer_all(scorer, history, (as_of, asked[1]))
    changes: dict[str, list[Change]] = {own: [] for own in ids}
    for target, answers in told.items():
        bundle = scorer.bundles[target]
        categories = answers.categories or [None] * len(ids)
        best = _choose(bundle, answers.numbers)
        for own, category, one in zip(ids, categories, best, strict=True):
            if one:
                changes[own].append(_tell(bundle, (one, category), language))
    return changes


def _answer_all(
    scorer: Scorer, history: History, asked: tuple[datetime, Sequence[str]]
) -> tuple[list[str], dict[str, _Answers]]:
    """Return the customers, and what is answered to each target."""
    as_of, targets = asked
    at_us = as_micros(as_of)
    known = history.before(at_us).choose(history.known(at_us))
    columns = compute(known, {as_of: scorer.norms}, [OPEN]).columns
    now = Moment(known, at_us, columns)
    rows = {
        edit: scorer.score(EDITS[edit](now) if edit else known, as_of, targets)
        for edit in ("", *EDITS)
    }
    return known.ids.to_pylist(), {t: _read(scorer.bundles[t], rows) for t in targets}


def _read(bundle: Bundle, rows: Mapping[str, pa.Table]) -> _Answers:
    """Return a target's answers; of a choice the number is that of the category shown first."""
    if bundle.manifest.kind != "choice":
        name = _name_column(bundle)
        return _Answers({edit: _number(told, name) for edit, told in rows.items()})
    first = rows[""][f"{bundle.target}_1_category"].to_pylist()
    numbers = {}
    for edit, told in rows.items():
        numbers[edit] = np.full(len(first), np.nan)  # by an edit it may not be shown any more
        for place in range(1, ITEMS + 1):
            shown = told[f"{bundle.target}_{place}_category"].to_pylist()
            same = np.array([a is not None and a == b for a, b in zip(first, shown, strict=True)])
            probability = _number(told, f"{bundle.target}_{place}_probability")
            numbers[edit] = np.where(same, probability, numbers[edit])
    return _Answers(numbers, first)


def _number(rows: pa.Table, name: str) -> Numbers:
    column: Numbers = rows[name].to_numpy(zero_copy_only=False).astype(float)
    return column


def _name_column(bundle: Bundle) -> str:
    name = f"{bundle.target}_{MEASURES[bundle.manifest.kind]}"
    return FLAT_NAMES.get(name, name)


def _choose(bundle: Bundle, told: Mapping[str, Numbers]) -> list[_Best | None]:
    """Return for each customer the edit that gains most, or None where none gains anything."""
    before = told[""]
    moved = np.stack([told[edit] - before for edit in EDITS])
    if bundle.target in list_own([bundle.target]):
        gain = np.abs(moved)
    else:
        gain = -moved if bundle.manifest.eligible.others == "stage" else moved
    gain = np.nan_to_num(gain, nan=-np.inf)
    best = gain.argmax(axis=0)
    least = LEAST[MEASURES[bundle.manifest.kind]]
    names = tuple(EDITS)
    return [
        _Best(names[b], float(before[i]), float(told[names[b]][i])) if gain[b, i] >= least else None
        for i, b in enumerate(best)
    ]


def _tell(bundle: Bundle, found: tuple[_Best, str | None], language: Language) -> Change:
    best, category = found
    measure = MEASURES[bundle.manifest.kind]
    unit = "probability" if measure == "probability" else "money"
    before, after = (tell_number(n, unit, language == "en") for n in (best.before, best.after))
    start = SENTENCES[best.edit][LANGUAGES.index(language)]
    if language == "en":
        of = f" for {category}" if category else ""
        text = (
            f"{start}, the model would answer {after}{of} instead of {before}. That is what it"
            " makes of such a history, not a promise."
        )
    else:
        of = f"对{category}" if category else ""
        text = (
            f"{start}，模型{of}给出的结果将是{after}，而不是{before}。"
            "这只是模型对此类历史的判断，并非承诺。"
        )
    return Change(
        target=bundle.target,
        category=category,
        edit=best.edit,
        measure=measure,
        before=best.before,
        after=best.after,
        text=text,
    )
