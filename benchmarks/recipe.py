"""What stands behind decisions 4 and 10: counts or ranks, settings of the trees, and the blend.

Run: .venv/bin/python -P benchmarks/recipe.py   (needs ../shared/data; about 10 minutes)
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from contract.models import Model, Numbers, log_odds
from contract.tables import find_tables
from contract.trees import Boosted
from features.gather import read_history
from features.norms import find_norms
from training.families import FAMILIES, Settings
from training.families.boosting import BOOSTED, FIXED, fit_boosted
from training.families.scikit import HISTOGRAM, fit_histogram
from training.folds import Stages, all_moments, find_first_order, split_stages
from training.gate import measure_auc
from training.ranks import place
from training.recipe import blend, fit_pairs
from training.selection import find_weights, measure_losses
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "online_retail_ii"

# Moments and horizons whose labels all close before 2011-06-01, the first that is reported.
CASES = [("2010-12-01", 30), ("2011-02-01", 30), ("2011-03-01", 60), ("2011-03-01", 90),
         ("2011-04-01", 30)]  # fmt: skip

Case = tuple[Stages, Snapshots]
Fit = Callable[[Stages, Snapshots], Model]


def main() -> None:
    """Print the table."""
    if not DATA.exists():
        sys.exit(f"The real shop is not at {DATA}; there is nothing to compare on.")
    cases = take_cases()
    names = " | ".join(f"{day}, {horizon} days" for day, horizon in CASES)
    print(f"| | {names} | mean AUC | mean log loss |\n|---|" + "---|" * (len(CASES) + 2))
    for name, fit in list_ways().items():
        found = np.array([judge(fit, case) for case in cases])
        losses = " | ".join(f"{loss:.4f}" for loss in found[:, 1])
        auc, loss = found.mean(axis=0)
        print(f"| {name} | {losses} | {auc:.4f} | {loss:.4f} |", flush=True)


def list_ways() -> Mapping[str, Fit]:
    """Return the ways to learn by name."""
    ways: dict[str, Fit] = {"trees over counts": partial(fit_counts, settings=BOOSTED[0])}
    for number, settings in enumerate(BOOSTED, 1):
        ways[f"trees over ranks, settings {number}"] = partial(fit_ranks, settings=settings)
    ways["scikit-learn's trees over ranks"] = lambda stages, snapshots: fit_histogram(
        snapshots.at(stages.closed), HISTOGRAM[0]
    )
    for name in ("logistic", "probability"):
        ways[name] = partial(fit_family, name=name)
    return {**ways, "blend": fit_blend}


def fit_counts(stages: Stages, snapshots: Snapshots, settings: Settings) -> Model:
    """Return XGBoost's trees over features as they are."""
    import xgboost

    seen = snapshots.at(stages.closed)
    rest, inputs = dict(settings), tuple(seen.columns)
    steps = rest.pop("steps")
    rows = np.stack([seen.columns[n] for n in inputs], axis=1).astype(np.float32)
    data = xgboost.DMatrix(rows, seen.outcome, base_margin=log_odds(seen.base_rate))
    return Counted(Boosted(xgboost.train({**FIXED, "max_bin": 256, **rest}, data, steps), inputs))


def fit_ranks(stages: Stages, snapshots: Snapshots, settings: Settings) -> Model:
    """Return XGBoost's trees over ranks."""
    return fit_boosted(snapshots.at(stages.closed), settings)


def fit_family(stages: Stages, snapshots: Snapshots, name: str) -> Model:
    """Return a family as it is without tuning."""
    return FAMILIES[name].fit(snapshots.at(stages.closed), FAMILIES[name].usual[0])


def fit_blend(stages: Stages, snapshots: Snapshots) -> Model:
    """Return the blend of all families."""
    pairs = fit_pairs({n: (f, f.usual[0]) for n, f in FAMILIES.items()}, snapshots, stages)
    return blend(pairs, find_weights(pairs, snapshots.at([stages.calibrate]))).late


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


def judge(fit: Fit, case: Case) -> tuple[float, float]:
    """Return AUC and log loss at the stages' serving moment, slope and level set right."""
    stages, snapshots = case
    last, model = snapshots.at([stages.serve]), fit(stages, snapshots)
    auc = measure_auc(last.outcome, place(model, last).margin(last.columns, 0.0))
    return auc, float(measure_losses(model, last).mean())


class Counted:
    """Trees that go by counts, which nobody is to tell them as ranks."""

    def __init__(self, model: Model) -> None:
        self.model, self.inputs = model, model.inputs

    def margin(self, columns: Mapping[str, Numbers], base: float | Numbers) -> Numbers:
        """Return the model's log-odds."""
        return self.model.margin(columns, base)

    def save(self, folder: Path, stem: str) -> list[str]:
        """Return nothing: it is not kept."""
        return []


if __name__ == "__main__":
    main()
