"""Reasons in a batch: columns beside the answers, the strongest first."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from contract.bundle import Bundle
from features.history import History
from serving.batch.asked import Asked
from serving.reasons.explain import Found, rank_reasons
from serving.reasons.sharing import PARTS, Explained
from serving.reasons.words import BESIDE, Language, Spoken, make_teller
from serving.scorer import Scorer

Texts = np.ndarray[Any, np.dtype[np.object_]]

# Of each reason: the ending of its column, and its type.
FIELDS = {"": pa.string(), "_feature": pa.string(), "_direction": pa.string(),
          "_strength": pa.float64()}  # fmt: skip


def add_reasons(rows: pa.Table, scorer: Scorer, history: History, asked: Asked) -> pa.Table:
    """Return the rows with as many reasons of each target, or part of it, as were asked for."""
    targets = asked.targets or tuple(scorer.bundles)
    found = (
        rank_reasons(scorer, history, (asked.as_of, targets), asked.reasons)[1] if len(rows) else []
    )
    by_start = {_start(part[0], part[1].part): part for part in found}
    for start in (start for t in targets for start in _list_starts(scorer.bundles[t])):
        for number in range(asked.reasons):
            part = by_start.get(start)
            told = _tell(part, number, asked.language) if part else {}
            for ending, kind in FIELDS.items():
                column = np.full(len(rows), None, dtype=object)
                if part and told:
                    column[part[1].customers] = told[ending]
                name = f"{start}_reason_{number + 1}{ending}"
                rows = rows.append_column(name, pa.array(column, kind))
    return rows


def _start(bundle: Bundle, part: str | None) -> str:
    return f"{bundle.target}_{part}" if part else bundle.target


def _list_starts(bundle: Bundle) -> list[str]:
    """Return what the columns of a target's reasons begin with: a worth has reasons by part."""
    parts = PARTS.values() if bundle.manifest.kind == "worth" else (None,)
    return [_start(bundle, part) for part in parts]


def _tell(found: Found, number: int, language: Language) -> dict[str, Texts]:
    """Return the columns of one reason of each row; nothing where there is no such reason."""
    bundle, explained, ranking = found
    if number >= ranking.strength.shape[1]:
        return {}
    strength = ranking.strength[:, number]
    held = strength > 0
    names = np.array(ranking.names, dtype=object)[ranking.feature[:, number]]
    raises = np.where(ranking.added[:, number] > 0, "raises", "lowers").astype(object)
    told = {
        "": _tell_texts(names, explained, Spoken({}, bundle.norms, language)),
        "_feature": names,
        "_direction": raises,
        "_strength": np.minimum(strength, 1.0).astype(object),
    }
    for column in told.values():
        column[~held] = None
    return told


def _tell_texts(names: Texts, explained: Explained, spoken: Spoken) -> Texts:
    """Return each row's sentence on the feature of that name."""
    texts = np.full(len(names), None, dtype=object)
    categories = np.array(explained.categories or [""] * len(names), dtype=object)
    beside = [explained.columns[n] for n in BESIDE]
    for name, category, rows in _group(names, categories):
        own = Spoken({}, spoken.norms, spoken.language, category)
        tell, keys = make_teller(name, own), (*BESIDE, name)
        columns = [column[rows].tolist() for column in (*beside, explained.columns[name])]
        texts[rows] = [
            tell(dict(zip(keys, told, strict=True))) for told in zip(*columns, strict=True)
        ]
    return texts


def _group(names: Texts, categories: Texts) -> Iterator[tuple[str, str, Any]]:
    """Yield each name and category that occur together, and their rows."""
    places: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(names.tolist(), categories.tolist(), strict=True)):
        places.setdefault(key, []).append(row)
    for (name, category), rows in places.items():
        yield name, category, np.array(rows)
