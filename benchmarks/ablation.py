"""What each room of features adds to the trees: docs/ablation.md's table.

Every set is judged out of time at moments that no other page reports: five of Online Retail II,
three of Complete Journey, three of an invented shop of 3,000 customers.

Run: .venv/bin/python -P benchmarks/ablation.py [--write]   (needs ../shared/data; 15 minutes)
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import shop
from contract.tables import find_tables
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from training.families.boosting import BOOSTED, fit_boosted
from training.folds import Stages, all_moments, find_first_order, split_stages
from training.gate import measure_auc
from training.ranks import place
from training.selection import measure_losses
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "ablation.md"
BEGIN, END = "<!-- begin: benchmarks/ablation.py -->", "<!-- end -->"

# Moments and horizons of churn. Those of Online Retail II close before the first it is reported at.
MOMENTS = {
    "online_retail_ii": [("2010-12-01", 30), ("2011-02-01", 30), ("2011-03-01", 60),
                         ("2011-03-01", 90), ("2011-04-01", 30)],
    "completejourney": [("2017-09-01", 30), ("2017-10-01", 30), ("2017-11-01", 30)],
    "invented": [("2026-02-01", 90), ("2026-05-01", 90), ("2026-08-01", 90)],
}  # fmt: skip
INVENTED = shop.Plan(customers=3000, months=24, seed=3)
ROOMS = tuple(dict.fromkeys(f.room for f in FEATURES.values()))

Case = tuple[Stages, Snapshots]


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/ablation.md")
    write = parser.parse_args().write
    table = "\n".join(measure())
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table)


def measure() -> Iterator[str]:
    """Yield the table's lines."""
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), INVENTED)
        cases = {name: list(take_cases(name, folder)) for name in MOMENTS}
    yield "| features | columns |" + "".join(f" {n}: AUC | log loss |" for n in cases) + " mean |"
    yield "|---|---|" + "---|---|" * len(cases) + "---|"
    for name, inputs in list_sets().items():
        found = np.array([judge(inputs, of_shop) for of_shop in cases.values()])
        cells = "".join(f" {auc:.4f} | {loss:.4f} |" for auc, loss in found)
        yield f"| {name} | {len(inputs)} |{cells} {found[:, 1].mean():.4f} |"


def list_sets() -> Mapping[str, Sequence[str]]:
    """Return the names of each set of features: room by room, then all but one room."""
    of_room = {room: [n for n, f in FEATURES.items() if f.room == room] for room in ROOMS}
    sets: dict[str, Sequence[str]] = {}
    for n, room in enumerate(ROOMS):
        sets["purchases" if n == 0 else f"+ {room}"] = [
            name for earlier in ROOMS[: n + 1] for name in of_room[earlier]
        ]
    for room in ROOMS:
        sets[f"all but {room}"] = [n for n, f in FEATURES.items() if f.room != room]
    return sets


def take_cases(name: str, folder: str) -> Iterator[Case]:
    """Yield the stages and snapshots of each moment of a shop."""
    real = name != "invented"
    tables = find_tables(str(DATA / name), name) if real else find_tables(folder)
    history = read_history(tables)
    first = find_first_order(history)
    for day, horizon in MOMENTS[name]:
        serve = datetime.fromisoformat(day).replace(tzinfo=UTC)
        stages = split_stages(first, serve, horizon)
        norms = find_norms(history, all_moments([stages]), serve)
        yield stages, take_snapshots(history, TARGETS["churn"].over(horizon), norms)


def judge(inputs: Sequence[str], cases: Sequence[Case]) -> tuple[float, float]:
    """Return the mean AUC and log loss at the serving moments."""
    found = []
    for stages, snapshots in cases:
        model = fit_boosted(snapshots.at(stages.closed), {**BOOSTED[0], "inputs": tuple(inputs)})
        last = snapshots.at([stages.serve])
        auc = measure_auc(last.outcome, place(model, last).margin(last.columns, 0.0))
        found.append((auc, float(measure_losses(model, last).mean())))
    auc, loss = np.mean(found, axis=0)
    return float(auc), float(loss)


if __name__ == "__main__":
    main()
