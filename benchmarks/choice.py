"""How good the lists of categories are, beside the plain ones: the tables of docs/cross_sell.md.

Run: .venv/bin/python -P benchmarks/choice.py   (needs ../shared/data; about 3 minutes)
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from training.choice.choices import list_periods
from training.choice.judging import SCOPE, Judged, judge
from training.choice.learn import take_seen, take_source
from training.choice.levels import foretell_share
from training.choice.measures import as_purchases
from training.folds import all_moments, find_first_order, split_stages
from training.rankings import SCOPES, compare_rankings, evaluate_scope
from training.targets import TARGETS, Target

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CASES = [
    ("completejourney", "2017-10-01", 30),
    ("online_retail_ii", "2011-06-01", 90),
    ("invented", "2026-08-01", 90),
]
FIGURES = ("log_loss", "ece", "mean_ratio", "shown_ratio")
BEATEN = ("personal_top", "global_top", "decayed_blend")


def main() -> None:
    """Print a table for each shop, first orders alone and repeats too."""
    chosen = sys.argv[1:] or [name for name, *_ in CASES]
    for name, day, horizon in CASES:
        if name in chosen and (name == "invented" or (DATA / name).exists()):
            history = open_shop(name)
            moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
            for repeats in (False, True):
                target = TARGETS["cross_sell"].over(horizon).offering({"repeats": repeats})
                start = time.process_time()
                judged = judge_at(history, target, moment)
                took = time.process_time() - start
                what = "what was bought before too" if repeats else "first orders"
                print(f"\n### {name}, {horizon} days from {day}, {what}\n")
                print("\n".join(tell(judged, took)), flush=True)


def open_shop(name: str) -> History:
    """Return the history of a real shop, or of an invented one of 2,000 customers."""
    if name != "invented":
        return read_history(find_tables(str(DATA / name), name))
    import shop

    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(2000, 24, 7))
        return read_history(find_tables(folder))


def judge_at(history: History, target: Target, moment: datetime) -> Judged:
    """Return the recipe as it would have been at the moment, judged on what came after."""
    stages = split_stages(find_first_order(history), moment, target.over_days)
    norms = find_norms(history, all_moments([stages]), moment)
    source = take_source(history, target, moment)
    seen = take_seen(source, target, norms, (stages, stages))
    served = seen.whole[moment]
    asked = target.over_days, list_periods(source[1], served)
    return judge(seen, stages, foretell_share(source[1], target, served), asked)


def tell(judged: Judged, took: float) -> Iterator[str]:
    """Yield the lines of a table: lists in each scope, and how true the probabilities are."""
    choices, purchases = judged.choices, as_purchases(judged.choices)
    told = {n: choices.spread(p) for n, p in judged.told.items()}
    lists = {**{f"**{n}**" if n == judged.best else n: t for n, t in told.items()}, **judged.lists}
    scopes = SCOPES if choices.shelf.offer.repeats else (SCOPE,)
    yield (f"{len(choices.ids):,} customers, {len(choices.shelf.names)} of"
           f" {choices.shelf.of}, {judged.step.rung}, {took:.0f} s.\n")  # fmt: skip
    heads = [f"recall@5, {s} | NDCG@5, {s}" for s in scopes] + list(FIGURES)
    yield f"| | {' | '.join(heads)} |"
    yield "|---|" + "---|" * (2 * len(scopes) + len(FIGURES))
    for name, shown in lists.items():
        found = [evaluate_scope(shown, purchases, s) for s in scopes]
        cells = [show(f.get(n)) for f in found for n in ("recall_at_5", "ndcg_at_5")]
        cells += [show(judged.metrics[name.strip("*")].get(figure)) for figure in FIGURES]
        yield f"| {name} | {' | '.join(cells)} |"
    ours = told[judged.best]
    for scope in scopes:
        gains = [
            f"{show(compare_rankings(purchases, ours, judged.lists[name], scope))} over {name}"
            for name in BEATEN
        ]
        yield f"\nGain in NDCG@5, {scope}: {'; '.join(gains)}."


def show(figure: object) -> str:
    """Return a figure with its interval."""
    if figure is None:
        return "–"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
