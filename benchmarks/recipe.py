"""What stands behind decisions 4, 10 and 13: ranks, settings, the blend, and half windows.

Run: .venv/bin/python -P benchmarks/recipe.py   (needs ../shared/data; about 10 minutes)
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from contract.models import Model, Numbers, log_odds
from contract.tables import find_tables
from contract.trees import Boosted
from features.gather import read_history
from features.norms import find_norms
from training.families import FAMILIES, Family, Settings
from training.families.boosting import BOOSTED, FIXED, fit_boosted
from training.folds import Stages, all_moments, find_first_order, split_stages
from training.gate import measure_auc
from training.ranks import place
from training.recipe import blend, fit_pairs, list_parts
from training.selection import find_weights, measure_losses
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# Moments and horizons whose labels all close before the first that is reported of each shop.
ONLINE, JOURNEY = "online_retail_ii", "completejourney"
CASES = [(ONLINE, "2010-12-01", 30), (ONLINE, "2011-01-01", 90), (ONLINE, "2011-02-01", 30),
         (ONLINE, "2011-03-01", 60), (ONLINE, "2011-03-01", 90), (ONLINE, "2011-04-01", 30),
         (ONLINE, "2011-04-01", 60), (JOURNEY, "2017-08-01", 30),
         (JOURNEY, "2017-09-01", 30)]  # fmt: skip

HISTOGRAM = FAMILIES["hist_gradient_boosting"]

Case = tuple[Stages, Snapshots]
Fit = Callable[[Stages, Snapshots], Model]


def main() -> None:
    """Print the table."""
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to compare on.")
    cases = take_cases()
    names = " | ".join(f"{day} / {horizon}" for _, day, horizon in CASES)
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
    for name, half in (("scikit-learn's trees", False), ("the same by half the window", True)):
        ways[name] = partial(fit_family, family=replace(HISTOGRAM, half=half))
    for name in ("logistic", "probability"):
        ways[name] = partial(fit_family, family=FAMILIES[name])
    whole = {n: replace(f, half=False) for n, f in FAMILIES.items()}
    ways["blend, whole windows"] = partial(fit_blend, families=whole)
    return {**ways, "blend": partial(fit_blend, families=FAMILIES)}


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


def fit_family(stages: Stages, snapshots: Snapshots, family: Family) -> Model:
    """Return a family as it is without tuning."""
    _, seen = list_parts(snapshots, stages, family.half)
    return family.fit(seen, family.usual[0])


def fit_blend(stages: Stages, snapshots: Snapshots, families: Mapping[str, Family]) -> Model:
    """Return the blend of all families."""
    pairs = fit_pairs({n: (f, f.usual[0]) for n, f in families.items()}, snapshots, stages)
    return blend(pairs, find_weights(pairs, snapshots.at([stages.calibrate]))).late


def take_cases() -> list[Case]:
    """Return the stages and snapshots of each moment."""
    shops = {name: read_history(find_tables(str(DATA / name), name)) for name in (ONLINE, JOURNEY)}
    cases = []
    for name, day, horizon in CASES:
        history, serve = shops[name], datetime.fromisoformat(day).replace(tzinfo=UTC)
        stages = split_stages(find_first_order(history), serve, horizon)
        target = TARGETS["churn"].over(horizon)
        norms = find_norms(history, all_moments([stages], half=True), serve)
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
