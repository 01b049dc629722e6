"""What reasons cost, beside XGBoost's own contributions and woodelf: the table of docs/reasons.md.

Run: .venv/bin/python -P benchmarks/reasons.py [--beside FOLDER] [--write]   (a minute)
where FOLDER is made by: uv pip install --target FOLDER --no-deps woodelf-explainer treelite tqdm
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

import shop
from contract.boughs import Floats
from contract.cutting import cut_boughs
from contract.models import Columns, Numbers
from contract.norms import Norms
from contract.shares import Shares
from contract.tables import find_tables
from contract.trees import rank
from features.compute import compute
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from serving.reasons.changes import find_changes
from serving.reasons.explain import Told, explain
from serving.reasons.ranking import rank_groups
from serving.reasons.words import BESIDE, Spoken, tell_feature
from serving.scorer import Scorer
from training.families.boosting import BOOSTED, FIXED
from training.learn import learn
from training.learned import Asked
from training.ranks import find_knots
from training.targets import TARGETS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reasons.md"
BEGIN, END = "<!-- begin: benchmarks/reasons.py -->", "<!-- end of reasons -->"

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = tuple(FEATURES)
CUSTOMERS, ROWS, RUNS = 5_000, 20_000, 3
WOODELF = "woodelf"


def learn_rows() -> tuple[Columns, Norms, Floats]:
    """Return the features of an invented shop's customers, its norms, and ranks as trees read."""
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(CUSTOMERS, 24, 1))
        history = read_history(find_tables(folder))
    norms = find_norms(history, [AS_OF])[AS_OF]
    made = compute(history, {AS_OF: norms}, NAMES).columns
    rows = np.stack([made[n] for n in NAMES], axis=1).astype(np.float32)
    ranks = rank(rows, find_knots(rows))
    return made, norms, np.tile(ranks, (-(-ROWS // len(ranks)), 1))[:ROWS]


def grow(rows: Floats, settings: dict[str, Any]) -> Any:
    """Return trees by the settings of a family, of an outcome that several features tell."""
    known = np.nan_to_num(rows)
    places = [NAMES.index(n) for n in ("days_since_order", "orders_365d", "visits_30d")]
    odds = known[:, places] @ np.array([3.0, -2.0, -1.0]) + known[:, 7::30].sum(axis=1)
    draw = np.random.default_rng(7)
    came = odds - np.median(odds) + draw.logistic(size=len(odds)) > 0
    steps = settings.pop("steps")
    return xgboost.train({**FIXED, **settings}, xgboost.DMatrix(rows, came), steps)


def list_ways(booster: Any, rows: Floats, beside: str | None) -> Iterator[tuple[str, Any]]:
    """Yield ways to the same contributions, plain answers first, which are their limit."""
    booster.set_param({"nthread": 1})
    boughs = cut_boughs(booster)
    yield "answers alone", partial(booster.inplace_predict, rows, predict_type="margin")
    yield "Patron", partial(boughs.share, rows)
    data = xgboost.DMatrix(rows)
    yield "xgboost, `pred_contribs`", lambda: booster.predict(data, pred_contribs=True)[:, :-1]
    if beside:
        import pandas as pd

        sys.path.append(beside)
        from woodelf import WoodelfExplainer  # type: ignore[import-not-found, unused-ignore]

        frame = pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
        explainer = WoodelfExplainer(booster)
        yield WOODELF, lambda: np.asarray(explainer.shap_values(frame, verbose=False))


def time_best(job: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least seconds of some runs, and what the last one said."""
    best, told = np.inf, None
    for _ in range(RUNS):
        began = time.perf_counter()
        told = job()
        best = min(best, time.perf_counter() - began)
    return best, told


def compare(rows: Floats, beside: str | None) -> Iterator[str]:
    """Yield a line for each way with the trees of each setting."""
    for settings in BOOSTED:
        shape = f"{settings['steps']} trees of depth {settings['max_depth']}"
        booster = grow(rows, dict(settings))
        ours: Numbers | None = None
        for name, job in list_ways(booster, rows, beside):
            seconds, told = time_best(job)
            ours = told if name == "Patron" else ours
            apart = "" if ours is None else f"{np.abs(np.asarray(told) - ours).max():.0e}"
            rate = f"{ROWS / seconds:,.0f} | {1e6 * seconds / ROWS:.1f}"
            yield f"| {shape} | {name} | {rate} | {apart} |"
        began = time.perf_counter()
        cut_boughs(booster)
        yield f"| {shape} | … cutting the trees, once | | {time.perf_counter() - began:.2f} s | |"


def tell_groups(made: Columns, norms: Norms, rows: Floats) -> Iterator[str]:
    """Yield what ranking the groups and writing sentences adds."""
    shares = Shares(np.zeros(ROWS), NAMES, np.random.default_rng(1).normal(size=rows.shape))
    seconds, ranking = time_best(partial(rank_groups, shares))
    yield f"| | ranking the groups | {ROWS / seconds:,.0f} | {1e6 * seconds / ROWS:.1f} | |"

    def write() -> None:
        for row in range(1_000):
            for place in ranking.feature[row]:
                told = {n: float(made[n][row]) for n in (NAMES[place], *BESIDE)}
                tell_feature(NAMES[place], Spoken(told, norms))

    seconds, _ = time_best(write)
    yield f"| | three sentences | {1_000 / seconds:,.0f} | {1e3 * seconds:.1f} | |"


def time_live() -> Iterator[str]:
    """Yield what scores, reasons and changes of one target take for few customers at once."""
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(1_000, 24, 1))
        history = read_history(find_tables(folder))
    learned = learn(history, TARGETS["churn"].over(90), AS_OF, Asked(lambda step: None))
    scorer, asked = Scorer({"churn": learned.bundle}), (AS_OF, ["churn"])
    for count in (1, 100):
        some = history.block(0, count)
        ways = {
            "scores alone": partial(scorer.score, some, *asked),
            "reasons": partial(explain, scorer, some, asked, Told()),
            "changes": partial(find_changes, scorer, some, asked),
        }
        for name, job in ways.items():
            seconds, _ = time_best(job)
            rate = f"{count / seconds:,.0f} | {1e6 * seconds / count:,.0f}"
            yield f"| {learned.bundle.manifest.family}, {count} at once | {name} | {rate} | |"


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", help="folder of woodelf-explainer")
    parser.add_argument("--write", action="store_true", help="write it into docs/reasons.md")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    made, norms, rows = learn_rows()
    head = (
        f"{ROWS:,} rows of {len(NAMES)} features, one thread, the best of {RUNS}; load average"
        f" before: {load:.1f} on {os.cpu_count()} cores.\n\n| trees | | rows a second | µs a row |"
        " largest difference |\n|---|---|---|---|---|"
    )
    table = "\n".join(
        [head, *compare(rows, asked.beside), *tell_groups(made, norms, rows), *time_live()]
    )
    print(table)
    if asked.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
