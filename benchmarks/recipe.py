"""What stands behind decisions 3 and 4: XGBoost's settings, and where the level is learned.

Run: .venv/bin/python -P benchmarks/recipe.py   (needs ../shared/data; about 2 minutes)
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from contract.manifest import Calibration
from contract.tables import find_tables
from features.gather import read_history
from features.norms import find_norms
from training import families
from training.calibration import fit_level, fit_slope
from training.families import fit_boosted
from training.figures import trace_roc
from training.folds import Stages, all_moments, split_stages
from training.learn import find_first_order
from training.ordering import Ranking
from training.recipe import Fitted, fit_recipe
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "online_retail_ii"

# Moments and horizons whose labels all close before 2011-06-01, the first that is reported.
CASES = [("2010-12-01", 30), ("2011-02-01", 30), ("2011-03-01", 60), ("2011-03-01", 90),
         ("2011-04-01", 30)]  # fmt: skip

WIDE = {"num_parallel_tree": 1, "subsample": 0.7, "colsample_bynode": 0.6}
SETTINGS: Mapping[str, tuple[int, dict[str, Any]]] = {
    "as they are": (families.STEPS, {}),
    "one tree a step": (120, {"num_parallel_tree": 1}),
    "depth 2, 300 steps, rows .7, columns .6": (300, {**WIDE, "max_depth": 2}),
    "depth 3, 200 steps, rows .7, columns .6": (200, WIDE),
    "depth 4, 150 steps, rows .7, columns .6": (150, {**WIDE, "max_depth": 4}),
}

Case = tuple[Stages, Snapshots]


def main() -> None:
    """Print both tables."""
    if not DATA.exists():
        sys.exit(f"The real shop is not at {DATA}; there is nothing to compare on.")
    cases = take_cases()
    print("| setting | AUC | log loss |\n|---|---|---|")
    usual, steps = dict(families.BOOSTING), families.STEPS
    for name, (count, changes) in SETTINGS.items():
        families.BOOSTING.update(usual | changes)
        families.STEPS = count
        found = np.mean([judge(fit_recipe(fit_boosted, s, stages), s, stages)
                         for stages, s in cases], axis=0)  # fmt: skip
        print(f"| {name} | {found[0]:.4f} | {found[1]:.4f} |", flush=True)
    families.BOOSTING.update(usual)
    families.STEPS = steps
    print("\n| moment | observed | level of the refitted model | level of the earlier model |")
    print("|---|---|---|---|")
    for stages, snapshots in cases:
        print(compare_levels(stages, snapshots), flush=True)


def take_cases() -> list[Case]:
    """Return the stages and snapshots of each moment."""
    history = read_history(find_tables(str(DATA), "online_retail_ii"))
    first, cases = find_first_order(history), []
    for day, horizon in CASES:
        serve = datetime.fromisoformat(day).replace(tzinfo=UTC)
        stages = split_stages(first, serve, horizon)
        target = TARGETS["churn"].over(horizon)
        norms = find_norms(history, all_moments([stages]), serve)
        cases.append((stages, take_snapshots(history, target, norms)))
    return cases


def judge(fitted: Fitted, snapshots: Snapshots, stages: Stages) -> tuple[float, float]:
    """Return AUC and log loss at the stages' serving moment."""
    last = snapshots.at([stages.serve])
    told, outcome = fitted.probability(last), last.outcome
    others, came = trace_roc(Ranking(outcome, told))
    loss = -np.mean(np.log(np.where(outcome > 0, told, 1 - told)))
    return float(np.trapezoid(came, others)), float(loss)


def compare_levels(stages: Stages, snapshots: Snapshots) -> str:
    """Return a row: the mean probability with the level learned on either model."""
    calibrate, last = snapshots.at([stages.calibrate]), snapshots.at([stages.serve])
    early, model = (fit_boosted(snapshots.at(m)) for m in (stages.train, stages.closed))
    slope, base = fit_slope(early, calibrate), float(calibrate.base_rate[0])
    levels = [fit_level(m, slope, calibrate) for m in (model, early)]
    told = [
        Fitted(model, Calibration(slope=slope, intercept=level), base).probability(last).mean()
        for level in levels
    ]
    return (
        f"| {stages.serve:%Y-%m-%d} | {last.outcome.mean():.3f} | {told[0]:.3f} | {told[1]:.3f} |"
    )


if __name__ == "__main__":
    main()
