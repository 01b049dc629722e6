"""Turn the feature functions into one row per customer, as of one moment or many in one pass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

import numpy as np
import pyarrow as pa

from contract.moments import as_micros
from contract.norms import Norms
from features.dictionary import NORMS, list_features, list_needed
from features.history import THREADS, History
from features.sources import Shop
from features.sums import Numbers, Whole
from features.timeline import AS_OF, CUSTOMER
from features.verbs import Definition

Columns = dict[str, Numbers]
Step = tuple[str, Definition, tuple[str, ...]]
Beside = Callable[[Shop, int, Columns], Columns]


@dataclass(frozen=True)
class Computed:
    """Features of customers at moments: a row each, in the order of moment and customer id."""

    ids: pa.Array
    as_of_us: Whole
    columns: Columns

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.as_of_us)

    def to_arrow(self) -> pa.Table:
        """Return customer_id, as_of_us and the features; what is not known is null."""
        made = {n: pa.array(column, from_pandas=True) for n, column in self.columns.items()}
        return pa.table({CUSTOMER: self.ids, AS_OF: self.as_of_us, **made})


def compute(
    history: History,
    norms: Mapping[datetime, Norms],
    names: Iterable[str] | None = None,
    beside: Beside | None = None,
) -> Computed:
    """Return the named features of every customer known before each moment that has norms.

    Everything at or after a moment is cut off before any feature sees it. Columns come in the
    order of `names`, which are all unless told, then those of `beside`; what is not known is NaN,
    as docstrings say.
    """
    asked = list_features(history.attributes) if names is None else tuple(names)
    moments = {as_micros(moment): norms[moment] for moment in sorted(norms)}
    return join(history.run(partial(compute_block, moments, (asked, beside))))


def compute_block(
    moments: Mapping[int, Norms], asked: tuple[tuple[str, ...], Beside | None], block: History
) -> list[Computed]:
    """Return the features of a block of customers at each moment."""
    names, beside = asked
    shop, made = Shop(block), []
    for as_of_us, norms in moments.items():
        columns = compute_one(shop, as_of_us, norms, names)
        columns |= beside(shop, as_of_us, columns) if beside else {}
        known, ids = np.flatnonzero(block.known(as_of_us)), block.ids
        if len(known) < len(block):
            columns = {name: column[known] for name, column in columns.items()}
            ids = ids.take(pa.array(known))
        made.append(Computed(ids, np.full(len(known), as_of_us), columns))
    return made


def compute_one(shop: Shop, as_of_us: int, norms: Norms, names: tuple[str, ...]) -> Columns:
    """Return the named features of the shop's customers as of one moment."""
    alone = len(shop.history) == 1
    sources, steps = plan(names)
    tell = shop.alone if alone else shop.past
    known: dict[str, Any] = {source: tell(source, as_of_us) for source in sources}
    known[NORMS] = norms
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, definition, inputs in steps:
            known[name] = definition(*[known[i] for i in inputs])
    if alone:
        told = np.array([known[name] for name in names], dtype=np.float64)
        return dict(zip(names, told[:, None], strict=True))
    return {name: known[name] for name in names}


@cache
def plan(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[Step, ...]]:
    """Return the sources that the named features need, and how each is computed, in order."""
    needed = list_needed(names)
    sources = dict.fromkeys(source for feature in needed for source in feature.sources)
    return tuple(sources), tuple((f.name, f.definition, f.inputs) for f in needed)


def join(parts: Sequence[Sequence[Computed]]) -> Computed:
    """Return the blocks' features as one, moment after moment; the parts lose their columns."""
    if len(parts) == 1 and len(parts[0]) == 1:
        return parts[0][
            0
        ]  # one moment of one block, as live: threads would cost more than all else
    tables = [part[i] for i in range(len(parts[0])) for part in parts]

    def join_column(name: str) -> Numbers:
        # Taken out of the parts, so that memory holds one column twice and not all of them.
        return np.concatenate([table.columns.pop(name) for table in tables])

    names = tuple(tables[0].columns)
    with ThreadPoolExecutor(THREADS) as pool:
        columns = dict(zip(names, pool.map(join_column, names), strict=True))
    ids = pa.chunked_array([t.ids for t in tables], pa.large_string()).combine_chunks()
    return Computed(ids, np.concatenate([t.as_of_us for t in tables]), columns)
