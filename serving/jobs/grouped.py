"""Rows of many customers, so that those of one are found at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from contract.moments import EPOCH
from serving.jobs.uploads import OWNER
from serving.store.rows import StoredLine

SOUND = r"^[^\x00-\x1f\x7f]{1,128}$"  # of an id, as requests have it
LINE = ("at_us", "order_id", "amount", "product_id", "quantity", "discount", "currency")


@dataclass(frozen=True)
class Grouped:
    """Rows, each customer's together; a place is where they begin, and how many there are."""

    frame: pl.DataFrame
    places: Mapping[str, tuple[int, int]]

    def find(self, who: str) -> Iterator[tuple[Any, ...]]:
        """Return the customer's rows."""
        return self.frame.slice(*self.places.get(who, (0, 0))).iter_rows()

    def find_lines(self, who: str) -> list[StoredLine]:
        """Return the customer's rows where they are order lines."""
        return [StoredLine(as_moment(at), *rest) for at, *rest in self.find(who)]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.frame)


def group(frame: Any, columns: tuple[str, ...], clock: str = "at_us") -> Grouped:
    """Return the rows by customer, in the order of time, of customers with a sound id."""
    sound = frame.select(OWNER, *columns).filter(pl.col(OWNER).str.contains(SOUND)).collect()
    whole = sound.sort(OWNER, clock, maintain_order=True)
    counts = whole[OWNER].rle().struct.unnest()
    firsts = counts["len"].cum_sum() - counts["len"]
    places = zip(firsts.to_list(), counts["len"].to_list(), strict=True)
    return Grouped(whole.drop(OWNER), dict(zip(counts["value"].to_list(), places, strict=True)))


def as_moment(at_us: int) -> datetime:
    """Return the moment that the microseconds tell."""
    return EPOCH + timedelta(microseconds=at_us)
