"""Whom a batch answers for: customers known before the moment, and what `--where` says of them."""

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import numpy as np
import polars as pl

from contract.columns import ATTRIBUTE
from contract.moments import as_micros, as_utc
from features.compute import compute
from features.dictionary import FEATURES
from features.history import History
from features.sources import Shop
from serving.batch.asked import Asked, AskedError
from serving.chances import find_stages
from serving.scorer import SILENCE, Scorer

ID, STAGE = "customer_id", "stage"
TEXTS = ("country", "kind")


def choose(scorer: Scorer, history: History, asked: Asked) -> History:
    """Return the history of the customers known before the moment of whom the segment is true."""
    moment = as_utc(asked.as_of)
    known = history.choose(history.known(as_micros(moment)))
    if not asked.where or not len(known):
        return known
    condition, names = read_where(asked.where, history)
    columns = _tell(scorer, known, moment, names)
    try:
        (held,) = pl.DataFrame(columns).select(condition).get_columns()
    except pl.exceptions.PolarsError as error:
        raise AskedError(
            f"--where cannot be asked: {type(error).__name__}.",
            "Compare numbers with numbers and texts with texts.",
        ) from error
    if held.dtype != pl.Boolean or len(held) != len(known):
        raise AskedError(
            "--where is no condition on a customer.", "Write one, such as: orders_365d >= 2"
        )
    return known.choose(held.fill_null(False).to_numpy())


def read_where(where: str, history: History) -> tuple[pl.Expr, tuple[str, ...]]:
    """Return the condition, and the names it asks about; one that nothing is called is refused."""
    try:
        condition = pl.sql_expr(where)
    except pl.exceptions.PolarsError as error:
        raise AskedError(
            f"--where {where!r} is not SQL that can be read.",
            "Write a condition, such as: orders_365d >= 2 AND country = 'DE'",
        ) from error
    names = tuple(dict.fromkeys(condition.meta.root_names()))
    known = (ID, STAGE, *FEATURES, *(f"{ATTRIBUTE}{name}" for name in history.attributes))
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3) or [*known[:3]]
            raise AskedError(
                f"--where asks about {name!r}, which is no feature.",
                f"Nearest: {', '.join(near)}. docs/features.md lists all.",
            )
    if not names:
        raise AskedError("--where asks about no feature.", "docs/features.md lists all.")
    return condition, names


def _tell(
    scorer: Scorer, history: History, moment: datetime, names: tuple[str, ...]
) -> dict[str, Any]:
    """Return the columns of those names, texts as the shop writes them; what is not known null."""
    kinds = {f"{ATTRIBUTE}{name}": kind for name, kind in history.attributes.items()}
    texts = [n for n in names if n in TEXTS or kinds.get(n) == "text"]
    numbers = [n for n in names if n not in (ID, STAGE, *texts)]
    norms = scorer.norms
    read = [*numbers, *([SILENCE] if STAGE in names else [])]
    rows = compute(history.assume(norms.products), {moment: norms}, dict.fromkeys(read)).columns
    columns: dict[str, Any] = {n: pl.Series(rows[n], nan_to_null=True) for n in numbers}
    if ID in names:
        columns[ID] = pl.from_arrow(history.ids)
    if STAGE in names:
        columns[STAGE] = find_stages(rows[SILENCE])
    return columns | {name: _tell_text(history, moment, name) for name in texts}


def _tell_text(history: History, moment: datetime, name: str) -> list[str | None]:
    """Return the text last said of each customer."""
    source = "attributes" if name in TEXTS else "entries"
    said = Shop(history).past(source, as_micros(moment))
    codes, names = said.last(name), said.names(name)
    return [names[int(c)] if c >= 0 else None for c in np.nan_to_num(codes, nan=-1.0)]
