"""A history whose rows come as Arrow tables, as the store reads them: no object for each row."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.norms import Norms
from features.goods import describe_goods
from features.history import COMPANY_KINDS, History
from features.sums import Array
from features.tables import Table, arrange

# The fields of Line and of Act, each a column.
LINES = pa.schema({
    "customer": pa.int32(), "at_us": pa.int64(), "order_id": pa.string(), "amount": pa.float64(),
    "quantity": pa.float64(), "discount": pa.float64(), "product_id": pa.string(),
})  # fmt: skip
ACTS = pa.schema({
    "customer": pa.int32(), "at_us": pa.int64(), "kind": pa.string(), "channel": pa.string(),
    "value": pa.float64(), "initiated_by": pa.string(),
})  # fmt: skip


def as_table(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table, their fields as its columns."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)], schema=schema
    )


def put_rows(history: History, lines: pa.Table, acts: pa.Table, norms: Norms) -> History:
    """Return a history that has no rows yet with these ones, of customers at its places.

    It is the one that `tell_history` makes of the same rows as objects.
    """
    products = forget_empty(lines["product_id"])
    lines = lines.set_column(lines.schema.get_field_index("product_id"), "product_id", products)
    if norms.non_goods:
        lines = lines.filter(pc.invert(pc.is_in(products, pa.array(norms.non_goods, pa.string()))))
    bought, products_sold = _arrange_lines(len(history), lines)
    done, names = _arrange_acts(len(history), acts)
    return replace(
        history,
        lines=bought,
        acts=done,
        goods=describe_goods(products_sold, norms.products),
        names={**history.names, **names, "product": products_sold},
    )


def _arrange_lines(customers: int, lines: pa.Table) -> tuple[Table, tuple[str, ...]]:
    order, _ = code_names(lines["order_id"])
    product, names = code_names(lines["product_id"])
    columns = {
        "at_us": lines["at_us"].to_numpy(),
        "order": order.astype(np.uint64),
        **{name: _numbers(lines[name]) for name in ("amount", "quantity", "discount")},
        "product": product,
    }
    return arrange(lines["customer"].to_numpy(), customers, columns, ("at_us", "order")), names


def _arrange_acts(customers: int, acts: pa.Table) -> tuple[Table, dict[str, tuple[str, ...]]]:
    kind, kinds = code_names(acts["kind"])
    channel, channels = code_names(forget_empty(acts["channel"]))
    by_kind = pc.is_in(acts["kind"], pa.array(COMPANY_KINDS, pa.string()))
    by_word = pc.equal(forget_empty(acts["initiated_by"]), "company")
    columns = {
        "at_us": acts["at_us"].to_numpy(),
        "kind": kind,
        "channel": channel,
        "value": _numbers(acts["value"]),
        "company": pc.coalesce(by_word, by_kind).to_numpy(),
    }
    table = arrange(acts["customer"].to_numpy(), customers, columns, ("at_us", "kind"))
    return table, {"act_kind": kinds, "channel": channels}


def forget_empty(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts, an empty one as none."""
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def code_names(texts: pa.ChunkedArray) -> tuple[Array, tuple[str, ...]]:
    """Return each name's place among all of them in order, -1 for none, and the names."""
    coded = texts.combine_chunks().dictionary_encode()
    by_name = pc.array_sort_indices(coded.dictionary).to_numpy()
    place = np.full(len(by_name) + 1, -1, dtype=np.int32)  # the last is of no name
    place[by_name] = np.arange(len(by_name), dtype=np.int32)
    codes = coded.indices.fill_null(len(by_name)).to_numpy()
    return place[codes], tuple(coded.dictionary.take(pa.array(by_name)).to_pylist())


def _numbers(column: pa.ChunkedArray) -> Array:
    return np.asarray(column.fill_null(np.nan).to_numpy())
