"""Histories with one thing more in them: what a shop could bring about, told as its own rows.

Rows are edited and not features, so that all features of an edited history agree with each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contract.models import Columns
from features.history import History
from features.sums import Array
from features.tables import Table, arrange
from features.timeline import DAY_US

OPEN = "open_complaints"


@dataclass(frozen=True)
class Moment:
    """What is known as of a moment: the history up to it, and the features that edits read."""

    history: History
    as_of_us: int
    columns: Columns


def order_again(now: Moment) -> History:
    """Return the history with each customer's last order placed again a day ago."""
    lines = now.history.lines
    owner = _find_owners(lines)
    (kept,) = np.nonzero((lines["amount"] > 0) & (lines["at_us"] < now.as_of_us))
    last = np.full(len(now.history), -1)
    last[owner[kept]] = kept  # of equals the last is left
    same = kept[lines["order"][kept] == lines["order"][last[owner[kept]]]]
    added = {name: column[same] for name, column in lines.columns.items()}
    added["at_us"] = np.full(len(same), now.as_of_us - DAY_US)
    added["order"] = ~added["order"]
    whole = _add(lines, owner[same], added, ("at_us", "order"))
    return replace(now.history, lines=whole)


def settle_complaints(now: Moment) -> History:
    """Return the history with every open complaint or ticket resolved by the shop just now."""
    count = np.nan_to_num(now.columns[OPEN]).astype(np.int64)
    whose = np.arange(len(count)).repeat(count)
    return _act(now, (whose, 1), ("complaint_resolved", True))


def answer_campaign(now: Moment) -> History:
    """Return the history with a campaign two days ago, and an e-mail clicked a day later."""
    everyone = np.arange(len(now.history))
    sent = _act(now, (everyone, 2 * DAY_US), ("campaign", True))
    return _act(replace(now, history=sent), (everyone, DAY_US), ("email_click", False))


def visit(now: Moment) -> History:
    """Return the history with a visit a day ago."""
    return _act(now, (np.arange(len(now.history)), DAY_US), ("visit", False))


def call(now: Moment) -> History:
    """Return the history with a call by the shop a day ago."""
    return _act(now, (np.arange(len(now.history)), DAY_US), ("call", True))


EDITS: Mapping[str, Callable[[Moment], History]] = {
    edit.__name__: edit for edit in (order_again, settle_complaints, answer_campaign, visit, call)
}


def _act(now: Moment, when: tuple[Array, int], what: tuple[str, bool]) -> History:
    """Return the history with an act of each of these customers, so many microseconds ago."""
    (whose, ago_us), (kind, company) = when, what
    acts, names = now.history.acts, now.history.names
    kinds = names["act_kind"] if kind in names["act_kind"] else (*names["act_kind"], kind)
    told: dict[str, Any] = {"at_us": now.as_of_us - ago_us, "kind": kinds.index(kind),
                            "channel": -1, "value": np.nan, "company": company}  # fmt: skip
    added = {n: np.full(len(whose), told[n], acts[n].dtype) for n in acts.columns}
    whole = _add(acts, whose, added, ("at_us", "kind"))
    return replace(now.history, acts=whole, names={**names, "act_kind": kinds})


def _add(table: Table, whose: Array, rows: Mapping[str, Array], by: tuple[str, str]) -> Table:
    owner = np.concatenate([_find_owners(table), whose]).astype(np.int32)
    columns = {name: np.concatenate([table[name], rows[name]]) for name in table.columns}
    return arrange(owner, len(table.bounds) - 1, columns, by)


def _find_owners(table: Table) -> Array:
    return np.arange(len(table.bounds) - 1).repeat(np.diff(table.bounds))
