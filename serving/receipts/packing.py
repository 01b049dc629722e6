"""A customer's rows in a few hundred bytes, and those bytes as rows again."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.columns import ATTRIBUTE
from contract.models import Numbers
from contract.norms import Norms, Product
from features.history import NEVER, History
from features.sums import Array
from features.told import Act, Entry, Line, tell_history
from serving.receipts.rows import LINE, Rows

# Of zlib: the fastest level, over a window of 4 KiB. A larger one takes longer to lay out than a
# receipt takes to squeeze.
LEVEL, WINDOW, MEMORY = 1, 12, 5

_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


@dataclass(frozen=True)
class Told:
    """One customer's rows before a moment, and of which products not what is usual is known."""

    lines: tuple[Line, ...]
    acts: tuple[Act, ...]
    entries: tuple[Entry, ...]
    since_us: int | None
    odd: dict[str, Product]


def join_rows(customers: Sequence[Told], norms: Norms) -> History:
    """Return the rows of customers as a history, of products as the norms say or as was told.

    Of all these customers the same must have been told of products.
    """
    known = norms.model_copy(update={"products": {**norms.products, **customers[0].odd}})
    numbered = list(enumerate(customers))
    return tell_history(
        [str(i) for i, _ in numbered],
        [line._replace(customer=i) for i, told in numbered for line in told.lines],
        [act._replace(customer=i) for i, told in numbered for act in told.acts],
        [entry._replace(customer=i) for i, told in numbered for entry in told.entries],
        [told.since_us for _, told in numbered],
        known,
    )


def pack_rows(rows: Rows) -> list[bytes]:
    """Return each customer's rows, packed."""
    history, names = rows.history, rows.texts
    lines, acts, listed = history.lines, history.acts, rows.listed
    # As lists at once: many short pieces of arrays take far longer than of lists.
    columns = {
        "lines": {n: _list(rows.orders if n == "order" else lines[n]) for n in LINE[:-1]}
        | {"product": _name(lines["product"], names["product"])},
        "acts": {n: _list(acts[n]) for n in ("at_us", "value", "company")}
        | {n: _name(acts[n], names[m]) for n, m in (("kind", "act_kind"), ("channel", "channel"))},
        "listed": {
            n: _name(column, names[n]) if n in names else _list(column)
            for n, column in listed.columns.items()
        },
    }
    bounds = {"lines": lines.bounds, "acts": acts.bounds, "listed": listed.bounds}
    edges = {name: told.tolist() for name, told in bounds.items()}
    odd = {names["product"][code]: [p.category, p.cost] for code, p in rows.odd.items()}
    return [
        squeeze(_ENCODE(_pick(i, since, (columns, edges, odd))).encode())
        for i, since in enumerate(rows.since_us.tolist())
    ]


def _pick(i: int, since_us: int, of: Any) -> dict[str, Any]:
    """Return what the columns hold of the customer at place `i`."""
    columns, edges, odd = of
    told = {
        table: {n: column[edges[table][i] : edges[table][i + 1]] for n, column in held.items()}
        for table, held in columns.items()
    }
    known = {n: odd[n] for n in told["lines"]["product"] if n in odd} if odd else {}
    return {"since_us": None if since_us == NEVER else since_us, **told, "odd": known}


def unpack_rows(packed: bytes) -> Told:
    """Return the rows that were packed."""
    told: dict[str, Any] = json.loads(unsqueeze(packed))
    lines, acts, listed = (
        list(zip(*told[n].values(), strict=True)) for n in ("lines", "acts", "listed")
    )
    own = [name.removeprefix(ATTRIBUTE) for name in list(told["listed"])[3:]]
    return Told(
        # The numbers are in order, and so must be the names that stand for them.
        lines=tuple(
            Line(0, at, f"{n:09}", amount, quantity, discount, product)
            for at, n, amount, quantity, discount, product in lines
        ),
        acts=tuple(
            Act(0, at, kind, channel, worth, "company" if company else "customer")
            for at, worth, company, kind, channel in acts
        ),
        entries=tuple(
            Entry(0, at, country, kind, dict(zip(own, more, strict=True)))
            for at, country, kind, *more in listed
        ),
        since_us=told["since_us"],
        odd={name: Product(category=c, cost=cost) for name, (c, cost) in told["odd"].items()},
    )


def pack_features(features: Numbers) -> list[bytes]:
    """Return each customer's features as their bytes other than 0, after a bit a byte of which.

    Most features are small whole numbers or not known, of which most bytes are 0. zlib makes a
    tenth less of them and takes twenty times longer, as it can look at one customer at a time only.
    """
    told = features.view(np.uint8)
    held = told != 0
    marks, kept = np.packbits(held, axis=1), told[held].tobytes()
    ends = held.sum(axis=1).cumsum().tolist()
    begins = [0, *ends]
    return [
        mark.tobytes() + kept[begin:end]
        for mark, begin, end in zip(marks, begins, ends, strict=False)
    ]


def unpack_features(packed: bytes, count: int) -> Numbers:
    """Return so many features that were packed."""
    # A number has eight bytes, and so its marks have one.
    held = np.unpackbits(np.frombuffer(packed, np.uint8, count)).view(np.bool_)
    told = np.zeros(8 * count, dtype=np.uint8)
    told[held] = np.frombuffer(packed, np.uint8, offset=count)
    return told.view(np.float64)


def squeeze(told: bytes) -> bytes:
    """Return the bytes compressed."""
    made = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY)
    return made.compress(told) + made.flush()


def unsqueeze(squeezed: bytes) -> bytes:
    """Return the bytes that were compressed."""
    return zlib.decompress(squeezed)


def _list(column: Array) -> list[Any]:
    """Return a column as JSON has it: of what is not known, null."""
    told = column.tolist()
    return [None if n != n else n for n in told] if column.dtype == np.float64 else told


def _name(codes: Array, names: Sequence[str]) -> list[str | None]:
    known = (*names, None)
    return [known[code] for code in codes.tolist()]
