"""How good the probabilities are on real shops, beside the baselines: docs/quality.md's tables.

Run: .venv/bin/python -P benchmarks/quality.py [--write]   (needs ../shared/data; about 2 minutes)
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract.moments import read_moment
from contract.tables import find_tables
from features.gather import read_history
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/quality.py -->", "<!-- end -->"

# as_of, horizon: what is judged is the window of that length just before as_of.
CASES = {
    "online_retail_ii": [("2011-08-30", 90), ("2011-08-31", 30)],
    "completejourney": [("2018-01-01", 30)],
}
FIGURES = ("auc", "pr_auc", "log_loss", "brier", "ece", "lift_top_decile", "mean_ratio")


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them into docs/quality.md")
    write = parser.parse_args().write
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to judge on.")
    tables = "\n\n".join(measure())
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(tables)


def measure() -> Iterator[str]:
    """Yield a table for each shop, moment and target."""
    for shop, cases in CASES.items():
        history = read_history(find_tables(str(DATA / shop), shop))
        for as_of, horizon in cases:
            for target in TARGETS.values():
                asked = target.over(horizon)
                learned = learn(history, asked, read_moment(as_of), Asked(lambda step: None))
                yield tabulate(shop, learned.report)


def tabulate(shop: str, report: dict[str, Any]) -> str:
    """Return the report as a Markdown table."""
    judged = report["judged"]
    observed = report["baselines"]["base_rate"]["mean_observed"]["value"]
    title = (
        f"### {shop}: {report['target']}, {report['horizon_days']} days from {judged['moment']}\n\n"
        f"`patron train ../shared/data/{shop} --preset {shop} --as-of {report['as_of']}"
        f" --horizon {report['horizon_days']}`: {judged['customers']:,} customers,"
        f" {observed:.3f} came true; trained on {len(judged['train_moments'])}"
        f" moments to {judged['train_moments'][0]}, calibrated at {judged['calibrate_moment']}.\n"
    )
    head = f"| | {' | '.join(FIGURES)} |\n|---|{'---|' * len(FIGURES)}"
    rows = [
        f"| {'**' + name + '**' if name == report['best'] else name} | "
        + " | ".join(_show(metrics[f]) for f in FIGURES)
        + " |"
        for name, metrics in {**report["families"], **report["baselines"]}.items()
    ]
    gains = ", ".join(f"{_show(g)} over {n}" for n, g in report["log_loss_gain"].items())
    return "\n".join([title, head, *rows, "", f"Less log loss than the baselines: {gains}."])


def _show(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"


if __name__ == "__main__":
    main()
