"""What each group of features adds to the trees, with intervals: docs/quality.md's last table.

Every set is judged out of time at moments whose windows close before any that is reported: five of
Online Retail II, three of Complete Journey, three of an invented shop of 3,000 customers.

Run: .venv/bin/python -P benchmarks/ablation.py [--write]   (needs ../shared/data; 15 minutes)
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

import shop
from contract.tables import find_tables
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from features.timeline import CUSTOMER
from training.estimates import estimate_ratios
from training.families.boosting import BOOSTED, fit_boosted
from training.folds import Stages, all_moments, find_first_order, split_stages
from training.gate import measure_auc
from training.ranks import place
from training.selection import measure_losses
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/ablation.py -->", "<!-- end of ablation -->"

# Moments and horizons of churn. Those of Online Retail II close before the first it is reported at.
MOMENTS = {
    "online_retail_ii": [("2010-12-01", 30), ("2011-02-01", 30), ("2011-03-01", 60),
                         ("2011-03-01", 90), ("2011-04-01", 30)],
    "completejourney": [("2017-09-01", 30), ("2017-10-01", 30), ("2017-11-01", 30)],
    "invented": [("2026-02-01", 90), ("2026-05-01", 90), ("2026-08-01", 90)],
}  # fmt: skip
INVENTED = shop.Plan(customers=3000, months=24, seed=3)
GROUPS = {
    "counts": ("purchases", "concessions", "profile"),
    "+ rhythm": ("rhythm", "habits"),
    "+ lifetime": ("lifetime",),
    "+ assortment": ("assortment",),
    "+ engagement": ("engagement", "contacts", "crosses"),
}

Case = tuple[Stages, Snapshots]
Losses = pd.Series  # of each customer at each moment, by customer


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/quality.md")
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
    named = "".join(f" {name}: AUC | log loss less than without |" for name in cases)
    yield f"| features | columns |{named}"
    yield "|---|---|" + "---|---|" * len(cases)
    before: dict[str, Losses] = {}
    for name, inputs in list_sets().items():
        found = {of: judge(inputs, of_shop) for of, of_shop in cases.items()}
        cells = "".join(
            f" {auc:.4f} | {tell_gain(before.get(of), losses)} |"
            for of, (auc, losses) in found.items()
        )
        yield f"| {name} | {len(inputs)} |{cells}"
        before = {of: losses for of, (_, losses) in found.items()}


def list_sets() -> Mapping[str, Sequence[str]]:
    """Return the names of each set of features, each with one group more than the last."""
    sets: dict[str, Sequence[str]] = {}
    seen: list[str] = []
    for name, rooms in GROUPS.items():
        seen += [n for n, f in FEATURES.items() if f.room in rooms]
        sets[name] = list(seen)
    assert len(seen) == len(FEATURES), "every feature is in one group"
    return sets


def tell_gain(before: Losses | None, losses: Losses) -> str:
    """Return how much less log loss there is than before, with an interval over customers."""
    if before is None:
        return f"(is {losses.mean():.4f})"
    gain = (before - losses).groupby(level=0).agg(["sum", "count"])
    told = {"gain": (gain["sum"].to_numpy(float), gain["count"].to_numpy(float))}
    found = estimate_ratios(told)["gain"]
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


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


def judge(inputs: Sequence[str], cases: Sequence[Case]) -> tuple[float, Losses]:
    """Return the mean AUC at the serving moments, and each customer's log loss at each of them."""
    ranks, losses = [], []
    for stages, snapshots in cases:
        model = fit_boosted(snapshots.at(stages.closed), {**BOOSTED[0], "inputs": tuple(inputs)})
        last = snapshots.at([stages.serve])
        ranks.append(measure_auc(last.outcome, place(model, last).margin(last.columns, 0.0)))
        losses.append(pd.Series(measure_losses(model, last), index=last.rows[CUSTOMER]))
    return float(np.mean(ranks)), pd.concat(losses)


if __name__ == "__main__":
    main()
