"""Makes an invented shop chunk by chunk, so that memory stays flat at any size."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .catalogue import draw_goods
from .clock import build_clocks, schedule_campaigns
from .constants import PLANTED
from .invent import Setting, make_chunk
from .plan import HORIZON_DAYS, YEAR_DAYS, Plan, check_plan
from .tables import Chunk, table_products, write_ids
from .truth_tables import table_campaigns

UNFINISHED = ".unfinished"
"""Ends the name of a file still being written, so that a half shop is not taken for a whole."""


def make_shop(
    out: Path, plan: Plan, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """The number of rows written per table of a shop invented to the plan."""
    check_plan(plan)
    (out / "truth").mkdir(parents=True, exist_ok=True)
    setting = Setting(plan, build_clocks(plan), draw_goods(plan.seed))
    rows: dict[str, int] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    with ExitStack() as open_files:
        for name, table in make_tables(setting):
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


def make_tables(setting: Setting) -> Iterator[tuple[str, pa.Table]]:
    """The name and the next rows of each table, the customers of a chunk always last."""
    plan = setting.plan
    yield "products", table_products(setting.goods)
    yield "truth/campaigns", table_campaigns(plan.starts, schedule_campaigns(plan), plan.signal)
    digits = max(6, len(str(plan.customers)))
    for number, first in enumerate(range(0, plan.customers, plan.chunk)):
        last = min(first + plan.chunk, plan.customers)
        ids = write_ids("C-", np.arange(first + 1, last + 1), digits)
        yield from make_chunk(setting, Chunk(number, plan.starts, ids))


def write_plan(path: Path, plan: Plan) -> None:
    """Nothing comes back; the plan and all planted constants are at the path as JSON."""
    planted = {
        "customers": plan.customers,
        "months": plan.months,
        "seed": plan.seed,
        "starts": plan.starts.isoformat(),
        "ends": plan.ends.isoformat(),
        "switches": {"signal": plan.signal, "season": plan.season, "step_up": plan.step_up},
        "horizon_days": HORIZON_DAYS,
        "year_days": YEAR_DAYS,
        **asdict(PLANTED),
    }
    path.write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")
