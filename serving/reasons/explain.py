"""Reasons for the answers of many customers, as a salesperson reads them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from contract.bundle import Bundle
from contract.moments import as_utc
from features.compute import compute
from features.history import History
from serving.chances import Known
from serving.reasons.groups import GROUPS
from serving.reasons.ranking import MOST, Ranking, rank_groups
from serving.reasons.sharing import SHARE, Explained
from serving.reasons.words import BESIDE, LANGUAGES, Language, Spoken, tell_feature
from serving.scorer import Scorer


class Reason(BaseModel):
    """One group of features that moves an answer, told by the one of them that moves it most."""

    model_config = ConfigDict(frozen=True)

    target: str
    part: str | None = Field(None, description="Of a lifetime value: which part is moved.")
    category: str | None = Field(None, description="Of a cross-sell: the category shown first.")
    feature: str
    group: str = Field(description="As docs/reasons.md lists them.")
    group_name: str = Field(description="The group, as a salesperson calls it.")
    value: float | None = Field(None, description="The customer's own; absent if not known.")
    direction: Literal["raises", "lowers"] = Field(description="What it does to the number told.")
    strength: float = Field(ge=0, le=1, description="Share of all that moves it, up or down.")
    text: str


class Told(NamedTuple):
    """How reasons are told: how many of each part of an answer, and in which language."""

    language: Language = "en"
    most: int = MOST


Found = tuple[Bundle, Explained, Ranking]


def explain(
    scorer: Scorer, history: History, asked: tuple[datetime, Sequence[str]], told: Told
) -> dict[str, list[Reason]]:
    """Return the reasons for each customer's answers, by target, part and strength.

    `asked` are the moment and the targets.
    """
    ids, found = rank_reasons(scorer, history, asked, told.most)
    reasons: dict[str, list[Reason]] = {own: [] for own in ids}
    for bundle, explained, ranking in found:
        for row, place in enumerate(explained.customers):
            reasons[ids[place]] += tell_row((bundle, explained, ranking), row, told.language)
    return reasons


def rank_reasons(
    scorer: Scorer, history: History, asked: tuple[datetime, Sequence[str]], most: int = MOST
) -> tuple[list[str], list[Found]]:
    """Return the customers, and which groups move each target's answers most, in a table each.

    A batch reads these; sentences, which cost more than the shares, are told of a row at a time.
    """
    as_of, targets = as_utc(asked[0]), asked[1]
    ids: list[str] = []
    found: dict[str, list[Found]] = {}
    for norms, bundles in scorer.shared:
        chosen = [b for b in bundles if b.target in targets]
        if chosen:
            read = dict.fromkeys([*BESIDE, *(name for b in chosen for name in b.reads)])
            rows = compute(history.assume(norms.products), {as_of: norms}, read)
            known = Known(history, rows.columns, as_of)
            ids = rows.ids.to_pylist()
            for bundle in chosen:
                parts = SHARE[bundle.manifest.kind](bundle, known)
                found[bundle.target] = [(bundle, p, rank_groups(p.shares, most)) for p in parts]
    return ids, [part for target in targets for part in found[target]]


def tell_row(found: Found, row: int, language: Language) -> Iterator[Reason]:
    """Yield the reasons of one row, the strongest first."""
    bundle, explained, ranking = found
    category = explained.categories[row] if explained.categories else None
    for place, strength in enumerate(ranking.strength[row].tolist()):
        if not strength:
            return
        name = ranking.names[ranking.feature[row, place]]
        values = {n: float(explained.columns[n][row]) for n in (name, *BESIDE)}
        group = ranking.groups[ranking.group[row, place]]
        yield Reason(
            target=bundle.target,
            part=explained.part,
            category=category,
            feature=name,
            group=group,
            group_name=GROUPS[group][LANGUAGES.index(language)],
            value=values[name] if isfinite(values[name]) else None,
            direction="raises" if ranking.added[row, place] > 0 else "lowers",
            strength=min(strength, 1.0),
            text=tell_feature(name, Spoken(values, bundle.norms, language, category or "")),
        )
