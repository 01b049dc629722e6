"""Answers told again, from what their receipts keep."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from contract.bundle import Bundle
from contract.flat import list_own, nest
from contract.moments import EPOCH
from serving.chances import Known
from serving.receipts.issue import fingerprint_dictionary
from serving.receipts.kept import Kept, Row, find_kept, tell_row
from serving.receipts.library import Library
from serving.receipts.packing import join_rows
from serving.scorer import Seen, find_norms, tell_flat
from serving.store.opened import Store

CHANGED = "dictionary_changed"  # features mean something else now; the kept ones were read
ALTERED = "receipt_altered"  # what is kept is not what the receipt is a digest of

DETAILS = {
    "unknown_receipt": "No such receipt is kept: it is older than receipts are kept, its customer"
    " was erased, or it was never issued here.",
    "model_not_here": "The version that answered is not here any more.",
}


@dataclass(frozen=True)
class Replay:
    """An answer as it was told and as it is made again, or why it cannot be made again.

    `differences` are the columns, as the batch names them, that come out otherwise.
    """

    receipt: str
    error: str | None = None
    kept: Kept | None = None
    told: dict[str, Any] | None = None
    again: dict[str, Any] | None = None
    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all that was told came out the same, to the last bit."""
        return self.again is not None and not self.differences and ALTERED not in self.warnings


def replay_all(
    store: Store, receipts: Iterable[str], library: Library, serving: Iterable[Bundle] = ()
) -> list[Replay]:
    """Return the replay of each receipt, in their order."""
    asked, loaded = list(receipts), tuple(serving)
    replays: dict[str, Replay] = {}
    for alike in _group(find_kept(store, asked).values()):
        models = library.find_all(alike[0].form, loaded)
        replays |= {made.receipt: made for made in replay(alike, models)}
    return [replays.get(one) or Replay(one, error="unknown_receipt") for one in asked]


def _group(kept: Iterable[Kept]) -> list[list[Kept]]:
    """Return the receipts in groups that can be made again together."""
    groups: dict[Any, list[Kept]] = {}
    for one in kept:
        key = one.form.key, one.as_of_us, tuple(sorted(one.told.odd.items()))
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def replay(alike: Sequence[Kept], models: Mapping[str, Bundle | None]) -> list[Replay]:
    """Return the answers made again by the models that made them first, as of one moment."""
    bundles = {target: bundle for target, bundle in models.items() if bundle}
    if len(bundles) < len(models):
        return [Replay(kept.receipt, error="model_not_here", kept=kept) for kept in alike]
    rows = tell_flat(restore(alike, bundles), list_own(bundles)).to_pylist()
    return [_compare(kept, row) for kept, row in zip(alike, rows, strict=True)]


def _compare(kept: Kept, row: Row) -> Replay:
    again = json.loads(tell_row(row, kept.form))
    made = dict(zip(kept.form.columns, again, strict=True))
    return Replay(
        receipt=kept.receipt,
        kept=kept,
        # What answers have come to tell since is filled in, so that both are of one form.
        told=_nest(kept, {**row, **kept.row}),
        again=_nest(kept, row),
        differences=tuple(name for name, told in kept.row.items() if made[name] != told),
        warnings=tuple(_warn(kept)),
    )


def _nest(kept: Kept, row: Row) -> dict[str, Any]:
    """Return a flat row as it is answered, but for what only concerns the request."""
    models = [dict(zip(("target", "version", "sha256"), m, strict=True)) for m in kept.form.models]
    beside = {"customer_id": kept.customer_id, "models": models}
    answer = nest({**row, **beside}).model_dump(mode="json", exclude_none=True)
    return {name: part for name, part in answer.items() if name not in ("receipt", "warnings")}


def restore(alike: Sequence[Kept], bundles: Mapping[str, Bundle]) -> Seen:
    """Return what the models read then: the kept features, and the kept rows behind pairs."""
    first, told = alike[0], [kept.told for kept in alike]
    as_of = EPOCH + timedelta(microseconds=first.as_of_us)
    history = join_rows(told, find_norms(bundles.values()))
    columns = iter(np.ascontiguousarray(np.stack([kept.features for kept in alike]).T))
    parts = []
    for targets, names in first.form.parts:
        read = {name: next(columns) for name in names}
        parts.append((tuple(bundles[t] for t in targets), Known(history, read, as_of)))
    return Seen(history.ids, as_of, tuple(parts), tuple(bundles))


def _warn(kept: Kept) -> Iterator[str]:
    if not kept.whole:
        yield ALTERED
    try:
        changed = fingerprint_dictionary(kept.form.parts) != kept.form.dictionary
    except KeyError:  # a feature that there is no more
        changed = True
    if changed:
        yield CHANGED


def tell_replay(made: Replay) -> dict[str, Any]:
    """Return a replay as it is told in JSON."""
    if made.error or made.kept is None:
        detail = DETAILS[made.error or "unknown_receipt"]
        error = {"code": made.error, "detail": detail, "retryable": False}
        return {"status": "error", "receipt": made.receipt, "error": error}
    return {
        "status": "ok",
        "receipt": made.receipt,
        "equal": made.equal,
        "differences": made.differences,
        "told": made.told,
        "again": made.again,
        "dictionary": made.kept.form.dictionary,
        "rows_sha256": made.kept.rows_sha256,
        "warnings": made.warnings,
    }


def describe_replay(told: Mapping[str, Any]) -> str:
    """Return in a few lines what a replay that was made says."""
    answer = told["told"]
    models = ", ".join(f"{m['target']} {m['version']}" for m in answer["models"])
    lines = [
        "Equal to the last bit." if told["equal"] else "Not the same.",
        f"as of       {answer['as_of']}",
        f"models      {models}",
        f"rows        {told['rows_sha256']}",
        f"dictionary  {told['dictionary']}",
        *(f"differs     {place}" for place in told["differences"]),
        *(f"warning     {warning}" for warning in told["warnings"]),
    ]
    return "\n".join(lines)
