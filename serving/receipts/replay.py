"""Answers told again, from what their receipts keep."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from contract.bundle import Bundle
from contract.flat import list_own, nest
from contract.moments import EPOCH
from serving.chances import Known
from serving.receipts.issue import fingerprint_dictionary
from serving.receipts.kept import Kept, find_kept, tell_answer
from serving.receipts.library import Library
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

    `differences` are the places of what was told that come out otherwise.
    """

    receipt: str
    error: str | None = None
    kept: Kept | None = None
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
    kept = find_kept(store, asked)
    forms = {one.form.key: one.form for one in kept.values()}
    models = {key: library.find_all(form, loaded) for key, form in forms.items()}
    return [
        replay(kept[one], models[kept[one].form.key])
        if one in kept
        else Replay(one, error="unknown_receipt")
        for one in asked
    ]


def replay(kept: Kept, models: Mapping[str, Bundle | None]) -> Replay:
    """Return the answer made again by the models that made it first."""
    bundles = {target: bundle for target, bundle in models.items() if bundle}
    if len(bundles) < len(models):
        return Replay(kept.receipt, error="model_not_here", kept=kept)
    again = tell_again(restore(kept, bundles), kept.customer_id)
    again["models"] = kept.answer["models"]
    return Replay(
        receipt=kept.receipt,
        kept=kept,
        again=again,
        differences=tuple(differ(kept.answer, again)),
        warnings=tuple(_warn(kept)),
    )


def restore(kept: Kept, bundles: Mapping[str, Bundle]) -> Seen:
    """Return what the models read then: the kept features, and the kept rows behind pairs."""
    as_of = EPOCH + timedelta(microseconds=kept.as_of_us)
    history = kept.told.as_history(find_norms(bundles.values()))
    parts, first = [], 0
    for targets, names in kept.form.parts:
        columns = {n: kept.features[first + i : first + i + 1] for i, n in enumerate(names)}
        parts.append((tuple(bundles[t] for t in targets), Known(history, columns, as_of)))
        first += len(names)
    return Seen(pa.array([kept.customer_id]), as_of, tuple(parts), tuple(bundles))


def tell_again(seen: Seen, customer_id: str) -> dict[str, Any]:
    """Return the answer on the only customer seen, as it is kept."""
    (row,) = tell_flat(seen, list_own(seen.names)).to_pylist()
    said: dict[str, Any] = json.loads(tell_answer(nest(row | {"customer_id": customer_id})))
    return said


def differ(told: Any, again: Any, place: str = "") -> Iterator[str]:
    """Yield every place of what was told that is not the same again; more may be told now."""
    if isinstance(told, dict) and isinstance(again, dict):
        for name, part in told.items():
            yield from differ(part, again.get(name), f"{place}/{name}")
    elif told != again:
        yield place


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
        "told": made.kept.answer,
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
