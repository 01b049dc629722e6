"""The columns of the tables that come in, with their kinds, and which of them are required."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "time"]
AttributeKind = Literal["text", "number"]

ATTRIBUTE = "attribute_"  # before an attribute's name: its feature, its column, its vocabulary
MOST_ATTRIBUTES = 100
LARGEST = 1e9  # of a number that an attribute, or a caller, may tell
LARGEST_SUM = 1e12  # in millionths it fits the whole numbers that sums are taken over


@dataclass(frozen=True)
class Column:
    """One column of the contract: a time becomes microseconds UTC, named `<column>_us`."""

    name: str
    kind: Kind = "text"
    required: bool = False

    @property
    def typed_name(self) -> str:
        """The name the column has once it is typed."""
        return f"{self.name}_us" if self.kind == "time" else self.name


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    `clock` is the column that says from when on a row was known; what has none at all is constant,
    and may be read as it is.
    """

    name: str
    columns: tuple[Column, ...]
    clock: str | None
    required: bool = False

    @property
    def must_have(self) -> tuple[str, ...]:
        """The names of the columns without which the table means nothing."""
        return tuple(c.name for c in self.columns if c.required)


TABLES: Mapping[str, Table] = {
    t.name: t
    for t in (
        Table(
            "transactions",
            (
                Column("customer_id", required=True),
                Column("order_id", required=True),
                Column("ordered_at", "time", required=True),
                Column("amount", "number", required=True),
                Column("product_id"),
                Column("quantity", "number"),
                Column("unit_price", "number"),
                Column("discount", "number"),
                Column("channel"),
                Column("currency"),
            ),
            clock="ordered_at",
            required=True,
        ),
        Table(
            "products",
            (
                Column("product_id", required=True),
                Column("category"),
                Column("brand"),
                Column("name"),
                Column("price", "number"),
                Column("cost", "number"),
            ),
            clock=None,  # a product is what it is; one whose cost changes is told at its last
        ),
        Table(
            "customers",
            (
                Column("customer_id", required=True),
                Column("since", "time"),
                Column("country"),
                Column("kind"),
                Column("valid_from", "time"),
            ),
            clock="valid_from",
        ),
        Table(
            "interactions",
            (
                Column("customer_id", required=True),
                Column("occurred_at", "time", required=True),
                Column("kind", required=True),
                Column("channel"),
                Column("value", "number"),
                Column("initiated_by"),
            ),
            clock="occurred_at",
        ),
    )
}
