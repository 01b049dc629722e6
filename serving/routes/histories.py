"""Records, and rows that the store has of them, as a history that the scorer reads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from contract.moments import as_micros
from contract.norms import Norms
from features.arrow import as_table, put_rows
from features.history import History
from features.told import Act, Entry, Line, tell_history
from serving.routes.kept import NONE_KEPT, Kept
from serving.routes.records import Record
from serving.store.rows import Listed, find_since, list_entries


def tell_records(
    records: Mapping[str, Record],
    as_of: datetime,
    norms: Norms,
    listed: Mapping[str, Sequence[Listed]] = MappingProxyType({}),
    kept: Kept = NONE_KEPT,
) -> History:
    """Return the records as a history that the scorer reads; every record is a known customer.

    `listed` is what the store says of some of them, from when on; `kept` are rows that it has.
    """
    places = list(enumerate(records.values()))
    lines = [
        Line(place, as_micros(line.ordered_at), line.order_id, line.amount, line.quantity,
             line.discount, line.product_id or None)
        for place, record in places
        for line in record.transactions
    ]  # fmt: skip
    acts = [
        Act(place, as_micros(act.occurred_at), act.kind, act.channel or None, act.value,
            act.initiated_by or None)
        for place, record in places
        for act in record.interactions
    ]  # fmt: skip
    entries = [
        Entry(place, as_micros(r.valid_from) if r.valid_from else 0, r.country or None,
              r.kind or None, used)
        for place, r in places
        if (used := r.use(norms.attributes)) or r.country or r.kind or r.valid_from
    ]  # fmt: skip
    said = [listed.get(key, ()) for key in records]
    entries += [entry for place, own in enumerate(said) for entry in list_entries(place, own)]
    since = [find_since(r.since, own, as_of) for (_, r), own in zip(places, said, strict=True)]
    if not kept.places:
        return tell_history(list(records), lines, acts, entries, since, norms)
    known = kept.list_rows({key: place for place, key in enumerate(records)})
    beside: tuple[list[Any], list[Any]] = lines, acts
    bought, done = (
        pa.concat_tables([rows, as_table(told, rows.schema)])
        for rows, told in zip(known, beside, strict=True)
    )
    history = tell_history(list(records), (), (), entries, since, norms)
    return put_rows(history, bought, done, norms)
