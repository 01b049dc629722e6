"""How good foretold lifetime values are, beside spend carried on and the probability models.

Run: .venv/bin/python -P benchmarks/worth.py [--write]   (needs ../shared/data; about 3 minutes)
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import shop
from contract.moments import read_moment
from contract.tables import find_tables
from features.gather import read_history
from features.history import History
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "lifetime_value.md"
BEGIN, END = "<!-- begin: benchmarks/worth.py -->", "<!-- end -->"

REAL = {
    "online_retail_ii": ("2011-08-31", "2011-06-01"),  # the data end on the first of these
    "completejourney": ("2018-01-01",),
}
INVENTED, MONTHS, AS_OF = 3000, 36, "2026-11-01"
HEAD = (
    "| shop, as of | judged | model | normalised Gini | gain of the model | top tenth holds | RMSE"
    " | total | in the range | grade, gate |"
)

Report = Mapping[str, Any]


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/lifetime_value.md")
    write = parser.parse_args().write
    if not DATA.exists():
        sys.exit(f"The real shops are not at {DATA}; there is nothing to judge on.")
    table = "\n".join([HEAD, "|---|---|---|---|---|---|---|---|---|---|", *measure()])
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table)


def measure() -> Iterator[str]:
    """Yield the rows of each shop and moment."""
    for name, history, as_of in list_shops():
        begun = time.perf_counter()
        target = TARGETS["lifetime_value"]
        report = learn(history, target, read_moment(as_of), Asked(lambda step: None)).report
        seconds = time.perf_counter() - begun
        print(f"{name} as of {as_of}: {seconds:.0f} seconds", file=sys.stderr)
        yield from tabulate(f"{name}, {as_of}", report)


def list_shops() -> Iterator[tuple[str, History, str]]:
    """Yield the shops, each with a moment up to which it is known."""
    for name, moments in REAL.items():
        history = read_history(find_tables(str(DATA / name), name))
        yield from ((name, history, moment) for moment in moments)
    with tempfile.TemporaryDirectory() as folder:
        shop.make_shop(Path(folder), shop.Plan(customers=INVENTED, months=MONTHS, seed=7))
        yield f"invented, {MONTHS} months", read_history(find_tables(folder)), AS_OF


def tabulate(shop_name: str, report: Report) -> Iterator[str]:
    """Yield a row for what is served and for each baseline, over the span and over the horizon."""
    verdict = "passed" if report["gate"]["passed"] else "refused"
    graded = f"{report['grade']['letter']}, {verdict}"
    for judged in filter(None, (report, report["horizon"])):
        best, facts = judged["best"], judged["judged"]
        where = f"{facts['days']} days from {facts['moment']}, {facts['customers']:,} customers"
        ours = judged["families"][best]
        held = f"{judged['range']['in_range']['value']:.0%}"
        ending = f"{held} | {graded if judged is report else ''}"
        yield f"| {shop_name} | {where} | **{best}** | {tell(ours, '')} | {ending} |"
        for name in ("status_quo", "probability"):
            gain = judged["gini_gain"].get(name)
            told = f"{gain['value']:.3f} ({gain['low']:.3f}–{gain['high']:.3f})" if gain else ""
            yield f"| | | {name} | {tell(judged['baselines'][name], told)} | | |"


def tell(figures: Report, gain: str) -> str:
    """Return the figures of one way to foretell as cells."""
    gini, top, rmse, bias = (
        figures[n]["value"] for n in ("normalised_gini", "top_decile_share", "rmse", "total_bias")
    )
    return f"{gini:.3f} | {gain} | {top:.1%} | {rmse:,.1f} | {bias:+.1%}"


if __name__ == "__main__":
    main()
