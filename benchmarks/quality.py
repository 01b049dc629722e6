"""How good the probabilities are on real shops, beside rules and other learners: docs/quality.md.

Every learner gets the same feature table, and as many seconds as it likes up to SECONDS.

Run: make peers && .venv/bin/python -P benchmarks/quality.py [--write] [--seconds 60]
     (needs ../shared/data; about 3 minutes a case)
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract.manifest import Eligible
from contract.models import Numbers
from contract.moments import as_micros
from contract.tables import find_tables
from features.events import Events
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from training.chances import foretell
from training.evaluation import Estimate, compare, evaluate
from training.folds import Stages, all_moments, find_first_order, split_stages
from training.judging import Judged, judge
from training.snapshots import Snapshots, take_snapshots
from training.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parent.parent
DATA, PEERS = ROOT.parent / "shared" / "data", ROOT / ".peers" / "bin" / "python"
PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/quality.py -->", "<!-- end -->"

ONLINE, JOURNEY = "online_retail_ii", "completejourney"
# Shop, target, moment, horizon: what is judged is the window from the moment on.
CASES = [
    (ONLINE, "churn", "2011-03-01", 90),
    (ONLINE, "churn", "2011-06-01", 90),
    (ONLINE, "churn", "2011-04-01", 30),
    (ONLINE, "churn", "2011-06-01", 30),
    (ONLINE, "churn", "2011-08-01", 30),
    (ONLINE, "next_purchase", "2011-06-01", 90),
    (ONLINE, "next_purchase", "2011-08-01", 30),
    (JOURNEY, "churn", "2017-10-01", 30),
    (JOURNEY, "churn", "2017-12-01", 30),
    (JOURNEY, "campaign_response", "2017-10-01", 90),
]
OURS = ("logistic", "probability", "days_since_order", "order_count", "base_rate")


def redeems(interactions: Events) -> Numbers:
    """A household that was sent a campaign redeems a coupon within the horizon."""
    return np.asarray(interactions.of("kind", "coupon_redeemed").count() > 0)


RESPONSE = Target(
    name="campaign_response",
    meaning="A household that was sent a campaign within a year redeems a coupon.",
    eligible=Eligible(feature="days_since_campaign", at_most=365),
    definition=redeems,
    reads=("interactions",),
)


@dataclass(frozen=True)
class Told:
    """What each learner says of the judged customers, and the seconds it took."""

    judged: Judged
    probabilities: Mapping[str, Numbers]
    took: Mapping[str, float]


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them into docs/quality.md")
    parser.add_argument("--seconds", type=int, default=60, help="for each learner; default 60")
    parser.add_argument("--case", type=int, action="append", help="only the one of this number")
    asked = parser.parse_args()
    for needed in (DATA, PEERS):
        if not needed.exists():
            sys.exit(f"There is no {needed}: the benchmark needs ../shared/data, and make peers.")
    tables = []
    for case in [CASES[n] for n in asked.case or range(len(CASES))]:
        tables.append(tabulate(case, ask_all(case, asked.seconds), asked.seconds))
        print(tables[-1], flush=True)
    if asked.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        text = "\n\n".join(tables)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def ask_all(case: tuple[str, str, str, int], seconds: int) -> Told:
    """Return what Patron, its rules and the peers say in one case."""
    shop, name, day, horizon = case
    history = read_history(find_tables(str(DATA / shop), shop))
    target = RESPONSE if name == RESPONSE.name else TARGETS[name]
    serve = datetime.fromisoformat(day).replace(tzinfo=UTC)
    stages = split_stages(find_first_order(history), serve, horizon)
    snapshots, began = take(history, target.over(horizon), stages), time.monotonic()
    before, norms = history.before(as_micros(serve)), snapshots.norms[serve]
    rate = foretell(before, target.over(horizon), serve, norms)
    judged = judge(snapshots, stages, rate, {})
    took = {judged.best: time.monotonic() - began}
    ours = {judged.best: judged.probabilities[judged.best]}
    ours |= {n: judged.probabilities[n] for n in OURS if n in judged.probabilities}
    peers, theirs = ask_peers(snapshots.at(stages.closed), judged.snapshot, seconds)
    return Told(judged, {**ours, **peers}, {**took, **theirs})


def take(history: History, target: Target, stages: Stages) -> Snapshots:
    """Return the snapshots of the stages; the judged one last."""
    norms = find_norms(history, all_moments([stages], half=True), stages.serve)
    return take_snapshots(history, target, norms)


def ask_peers(
    train: Snapshots, test: Snapshots, seconds: int
) -> tuple[dict[str, Numbers], dict[str, float]]:
    """Return what each peer says of the judged customers, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("train", train), ("test", test)):
            rows = part.rows[[*part.columns, "outcome"]].astype(np.float32)
            kept = rows if name == "train" else rows.drop(columns="outcome")
            kept.to_parquet(Path(folder) / f"{name}.parquet")
        words = [PEERS, Path(__file__).with_name("peers.py"), folder, str(seconds)]
        done = subprocess.run(words, check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        told = {f.stem: np.load(f) for f in sorted(Path(folder).glob("*.npy"))}
        return told, json.loads((Path(folder) / "took.json").read_text("utf-8"))


def tabulate(case: tuple[str, str, str, int], told: Told, seconds: int) -> str:
    """Return one case as a Markdown table, ours first."""
    shop, name, day, horizon = case
    judged, best, outcome = told.judged, told.judged.best, told.judged.snapshot.outcome
    figures = {n: evaluate(outcome, p) for n, p in told.probabilities.items()}
    rows = [
        f"### {shop}: {name}, {horizon} days from {day}\n",
        f"{len(outcome):,} customers, {outcome.mean():.3f} came true; learned from"
        f" {len(judged.stages.closed)} moments to {judged.stages.closed[0]:%Y-%m-%d};"
        f" {judged.base_rate.share:.3f} was foretold ({judged.base_rate.low:.3f} to"
        f" {judged.base_rate.high:.3f}).\n",
        "| | AUC | log loss | less log loss than it | ECE | predicted / observed | seconds | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for n, found in figures.items():
        gain = compare(outcome, told.probabilities[best], told.probabilities[n])
        said = "" if n == best else tell_outcome((figures[best], found), gain)
        took = f"{told.took[n]:.0f}" if n in told.took else ""
        ratio = f"{found['mean_predicted'].value:.3f} / {found['mean_observed'].value:.3f}"
        cells = [f"**{n}**" if n == best else n, show(found["auc"]), show(found["log_loss"]),
                 "" if n == best else show(gain), f"{found['ece'].value:.3f}", ratio, took,
                 said]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def tell_outcome(
    found: tuple[Mapping[str, Estimate], Mapping[str, Estimate]], gain: Estimate
) -> str:
    """Return whether ours is ahead of it, tied with it, or behind."""
    ours, theirs = found
    if gain.low > 0:
        return "ahead"
    if gain.high < 0:
        return "behind"
    better = ours["ece_debiased"].value < theirs["ece_debiased"].value
    return f"tied, calibration {'better' if better else 'worse'}"


def show(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.4f} ({estimate.low:.4f}–{estimate.high:.4f})"


if __name__ == "__main__":
    main()
