"""Mean predicted beside mean observed, moment by moment and segment by segment: docs/quality.md.

Run: .venv/bin/python -P benchmarks/levels.py [--write]   (needs ../shared/data; about 5 minutes)
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import shop
from contract.moments import as_micros
from contract.segments import SEGMENTS, find_segments
from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from features.norms import find_norms
from training.chances import foretell
from training.folds import all_moments, find_first_order, split_stages
from training.judging import Judged, judge
from training.snapshots import take_snapshots
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/levels.py -->", "<!-- end of levels -->"

# Moments of `churn`; the invented shops' season is known (docs/shop.md), and the third year tells.
MOMENTS = {
    "online_retail_ii": [("2010-12-01", 30), ("2011-02-01", 30), ("2011-04-01", 30),
                         ("2011-05-01", 30), ("2011-06-01", 30), ("2011-08-01", 30),
                         ("2011-03-01", 90), ("2011-06-01", 90)],
    "completejourney": [("2017-06-01", 30), ("2017-07-01", 30), ("2017-08-01", 30),
                        ("2017-09-01", 30), ("2017-10-01", 30), ("2017-11-01", 30),
                        ("2017-12-01", 30)],
    "invented": [("2025-12-01", 30), ("2026-01-01", 30), ("2026-03-01", 30), ("2026-06-01", 30),
                 ("2026-08-01", 30), ("2026-10-01", 30), ("2026-01-01", 90), ("2026-08-01", 90)],
}  # fmt: skip
INVENTED = shop.Plan(customers=4000, months=36, seed=11)
SHOWN = SEGMENTS[:3]  # nobody who is active has lapsed


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/quality.md")
    write = parser.parse_args().write
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to judge on.")
    lines = []
    for line in measure():
        print(line, flush=True)
        lines.append(line)
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        text = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


def measure() -> Iterator[str]:
    """Yield the table's lines."""
    named = " | ".join(SHOWN)
    yield (
        "| shop, moment, days | foretold | predicted / observed | ratio | ECE, debiased |"
        f" {named} |"
    )
    yield "|---|---|---|---|---|" + "---|" * len(SHOWN)
    for name, moments in MOMENTS.items():
        history, ratios = open_shop(name), []
        for day, horizon in moments:
            judged = judge_at(history, datetime.fromisoformat(day).replace(tzinfo=UTC), horizon)
            told, came = judged.served, judged.snapshot.outcome
            ratios.append(told.mean() / came.mean())
            rate = judged.base_rate
            held = "" if rate.low <= came.mean() <= rate.high else ", missed"
            yield (
                f"| {name}, {day}, {horizon} | {rate.share:.3f} ({rate.low:.3f}–{rate.high:.3f}"
                f"{held}) | {told.mean():.3f} / {came.mean():.3f} | {ratios[-1]:.3f} |"
                f" {tell_error(judged)} |"
                f" {' | '.join(tell_segments(judged))} |"
            )
        off = np.sqrt(np.mean(np.log(ratios) ** 2))
        mean = f"{np.mean(ratios):.3f}, off by {off:.3f}"
        yield f"| **{name}, all** | | | {mean} |{' |' * (1 + len(SHOWN))}"


def tell_error(judged: Judged) -> str:
    """Return the mean distance of probability from outcome, and that less what chance adds."""
    found = judged.metrics[judged.best]
    return f"{found['ece'].value:.3f}, {found['ece_debiased'].value:.3f}"


def tell_segments(judged: Judged) -> Iterator[str]:
    """Yield predicted / observed of each segment, and how many customers it has."""
    segments, told = find_segments(judged.snapshot.columns), judged.served
    for name in SHOWN:
        inside = segments == SEGMENTS.index(name)
        ours, theirs = told[inside].mean(), judged.snapshot.outcome[inside].mean()
        yield f"{ours:.3f} / {theirs:.3f} ({np.count_nonzero(inside):,})"


def open_shop(name: str) -> History:
    """Return a real shop's history, or the invented one's."""
    if name != "invented":
        return read_history(find_tables(str(DATA / name), name))
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), INVENTED)
        return read_history(find_tables(folder))


def judge_at(history: History, serve: datetime, horizon: int) -> Judged:
    """Return what is said at the moment of the window that begins there."""
    target, stages = (
        TARGETS["churn"].over(horizon),
        split_stages(find_first_order(history), serve, horizon),
    )
    norms = find_norms(history, all_moments([stages], half=True), serve)
    rate = foretell(history.before(as_micros(serve)), target, serve, norms[serve])
    return judge(take_snapshots(history, target, norms), stages, rate, {})


if __name__ == "__main__":
    main()
