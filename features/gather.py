"""Gather typed tables, from whichever engine, into one history: names as codes, rows in order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl

from contract.columns import ATTRIBUTE
from contract.tables import Layout, Tables
from features.coding import Coded, code, code_together
from features.engines import Frames, open_tables
from features.goods import Goods
from features.history import ALWAYS, COMPANY_KINDS, NEVER, THREADS, History
from features.rows import find_named
from features.sums import Array, Mask, Whole
from features.tables import Table, arrange

_LINES = ("customer_id", "order_id", "at_us", "amount", "quantity", "discount", "product_id")
_ACTS = ("customer_id", "at_us", "kind", "channel", "value", "initiated_by")
_GOODS = ("product_id", "category", "cost")
_LISTED = ("customer_id", "since_us", "country", "kind", "valid_from_us")

BATCH = 1_000_000  # rows

READ = {"transactions": _LINES, "interactions": _ACTS, "customers": _LISTED, "products": _GOODS}


def read_history(tables: Tables, engine: str = "polars") -> History:
    """Return the history that a shop's tables tell, read by the engine; Spark spreads it."""
    frames = open_tables(tables, engine)
    if engine != "spark":
        return gather(frames)
    from features.distribute import spread

    history: Any = spread(frames, gather, {**READ, "customers": list_listed(frames.layout)})
    return history  # type: ignore[no-any-return]


def gather(frames: Frames) -> History:
    """Return the history that the frames tell, customers in the order of their ids."""
    customers = pl.Categories.random()
    lines, acts, listed = (
        _collect(frame, columns, customers)
        for frame, columns in (
            (frames.transactions, _LINES),
            (frames.interactions, _ACTS),
            (frames.customers, list_listed(frames.layout)),
        )
    )
    ids, owners = code_together([t["customer_id"] for t in (lines, acts, listed)])
    with ThreadPoolExecutor(THREADS) as pool:
        arranged = pool.submit(_arrange_acts, acts, owners[1], len(ids))
        products = code(lines["product_id"])
        lines_table = _arrange_lines(lines, owners[0], (products.codes, len(ids)))
        acts_table, act_names = arranged.result()
    listed_table, listed_names = _arrange_listed(listed, owners[2], len(ids))
    return History(
        ids=ids.to_arrow(compat_level=pl.CompatLevel.oldest()),
        lines=lines_table,
        acts=acts_table,
        listed=listed_table,
        since_us=_find_since(listed, owners[2], len(ids)),
        goods=_read_goods(_collect(frames.products, _GOODS, customers), products),
        names={**act_names, **listed_names, "product": products.names},
        timezone=frames.layout.timezone,
        non_goods=frames.layout.non_goods,
    )


def list_listed(layout: Layout) -> tuple[str, ...]:
    """Return the columns of customers that are read: ours, and the layout's attributes."""
    return (*_LISTED, *layout.attributes)


def _collect(frame: nw.LazyFrame, columns: Sequence[str], customers: pl.Categories) -> pl.DataFrame:
    """Return the columns, ids and names as Polars categories, orders as hashes of their ids."""
    native: Any = frame.select(*columns).to_native()
    schema = frame.collect_schema()
    texts = [c for c in columns if schema[c] == nw.String and c != "order_id"]
    # A column's categories are its own, so that they are the names that occur and no others.
    own = {c: customers if c == "customer_id" else pl.Categories.random() for c in texts}
    coded = [pl.col(c).cast(pl.Categorical(own[c])) for c in texts]
    if "order_id" in columns:
        coded.append(pl.col("order_id").hash().alias("order"))
    if isinstance(native, pl.LazyFrame):
        return native.with_columns(coded).collect(engine="streaming").rechunk()
    # Batch by batch, so that names are not all in memory as texts.
    batches = native.to_arrow_reader(BATCH)
    parts = [pl.DataFrame(batch).with_columns(coded) for batch in batches]
    none = pl.DataFrame(batches.schema.empty_table()).with_columns(coded)
    return pl.concat(parts or [none], rechunk=True)


def _arrange_lines(lines: pl.DataFrame, owner: Array, goods: Any) -> Table:
    product, customers = goods
    columns = {n: lines[n].to_numpy() for n in ("at_us", "amount", "quantity", "discount")}
    columns |= {"order": lines["order"].to_numpy(), "product": product}
    table = arrange(owner, customers, columns, ("at_us", "order"))
    tied = _find_tied(table)
    if not tied.any():
        return table
    owner = np.repeat(np.arange(customers, dtype=np.int32), np.diff(table.bounds))
    rows = np.flatnonzero(tied[owner])
    order = table["order"].copy()
    order[rows] = _rank_ids(lines, order[rows])
    return Table(table.bounds, {**table.columns, "order": order}).settle(("order",))


def _find_tied(lines: Table) -> Mask:
    """Return whether each customer has two orders at one instant: their ids tell which is last."""
    at_us, order = lines["at_us"], lines["order"]
    beside = np.flatnonzero((at_us[1:] == at_us[:-1]) & (order[1:] != order[:-1])) + 1
    tied = np.zeros(len(lines.bounds) - 1, dtype=bool)
    tied[np.searchsorted(lines.bounds, beside, side="right") - 1] = True
    return tied


def _rank_ids(lines: pl.DataFrame, hashes: Array) -> Array:
    """Return for each hash the place of its order's id among those of all of them."""
    wanted = pl.col("order").is_in(pl.Series(hashes).unique().implode())
    ids = (
        lines.lazy().filter(wanted).select("order", "order_id").unique().sort("order_id").collect()
    )
    distinct = ids["order"].to_numpy()
    by_hash = np.argsort(distinct)
    return by_hash[np.searchsorted(distinct[by_hash], hashes)].astype(np.uint64)


def _arrange_acts(acts: pl.DataFrame, owner: Array, customers: int) -> tuple[Table, dict[str, Any]]:
    kind, channel = code(acts["kind"]), code(acts["channel"])
    who, actors = code(acts["initiated_by"])
    by_kind = find_named(kind.codes, kind.names, COMPANY_KINDS)
    by_word = find_named(who, actors, ("company",))
    columns = {
        "at_us": acts["at_us"].to_numpy(),
        "kind": kind.codes,
        "channel": channel.codes,
        "value": acts["value"].to_numpy(),
        "company": by_word | (by_kind & (who < 0)),
    }
    names = {"act_kind": kind.names, "channel": channel.names}
    return arrange(owner, customers, columns, ("at_us", "kind")), names


def _arrange_listed(
    listed: pl.DataFrame, owner: Array, customers: int
) -> tuple[Table, dict[str, Any]]:
    """Return what is said of customers, where it is said from when on: only that can be used."""
    said = {"country": listed["country"], "kind": listed["kind"]}
    said |= {f"{ATTRIBUTE}{name}": listed[name] for name in listed.columns if name not in _LISTED}
    coded = {name: code(told) for name, told in said.items() if told.dtype != pl.Float64}
    dated = listed["valid_from_us"].is_not_null().to_numpy()
    columns = {"at_us": listed["valid_from_us"].fill_null(0).to_numpy()}
    columns |= {n: coded[n].codes if n in coded else told.to_numpy() for n, told in said.items()}
    kept = {name: column[dated] for name, column in columns.items()}
    names = {name: told.names for name, told in coded.items()}
    return arrange(owner[dated], customers, kept, tuple(kept)), names


def _find_since(listed: pl.DataFrame, owner: Array, customers: int) -> Whole:
    since = np.full(customers, NEVER)
    dated = listed["since_us"].is_not_null().to_numpy()
    np.minimum.at(since, owner[dated], listed["since_us"].drop_nulls().to_numpy())
    undated = owner[~dated]
    since[undated] = np.where(since[undated] == NEVER, ALWAYS, since[undated])
    return since


def _read_goods(products: pl.DataFrame, coded: Coded) -> Goods:
    """Return category and cost of each product that was sold; of several rows, the least."""
    named = products.with_columns(pl.col("product_id", "category").cast(pl.String))
    named = named.sort("product_id", "category", "cost", nulls_last=True)
    one = named.unique("product_id", keep="first", maintain_order=True)
    sold = pl.DataFrame({"product_id": pl.Series(coded.names, dtype=pl.String)})
    found = sold.join(one, on="product_id", how="left", maintain_order="left")
    category = code(found["category"].cast(pl.Categorical(pl.Categories.random())))
    return Goods(category.names, category.codes, found["cost"].to_numpy())
