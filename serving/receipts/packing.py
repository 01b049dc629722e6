"""A customer's rows in a few hundred bytes, and those bytes as rows again."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contract.columns import ATTRIBUTE
from contract.norms import Norms, Product
from features.history import NEVER, History
from features.sums import Array
from features.told import Act, Entry, Line, tell_history
from serving.receipts.rows import Rows

LEVEL = 1  # of zlib: the next would save a twentieth and take twice as long


@dataclass(frozen=True)
class Told:
    """One customer's rows before a moment, and of which products not what is usual is known."""

    lines: tuple[Line, ...]
    acts: tuple[Act, ...]
    entries: tuple[Entry, ...]
    since_us: int | None
    odd: dict[str, Product]

    def as_history(self, norms: Norms) -> History:
        """Return the rows as a history, of products that are as the norms say or as was told."""
        known = norms.model_copy(update={"products": {**norms.products, **self.odd}})
        return tell_history(["0"], self.lines, self.acts, self.entries, [self.since_us], known)


def pack_rows(rows: Rows, i: int) -> bytes:
    """Return the rows of the customer at place `i`, packed."""
    names, since = rows.texts, int(rows.since_us[i])
    lines, acts, listed = (
        slice(*table.bounds[i : i + 2].tolist())
        for table in (rows.history.lines, rows.history.acts, rows.history.listed)
    )
    products = rows.history.lines["product"][lines].tolist()
    odd = {c: rows.odd[c] for c in dict.fromkeys(products) if c in rows.odd}
    told = {
        "since_us": None if since == NEVER else since,
        "lines": {
            "at_us": rows.history.lines["at_us"][lines].tolist(),
            "order": rows.orders[lines].tolist(),
            **{n: _list(rows.history.lines[n][lines]) for n in ("amount", "quantity", "discount")},
            "product": _name(products, names["product"]),
        },
        "acts": {
            "at_us": rows.history.acts["at_us"][acts].tolist(),
            "kind": _name(rows.history.acts["kind"][acts].tolist(), names["act_kind"]),
            "channel": _name(rows.history.acts["channel"][acts].tolist(), names["channel"]),
            "value": _list(rows.history.acts["value"][acts]),
            "company": rows.history.acts["company"][acts].tolist(),
        },
        "listed": {
            name: _name(column[listed].tolist(), names[name])
            if name in names
            else _list(column[listed])
            for name, column in rows.listed.columns.items()
        },
        "odd": {names["product"][code]: [p.category, p.cost] for code, p in odd.items()},
    }
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), LEVEL)


def unpack_rows(packed: bytes) -> Told:
    """Return the rows that were packed."""
    told: dict[str, Any] = json.loads(zlib.decompress(packed))
    lines, acts, listed = (
        list(zip(*told[n].values(), strict=True)) for n in ("lines", "acts", "listed")
    )
    own = [name.removeprefix(ATTRIBUTE) for name in list(told["listed"])[3:]]
    return Told(
        # The numbers are in order, and so must be the names that stand for them.
        lines=tuple(Line(0, at, f"{n:09}", *numbers, what) for at, n, *numbers, what in lines),
        acts=tuple(
            Act(0, *act, "company" if company else "customer") for *act, company in acts
        ),
        entries=tuple(
            Entry(0, at, country, kind, dict(zip(own, more, strict=True)))
            for at, country, kind, *more in listed
        ),
        since_us=told["since_us"],
        odd={name: Product(category=c, cost=cost) for name, (c, cost) in told["odd"].items()},
    )


def _list(column: Array) -> list[Any]:
    """Return numbers as JSON has them: of what is not known, null."""
    return [None if told != told else told for told in column.tolist()]


def _name(codes: Sequence[int], names: Sequence[str]) -> list[str | None]:
    return [None if code < 0 else names[code] for code in codes]
