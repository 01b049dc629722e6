"""What receipts cost beside the answers they are of, and how large they are.

python benchmarks/receipts.py SHOP 2026-11-01, with the champions of PATRON_HOME. Each time is the
least of several, of processor time in this process.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from contract.champions import fetch_champions
from contract.flat import list_own
from contract.moments import read_moment
from contract.registry import open_registry
from contract.settings import read_settings
from contract.tables import find_tables
from features.gather import read_history
from serving.receipts.issue import issue
from serving.receipts.kept import find_kept, write_receipts
from serving.receipts.library import Library
from serving.receipts.replay import replay_all
from serving.scorer import Scorer, tell_flat
from serving.store.opened import open_store

CUSTOMERS = 1000
SIZES = "select avg(length({})) from patron_receipts"


def main(shop: str, as_of: str) -> None:
    """Print milliseconds per 1,000 customers, and for one alone, and bytes per receipt."""
    with tempfile.TemporaryDirectory() as folder:
        bundles = fetch_champions(open_registry(read_settings()), Path(folder))
    scorer, moment = Scorer(bundles), read_moment(as_of)
    history = read_history(find_tables(shop))
    history = history.choose(history.known(int(moment.timestamp() * 1e6)))
    history = history.block(0, min(CUSTOMERS, len(history)))
    for size, rounds in ((1, 200), (len(history), 5)):
        some = history.block(0, size)
        seen = scorer.look(some, moment)
        print(f"{size:5} customers, {len(some.lines):,} lines")
        tell("features", lambda: scorer.look(some, moment), rounds)  # noqa: B023
        tell("receipts", lambda: issue(seen, some), rounds)  # noqa: B023
    keep(scorer, (seen, some))


def keep(scorer: Scorer, of: Any) -> None:
    """Print what it takes to write the receipts, to find them and to make their answers again."""
    seen, history = of
    issued, answers = issue(seen, history), tell_flat(seen, list_own(scorer.bundles)).to_pylist()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/patron.db")
        find_kept(store, ["none"])  # its tables are made now
        tell("written behind", lambda: write_receipts(store, [(issued, answers)]), 1)
        models = list(scorer.bundles.values())
        receipts = issued.receipts
        made = tell("replays", lambda: replay_all(store, receipts, Library([]), models), 1)
        print(f"{sum(one.equal for one in made)} of {len(made)} equal")
        with store.read() as connection:
            for column in ("features", "rows", "answer"):
                size = connection.exec_driver_sql(SIZES.format(column)).scalar()
                print(f"{column:15} {size:8.0f} bytes")
            pages = connection.exec_driver_sql("pragma page_count").scalar() or 0
            print(f"{'in SQLite':15} {pages * 4096 / len(receipts):8.0f} bytes")
        store.close()


def tell(name: str, job: Callable[[], Any], rounds: int) -> Any:
    """Print the least milliseconds of several rounds, and return what the job says."""
    best = float("inf")
    for _ in range(rounds):
        began = process_time()
        told = job()
        best = min(best, process_time() - began)
    print(f"{name:15} {best * 1e3:8.2f} ms")
    return told


if __name__ == "__main__":
    main(*sys.argv[1:])
