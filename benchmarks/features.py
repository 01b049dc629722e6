"""How fast features are on each engine, beside a bare group-by of the same file, in one run.

Run: .venv/bin/python -P benchmarks/features.py [customers]   (default 36000: about a million lines)
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

import shop
from contract.tables import find_tables
from features.compute import compute
from features.dictionary import FEATURES
from features.engines import ENGINES, open_tables

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
YEAR = [AS_OF - timedelta(days=30 * n) for n in range(12)]
REPEATS = 3

BARE = """
    SELECT customer_id, count(*), sum(amount), min(ordered_at), max(ordered_at)
    FROM read_parquet('{}') GROUP BY 1
"""


def main() -> None:
    """Print seconds for each engine, and how many times the bare group-by that is."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 36_000
    with tempfile.TemporaryDirectory() as folder:
        rows = shop.make_shop(Path(folder), shop.Plan(customers, 24, 1))
        lines = f"{Path(folder)}/transactions.parquet"
        bare = measure(lambda: duckdb.sql(BARE.format(lines)).to_arrow_table())
        print(f"{rows['transactions']:,} lines, {customers:,} customers, {len(FEATURES)} features")
        print(f"{'bare group-by':28}{bare:8.2f} s{1:8.1f} x")
        for engine in ENGINES:
            frames = open_tables(find_tables(folder), engine)
            for name, moments in (("1 moment", [AS_OF]), ("12 moments in one pass", YEAR)):
                took = measure(lambda m=moments, f=frames: compute(f, m).collect("pyarrow"))
                print(f"{engine + ', ' + name:28}{took:8.2f} s{took / bare:8.1f} x")


def measure(job: Callable[[], object]) -> float:
    """Return the least seconds of a few runs."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
