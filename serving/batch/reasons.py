"""Reasons in a batch: columns beside the answers, the strongest first."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from contract.bundle import Bundle
from features.history import History
from serving.batch.asked import Asked
from serving.reasons.explain import rank_reasons, tell_row
from serving.reasons.sharing import PARTS
from serving.scorer import Scorer

# Of each reason: the ending of its column, and its type.
FIELDS = {"": pa.string(), "_feature": pa.string(), "_direction": pa.string(),
          "_strength": pa.float64()}  # fmt: skip


def add_reasons(rows: pa.Table, scorer: Scorer, history: History, asked: Asked) -> pa.Table:
    """Return the rows with as many reasons of each target, or part of it, as were asked for."""
    targets = asked.targets or tuple(scorer.bundles)
    told: dict[str, dict[int, list[tuple[Any, ...]]]] = {
        start: {} for t in targets for start in _list_starts(scorer.bundles[t])
    }
    if len(rows):
        _, found = rank_reasons(scorer, history, (asked.as_of, targets), asked.reasons)
        for part in found:
            bundle, explained, _ = part
            start = f"{bundle.target}_{explained.part}" if explained.part else bundle.target
            for row, place in enumerate(explained.customers.tolist()):
                told[start][place] = [
                    (one.text, one.feature, one.direction, one.strength)
                    for one in tell_row(part, row, asked.language)
                ]
    for start, by_place in told.items():
        for name, column in _list_columns(start, by_place, (len(rows), asked.reasons)):
            rows = rows.append_column(name, column)
    return rows


def _list_starts(bundle: Bundle) -> list[str]:
    """Return what the columns of a target's reasons begin with: a worth has reasons by part."""
    if bundle.manifest.kind == "worth":
        return [f"{bundle.target}_{part}" for part in PARTS.values()]
    return [bundle.target]


def _list_columns(
    start: str, by_place: dict[int, list[tuple[Any, ...]]], size: tuple[int, int]
) -> Iterator[tuple[str, pa.Array]]:
    rows, most = size
    nothing: tuple[Any, ...] = (None,) * len(FIELDS)
    for number in range(most):
        one = [
            reasons[number] if number < len(reasons := by_place.get(place, [])) else nothing
            for place in range(rows)
        ]
        columns = zip(*one, strict=True) if one else [()] * len(FIELDS)
        for (ending, kind), column in zip(FIELDS.items(), columns, strict=True):
            yield f"{start}_reason_{number + 1}{ending}", pa.array(column, kind)
