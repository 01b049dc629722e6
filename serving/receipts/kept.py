"""Receipts in the store: written, found again, and forgotten."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from contract.models import Numbers
from serving.receipts.issue import Form, Issued, read_form, sign, start_signing
from serving.receipts.packing import (
    Told,
    pack_features,
    pack_rows,
    unpack_features,
    unpack_rows,
)
from serving.store.opened import Store, now_us
from serving.store.privacy import find_erased
from serving.store.schema import FORMS, RECEIPTS

Row = Mapping[str, Any]
Filed = tuple[Issued, Sequence[Row]]  # receipts, and the flat rows that were answered

DAY_US = 86_400_000_000
AT_ONCE = 500  # receipts asked for in one query


@dataclass(frozen=True)
class Kept:
    """A receipt as the store holds it."""

    receipt: str
    customer_id: str
    form: Form
    as_of_us: int
    rows_sha256: str
    features: Numbers
    packed: bytes
    row: Row

    @cached_property
    def told(self) -> Told:
        """The customer's rows."""
        return unpack_rows(self.packed)

    @property
    def whole(self) -> bool:
        """Whether the receipt is the digest of what is kept, as it was when it was issued."""
        start = start_signing(self.form, self.as_of_us)
        rows = bytes.fromhex(self.rows_sha256)
        return self.receipt == sign(start, self.customer_id, rows, self.features.tobytes())


def write_receipts(store: Store, batch: Sequence[Filed]) -> None:
    """Keep the receipts with what they stand for; one that is kept already stays as it is."""
    forms = {issued.form.key: issued.form.told for issued, _ in batch}
    now = now_us()
    rows = [row for issued, answers in batch for row in _list_rows(issued, answers, now)]
    make: Any = sqlite.insert if store.embedded else postgresql.insert
    with store.write() as connection:
        erased = find_erased(connection, {str(row["customer_id"]) for row in rows})
        rows = [row for row in rows if row["customer_id"] not in erased]
        told = [{"form": key, "told": form} for key, form in sorted(forms.items())]
        connection.execute(make(FORMS).on_conflict_do_nothing(), told)
        # In one order, so that of two who write the same neither waits for the other in turn.
        rows.sort(key=lambda row: str(row["receipt"]))
        if rows:
            connection.execute(make(RECEIPTS).on_conflict_do_nothing(), rows)


def tell_row(row: Row, form: Form) -> str:
    """Return what is kept of a flat row: what the models foretell, in the order of the form."""
    return _ENCODE([row.get(name) for name in form.columns])


_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=date.isoformat).encode


def _list_rows(issued: Issued, answers: Sequence[Row], now: int) -> Iterable[dict[str, Any]]:
    packed = zip(pack_features(issued.features), pack_rows(issued.rows), strict=True)
    told = zip(issued.receipts, issued.customers, answers, packed, strict=True)
    for i, (receipt, customer, row, (features, rows)) in enumerate(told):
        said = tell_row(row, issued.form)
        yield {
            "receipt": receipt,
            "customer_id": customer,
            "form": issued.form.key,
            "as_of_us": issued.as_of_us,
            "made_us": now,
            "rows_sha256": issued.rows.prints[i].hex(),
            "features": features,
            "rows": rows,
            "answer": said,
        }


def find_kept(store: Store, receipts: Iterable[str]) -> dict[str, Kept]:
    """Return those of the receipts that are kept."""
    wanted, found = list(dict.fromkeys(receipts)), {}
    joined = sql.select(RECEIPTS, FORMS.c.told).join(FORMS, FORMS.c.form == RECEIPTS.c.form)
    with store.read() as connection:
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            for row in connection.execute(joined.where(RECEIPTS.c.receipt.in_(some))):
                found[row.receipt] = _read(row)
    return found


_read_form = lru_cache(1_000)(read_form)


def _read(row: Any) -> Kept:
    form = _read_form(row.told)
    return Kept(
        receipt=row.receipt,
        customer_id=row.customer_id,
        form=form,
        as_of_us=row.as_of_us,
        rows_sha256=row.rows_sha256,
        features=unpack_features(row.features, sum(len(names) for _, names in form.parts)),
        packed=row.rows,
        row=dict(zip(form.columns, json.loads(row.answer), strict=True)),
    )


def forget_receipts(store: Store, older_than_days: int) -> int:
    """Forget what was first told so many days ago or earlier; return how many receipts."""
    before = now_us() - older_than_days * DAY_US
    with store.write() as connection:
        gone = connection.execute(sql.delete(RECEIPTS).where(RECEIPTS.c.made_us < before))
    return gone.rowcount
