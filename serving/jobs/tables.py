"""A shop's own tables as a job reads them: they alone say all that is known of customers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.tables import find_tables
from features.engines import open_tables
from serving.jobs.grouped import LINE, Grouped, as_moment, group
from serving.jobs.sources import Source
from serving.routes.records import Record
from serving.routes.stored import Joined
from serving.store.rows import Listed, StoredAct

ACT = ("at_us", "kind", "channel", "value", "initiated_by")
SAID = ("since_us", "valid_from_us", "country", "kind")


@dataclass(frozen=True)
class Named:
    """Tables that the operator named."""

    lines: Grouped
    acts: Grouped
    said: Grouped
    attributes: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        """Every customer in some table, in order."""
        return sorted({*self.lines.places, *self.acts.places, *self.said.places})

    def tell(self, who: str) -> Record:
        """Return what the tables say of a customer's orders and interactions."""
        return make_record(
            who,
            transactions=self.lines.find_lines(who),
            interactions=[StoredAct(as_moment(at), *rest) for at, *rest in self.acts.find(who)],
        )

    def join(self, records: Mapping[str, Record]) -> Joined:
        """Return the records with what else the tables say of their customers."""
        listed = {
            key: [self._list(row) for row in self.said.find(record.customer_id)]
            for key, record in records.items()
        }
        return Joined(records=dict(records), listed=listed)

    def _list(self, row: tuple[Any, ...]) -> Listed:
        own = dict(zip(self.attributes, row[len(SAID) :], strict=True))
        known = {name: told for name, told in own.items() if told is not None}
        return Listed._make((*row[: len(SAID)], json.dumps(known) if known else None))


def make_record(who: str, **rows: Any) -> Record:
    """Return a record of a customer, whose id is its own; the rows are read already."""
    return Record.model_construct(record_id=who, customer_id=who, **rows)


def open_named(source: Source) -> Named:
    """Return the tables of a source."""
    frames = open_tables(find_tables(source.tables, source.preset))
    attributes = tuple(frames.layout.attributes)
    return Named(
        lines=group(frames.transactions.to_native(), LINE),
        acts=group(frames.interactions.to_native(), ACT),
        said=group(frames.customers.to_native(), (*SAID, *attributes), "valid_from_us"),
        attributes=attributes,
    )
