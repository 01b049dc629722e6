"""Times the making of invented shops of about one and ten million order lines."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (35_000, 355_000)
"""Customers over 24 months; each brings about 28 order lines."""


def measure_shop(customers: int) -> None:
    """Nothing comes back; one row of the table is printed for a shop that is then deleted."""
    from shop import Plan, make_shop

    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        begin, worked = time.perf_counter(), time.process_time()
        rows = make_shop(Path(folder), Plan(customers, 24, 1))
        seconds, worked = time.perf_counter() - begin, time.process_time() - worked
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*.*")) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {customers:>9,} | {rows['transactions']:>10,} | {rows['interactions']:>12,} "
        f"| {seconds:>7.1f} | {worked:>9.1f} | {peak:>8,.0f} | {disk:>8,.0f} |",
        flush=True,
    )


def measure_shops() -> None:
    """Nothing comes back; the table is printed, each shop made in a process of its own."""
    print("| customers |      lines | interactions | seconds | processor | peak MiB | MiB disk |")
    print("|----------:|-----------:|-------------:|--------:|----------:|---------:|---------:|")
    sys.stdout.flush()
    for customers in SIZES:
        # Peak memory never falls within a process, so each size needs a fresh one.
        subprocess.run([sys.executable, __file__, str(customers)], check=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    measure_shop(int(sys.argv[1])) if sys.argv[1:] else measure_shops()
