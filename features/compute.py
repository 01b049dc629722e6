"""Turn the feature functions into one row per customer, as of one moment or many in one pass."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from graphlib import TopologicalSorter

import narwhals.stable.v2 as nw

from features.dictionary import FEATURES, Feature
from features.engines import Frames
from features.events import SOURCES, known
from features.timeline import KEYS


def compute(
    frames: Frames, as_of: datetime | Sequence[datetime], names: Iterable[str] = FEATURES
) -> nw.LazyFrame:
    """Return customer_id, as_of_us and the named features, a row per known customer and moment.

    Everything at or after a moment is cut off before any feature sees it. Columns come in the
    order of `names`, all doubles; what is not known is null, as each feature's docstring says.
    """
    names = tuple(names)
    moments = frames.moments([as_of] if isinstance(as_of, datetime) else as_of)
    levels = _levels(names) or [[]]
    rows = known(frames, moments)
    for source in SOURCES:
        made = [f for f in levels[0] if f.source == source]
        if made:
            events = SOURCES[source](frames, moments)
            found = events.group_by(*KEYS).agg(**{f.name: f.expression() for f in made})
            rows = _beside(rows, found)
    rows = rows.with_columns(nw.col(f.name).fill_null(0) for f in levels[0] if f.or_zero)
    for level in levels[1:]:
        rows = rows.with_columns(**{f.name: f.expression() for f in level})
    return rows.select(*KEYS, *(nw.col(n).cast(nw.Float64) for n in names))


def _beside(rows: nw.LazyFrame, found: nw.LazyFrame) -> nw.LazyFrame:
    joined = rows.join(found, on=list(KEYS), how="left", suffix="_found")
    return joined.drop([f"{key}_found" for key in KEYS], strict=False)


def _levels(names: Sequence[str]) -> list[list[Feature]]:
    """Return what is asked for and what it is made of, in the order in which it can be made."""
    needs: dict[str, set[str]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        needs[name] = {i for i in FEATURES[name].inputs if i not in SOURCES}
        waiting += needs[name] - needs.keys()
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    levels = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append([FEATURES[n] for n in sorted(ready)])
        sorter.done(*ready)
    return levels
