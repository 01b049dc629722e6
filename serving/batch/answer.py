"""Some customers' rows of a batch: what every engine and every sink gets them from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from contract.flat import flat_schema, list_own
from contract.long import lengthen, pick_targets
from features.history import History
from serving.batch.asked import Asked
from serving.batch.reasons import add_reasons
from serving.batch.segment import choose
from serving.receipts.issue import Issued, issue
from serving.scorer import Scorer, tell_flat

MODELS = "patron_models"  # in the metadata of every file of rows


@dataclass(frozen=True)
class Answered:
    """The rows of some customers in the form asked for, and what a store keeps of them.

    `flat` are a row per customer with every target that answered, as `issued` are receipts of.
    """

    rows: pa.Table
    issued: Issued
    flat: pa.Table


def answer(scorer: Scorer, history: History, asked: Asked) -> pa.Table:
    """Return the rows of every customer asked for who is known before the moment.

    They come in the order of customer_id, the same to the bit whoever else is in the history.
    """
    return answer_whole(scorer, history, asked).rows


def answer_whole(scorer: Scorer, history: History, asked: Asked) -> Answered:
    """Return the rows of `answer`, and beside them what the receipts in them stand for."""
    chosen = choose(scorer, history, asked)
    seen, own = scorer.look(chosen, asked.as_of, asked.targets), list_own(scorer.bundles)
    rows = tell_flat(seen, own)
    issued = issue(seen, chosen)
    receipts = pa.array(issued.receipts, pa.string())
    flat = rows.set_column(rows.schema.get_field_index("receipt"), "receipt", receipts)
    rows = flat
    if asked.targets:
        rows = pick_targets(rows, asked.targets, list_answered(own))
    if asked.reasons:
        rows = add_reasons(rows, scorer, chosen, asked)
    rows = lengthen(rows, seen.names) if asked.long else rows
    told = {MODELS: json.dumps(tell_models(scorer, seen.names))}
    return Answered(rows.replace_schema_metadata(told), issued, flat)


def tell_models(scorer: Scorer, targets: Iterable[str]) -> dict[str, str]:
    """Return the sha256 of each target's model."""
    return {name: scorer.bundles[name].sha256 for name in targets}


def list_answered(own: tuple[str, ...]) -> list[str]:
    """Return every target that has columns in a flat row: those of every shop, and its own."""
    ending = "_horizon_days"
    return [n.removesuffix(ending) for n in flat_schema(own).names if n.endswith(ending)]
