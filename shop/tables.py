"""The tables of the shop as Arrow: plain strings, times in UTC without a zone, 64-bit floats."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from .arrays import Flags, Floats, Ints
from .baskets import Lines
from .catalogue import Goods
from .constants import PLANTED
from .interactions import CAMPAIGN, CHANNELS, KINDS, Interactions
from .people import People

ORDER_DIGITS = 12
ORDERS_PER_CHUNK = 1_000_000
"""Room for the order numbers of one chunk; a full chunk uses about a tenth of it."""


@dataclass(frozen=True)
class Chunk:
    """Where a chunk of customers stands in the shop, and the ids of its customers."""

    number: int
    starts: date
    ids: pa.StringArray


def write_ids(prefix: str, numbers: Ints, digits: int) -> pa.StringArray:
    """Ids such as C-000042, all of one width."""
    width = len(prefix) + digits
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    rest = numbers.astype(np.int64)
    for place in range(width - 1, len(prefix) - 1, -1):
        rest, letters[:, place] = rest // 10, rest % 10 + ord("0")
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(letters))


def write_names(names: tuple[str, ...], rows: Ints) -> pa.StringArray:
    """The name at each row."""
    return pa.array(names, pa.string()).take(pa.array(rows))


def write_times(starts: date, at: Floats, known: Flags | None = None) -> pa.TimestampArray:
    """Times from days since the start, to the whole second below; null where not known."""
    zero = np.datetime64(starts, "us").astype(np.int64)
    known = np.ones(len(at), dtype=bool) if known is None else known
    seconds = np.floor(np.where(known, at, 0.0) * 86_400).astype(np.int64)
    return pa.array(zero + seconds * 1_000_000, mask=~known).cast(pa.timestamp("us"))


def table_transactions(chunk: Chunk, lines: Lines, products: pa.StringArray) -> pa.Table:
    """One row per order line of a chunk."""
    numbers = chunk.number * ORDERS_PER_CHUNK + lines.order
    return pa.table(
        {
            "customer_id": chunk.ids.take(pa.array(lines.customer)),
            "order_id": write_ids("O-", numbers, ORDER_DIGITS),
            "ordered_at": write_times(chunk.starts, lines.at),
            "product_id": products.take(pa.array(lines.product)),
            "quantity": lines.quantity,
            "unit_price": lines.unit_price,
            "discount": lines.discount,
            "amount": lines.amount,
            "channel": write_names(PLANTED.baskets.channels, lines.channel),
            "currency": write_names(("EUR",), np.zeros_like(lines.order)),
        }
    )


def table_products(goods: Goods) -> pa.Table:
    """One row per product."""
    planted = PLANTED.catalogue
    category = write_names(planted.categories, goods.category)
    brand = write_names(planted.brands, goods.brand)
    model = np.arange(len(goods.price)) % planted.per_category + 1
    names = zip(brand.to_pylist(), category.to_pylist(), model.tolist(), strict=True)
    return pa.table(
        {
            "product_id": write_product_ids(goods),
            "category": category,
            "brand": brand,
            "name": [f"{maker} {what} {which}" for maker, what, which in names],
            "price": goods.price,
            "cost": goods.cost,
        }
    )


def write_product_ids(goods: Goods) -> pa.StringArray:
    """The ids of all products."""
    return write_ids("P-", np.arange(1, len(goods.price) + 1), 4)


def table_customers(chunk: Chunk, people: People) -> pa.Table:
    """One row per customer of a chunk, those who never order included."""
    return pa.table(
        {
            "customer_id": chunk.ids,
            "since": write_times(chunk.starts, people.since),
            "country": write_names(PLANTED.kinds.countries, people.country),
            "kind": write_names(PLANTED.kinds.names, people.kind),
            # What is said of a customer here is said from the first day on.
            "valid_from": write_times(chunk.starts, people.since),
        }
    )


def table_interactions(chunk: Chunk, seen: Interactions) -> pa.Table:
    """One row per interaction of a chunk."""
    by_company = (seen.kind == CAMPAIGN).astype(np.int64)
    return pa.table(
        {
            "customer_id": chunk.ids.take(pa.array(seen.customer)),
            "occurred_at": write_times(chunk.starts, seen.at),
            "kind": write_names(KINDS, seen.kind),
            "channel": write_names(CHANNELS, seen.channel),
            "value": pa.array(seen.value, mask=np.isnan(seen.value)),
            "initiated_by": write_names(("customer", "company"), by_company),
        }
    )
