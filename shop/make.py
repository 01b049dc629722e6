"""Makes an invented shop chunk by chunk, so that memory stays flat at any size."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .baskets import draw_tastes, fill_orders, join_lines, send_back
from .catalogue import Goods, draw_goods
from .clock import Clocks, build_clocks, schedule_campaigns
from .constants import PLANTED
from .interactions import draw_interactions
from .orders import draw_orders
from .people import draw_people
from .plan import HORIZON_DAYS, Plan, check_plan
from .tables import (
    Chunk,
    table_campaigns,
    table_customers,
    table_future,
    table_interactions,
    table_products,
    table_transactions,
    table_truth,
    write_ids,
    write_product_ids,
)
from .truth import see_future

UNFINISHED = ".unfinished"
"""Ends the name of a file still being written, so that a half shop is not taken for a whole."""


def make_shop(
    out: Path, plan: Plan, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """The number of rows written per table of a shop invented to the plan."""
    check_plan(plan)
    (out / "truth").mkdir(parents=True, exist_ok=True)
    clocks, goods = build_clocks(plan), draw_goods(plan.seed)
    rows: dict[str, int] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    with ExitStack() as open_files:
        for name, table in make_tables(plan, clocks, goods):
            if name not in writers:
                path = out / f"{name}.parquet{UNFINISHED}"
                writers[name] = open_files.enter_context(open_writer(path, table.schema))
            writers[name].write_table(table)
            rows[name] = rows.get(name, 0) + table.num_rows
            if progress and name == "customers":
                progress(rows[name], plan.customers)
    write_plan(out / "truth" / "plan.json", plan)
    for name in writers:
        (out / f"{name}.parquet{UNFINISHED}").replace(out / f"{name}.parquet")
    return rows


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of one table."""
    return pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)


def make_tables(plan: Plan, clocks: Clocks, goods: Goods) -> Iterator[tuple[str, pa.Table]]:
    """The name and the next rows of each table, the customers of a chunk always last."""
    yield "products", table_products(goods)
    yield "truth/campaigns", table_campaigns(plan.starts, schedule_campaigns(plan))
    digits = max(6, len(str(plan.customers)))
    for number, first in enumerate(range(0, plan.customers, plan.chunk)):
        last = min(first + plan.chunk, plan.customers)
        ids = write_ids("C-", np.arange(first + 1, last + 1), digits)
        yield from make_chunk(plan, clocks, goods, Chunk(number, plan.starts, ids))


def make_chunk(
    plan: Plan, clocks: Clocks, goods: Goods, chunk: Chunk
) -> Iterator[tuple[str, pa.Table]]:
    """The name and rows of every table about one chunk of customers."""
    rng = np.random.default_rng([plan.seed, chunk.number])
    people = draw_people(rng, len(chunk.ids), clocks)
    tastes = draw_tastes(rng, len(chunk.ids))
    orders = draw_orders(rng, people, clocks)
    bought = fill_orders(rng, people, tastes, orders, goods)
    back = send_back(rng, bought, tastes, len(orders.at))
    seen = draw_interactions(rng, people, clocks, orders, schedule_campaigns(plan))
    lines = join_lines(bought, back, clocks.ends)
    yield "transactions", table_transactions(chunk, lines, write_product_ids(goods))
    yield "interactions", table_interactions(chunk, seen)
    yield "truth/customers", table_truth(chunk, people, clocks, orders)
    yield "truth/future", table_future(chunk, see_future(people, clocks, orders, bought))
    yield "customers", table_customers(chunk, people)


def write_plan(path: Path, plan: Plan) -> None:
    """Nothing comes back; the plan and all planted constants are at the path as JSON."""
    planted = {
        "customers": plan.customers,
        "months": plan.months,
        "seed": plan.seed,
        "starts": plan.starts.isoformat(),
        "ends": plan.ends.isoformat(),
        "horizon_days": HORIZON_DAYS,
        **asdict(PLANTED),
    }
    path.write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")
