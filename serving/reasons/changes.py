"""What would change an answer most: each edit of the history is answered anew, the best is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

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
MEASURES: Mapping[str, Measure] = {"chance": "probability", "worth": "predicted"}
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
    edit: str = Field(description="As docs/reasons.md lists them.")
    measure: Measure
    before: float
    after: float
    text: str


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
    bundles = [scorer.bundles[t] for t in asked[1] if scorer.bundles[t].manifest.kind in MEASURES]
    if not bundles:
        return {}
    ids, told = _answer_all(scorer, history, (as_of, [b.target for b in bundles]))
    changes: dict[str, list[Change]] = {own: [] for own in ids}
    for bundle in bundles:
        numbers = {edit: answers[bundle.target] for edit, answers in told.items()}
        for own, best in zip(ids, _choose(bundle, numbers), strict=True):
            if best:
                changes[own].append(_tell(bundle, best, language))
    return changes


def _answer_all(
    scorer: Scorer, history: History, asked: tuple[datetime, list[str]]
) -> tuple[list[str], dict[str, dict[str, Numbers]]]:
    """Return the customers, and their answers as they are and by each edit, NaN where none is."""
    as_of, targets = asked
    at_us = as_micros(as_of)
    known = history.before(at_us).choose(history.known(at_us))
    columns = compute(known, {as_of: scorer.norms}, [OPEN]).columns
    now = Moment(known, at_us, columns)
    told = {}
    for edit in ("", *EDITS):
        rows = scorer.score(EDITS[edit](now) if edit else known, as_of, targets)
        names = {t: _name_column(scorer.bundles[t]) for t in targets}
        told[edit] = {
            t: rows[n].to_numpy(zero_copy_only=False).astype(float) for t, n in names.items()
        }
    return known.ids.to_pylist(), told


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


def _tell(bundle: Bundle, best: _Best, language: Language) -> Change:
    measure = MEASURES[bundle.manifest.kind]
    unit = "probability" if measure == "probability" else "money"
    before, after = (tell_number(n, unit, language == "en") for n in (best.before, best.after))
    start = SENTENCES[best.edit][LANGUAGES.index(language)]
    if language == "en":
        text = (
            f"{start}, the model would answer {after} instead of {before}. That is what it makes of"
            " such a history, not a promise."
        )
    else:
        text = (
            f"{start}，模型给出的结果将是{after}，而不是{before}。"
            "这只是模型对此类历史的判断，并非承诺。"
        )
    return Change(
        target=bundle.target,
        edit=best.edit,
        measure=measure,
        before=best.before,
        after=best.after,
        text=text,
    )
