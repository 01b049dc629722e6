"""Pictures of how a model ranks, how true its answers are, and what acting on them earns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contract.models import Numbers
from training.evaluation import BINS
from training.ordering import Binned, Ranking, bin_finely
from training.profit import RETENTION, Campaign, trace_profit
from training.segments import Segment
from training.waits import Coverage
from training.worths import DECILES, Decile

Probabilities = Mapping[str, Numbers]
Line = tuple[Numbers, Numbers]

GREY = {"color": "grey", "linewidth": 0.8, "linestyle": "--"}
NAMES = {
    "before_earliest": "before the earliest day",
    "by_expected": "by the expected day",
    "by_latest": "by the latest day",
    "range": "from earliest to latest",
}


def draw_curves(outcome: Numbers, probabilities: Probabilities, folder: Path) -> list[Path]:
    """Write roc.png, gains.png, lift.png and reliability.png, a line per family or baseline."""
    ranked = {n: Ranking(outcome, p) for n, p in probabilities.items() if np.ptp(p) > 0}
    pictures = [
        ("roc", "ROC", ("share of others reached", "share of outcomes reached"), trace_roc),
        ("gains", "Cumulative gains",
         ("share of customers, highest first", "share of outcomes reached"), trace_gains),
        ("reliability", "Reliability", ("mean probability", "share that came true"),
         trace_reliability),
    ]  # fmt: skip
    files = []
    for name, title, axes, trace in pictures:
        plot = _open(title, axes)
        plot.plot([0, 1], [0, 1], **GREY)
        marker = "o" if trace is trace_reliability else ""
        _add_lines(plot, {n: trace(r) for n, r in ranked.items()}, marker)
        plot.set(xlim=(0, 1), ylim=(0, 1))
        files.append(_save(plot, folder / f"{name}.png"))
    return [*files, draw_lift(ranked, folder)]


def draw_lift(ranked: Mapping[str, Ranking], folder: Path) -> Path:
    """Write lift.png: in each tenth of the customers, outcomes over what a random tenth holds."""
    plot = _open("Lift", ("tenth of the customers, highest first", "outcomes, in times the mean"))
    plot.axhline(1, **GREY)
    _add_lines(plot, {n: trace_lift(r) for n, r in ranked.items()}, "o", "upper right")
    plot.set(xticks=range(1, DECILES + 1), ylim=(0, None))
    return _save(plot, folder / "lift.png")


def draw_profit(
    ranked: Mapping[str, Ranking], folder: Path, campaign: Campaign = RETENTION.campaign
) -> Path:
    """Write profit.png: what contacting a share of the customers earns, and where it is most."""
    axes = ("share of customers contacted, highest first", "profit per customer there is")
    plot = _open("Profit of a campaign; the dot is the best share", axes)
    plot.axhline(0, **GREY)
    lines = {n: trace_profit(r, campaign) for n, r in ranked.items()}
    for share, profit in lines.values():
        best = int(profit.argmax())
        plot.plot(share[best], profit[best], "ko", markersize=4, zorder=3)
    _add_lines(plot, lines, "", "outside")
    plot.set(xlim=(0, 1))
    return _save(plot, folder / "profit.png")


def draw_deciles(deciles: Sequence[Decile], folder: Path) -> Path:
    """Write deciles.png: mean foretold and mean observed worth in each tenth of the customers."""
    plot = _open("Worth by tenths of the customers", ("tenth, lowest foretold first", "mean worth"))
    at = np.arange(1, len(deciles) + 1)
    observed = [d.observed for d in deciles]
    plot.errorbar(at, [o.value for o in observed], _reach(observed), fmt="o", label="observed",
                  capsize=3, markersize=5)  # fmt: skip
    plot.plot(at, [d.predicted.value for d in deciles], "_", markersize=16, markeredgewidth=2,
              label="foretold")  # fmt: skip
    plot.set(xticks=at, ylim=(0, None))
    plot.legend(loc="upper left", frameon=False)
    return _save(plot, folder / "deciles.png")


def draw_recall(curves: Mapping[str, Numbers], folder: Path) -> Path:
    """Write recall.png: the mean share of bought categories that the first k shown hold."""
    plot = _open("Recall", ("categories shown", "share of the bought ones among them"))
    _add_lines(plot, {n: (np.arange(1.0, len(r) + 1), r) for n, r in curves.items()}, "o")
    longest = max(len(r) for r in curves.values())
    plot.set(xticks=range(1, longest + 1), ylim=(0, None))
    return _save(plot, folder / "recall.png")


def draw_reliability(outcome: Numbers, probabilities: Probabilities, folder: Path) -> Path:
    """Write reliability.png as far as the dots go: for probabilities that are all small."""
    plot = _open("Reliability", ("mean probability", "share that came true"))
    lines = {n: trace_reliability(Ranking(outcome, p)) for n, p in probabilities.items()}
    most = max(float(max(x.max(), y.max())) for x, y in lines.values()) * 1.05
    plot.plot([0, most], [0, most], **GREY)
    _add_lines(plot, lines, "o")
    plot.set(xlim=(0, most), ylim=(0, most))
    return _save(plot, folder / "reliability.png")


def draw_coverage(coverage: Mapping[str, Coverage], folder: Path) -> Path:
    """Write coverage.png: how often orders came when foretold, beside how often they should."""
    axes = ("share of customers; the black line is what was foretold", "")
    plot = _open("When the next order came", axes)
    told = [(name, c, c.share) for name, c in coverage.items() if c.share is not None]
    for at, (_, held, share) in enumerate(told):
        plot.errorbar(share.value, at, xerr=_reach([share]), fmt="o", color="C0", capsize=3)
        plot.plot(held.wanted, at, "|", color="black", markersize=22, markeredgewidth=1.5)
    names = [f"{NAMES[name]}\n{held.customers:,} customers" for name, held, _ in told]
    plot.set(xlim=(0, 1), ylim=(len(told) - 0.5, -0.5), yticks=range(len(told)), yticklabels=names)
    return _save(plot, folder / "coverage.png")


def draw_segments(segments: Mapping[str, Segment], folder: Path) -> Path:
    """Write segments.png: in each kind of customers how many came true, beside what was told."""
    plot = _open("By kind of customer", ("came true; the black line was told", ""))
    for at, found in enumerate(segments.values()):
        came = found.mean_observed
        plot.errorbar(came.value, at, xerr=_reach([came]), fmt="o", color="C0", capsize=3)
        plot.plot(found.mean_predicted.value, at, "|", color="black", markersize=22, mew=1.5)
    names = [
        f"{name.replace('_', ' ')}, {s.customers:,}: grade {s.grade}\nlog loss"
        f" {s.log_loss.value:.3f}: {s.gain.value:.3f} less\nthan"
        f" {s.best_baseline.replace('_', ' ')}"
        for name, s in segments.items()
    ]
    count = len(segments)
    plot.set(xlim=(0, 1), ylim=(count - 0.5, -0.5), yticks=range(count), yticklabels=names)
    return _save(plot, folder / "segments.png")


def trace_roc(ranking: Ranking) -> Line:
    """Return the false and true positive rates from the highest probability down."""
    came, others = _cumulate(ranking)
    return others / others[-1], came / came[-1]


def trace_gains(ranking: Ranking) -> Line:
    """Return the share of customers looked at and of outcomes reached."""
    came, others = _cumulate(ranking)
    return (came + others) / (came[-1] + others[-1]), came / came[-1]


def trace_lift(ranking: Ranking) -> Line:
    """Return the tenths of customers, the highest first, and each one's outcomes over the mean."""
    edges = np.linspace(0, 1, DECILES + 1)
    reached = np.interp(edges, *trace_gains(ranking))
    return np.arange(1.0, DECILES + 1), np.diff(reached) * DECILES


def trace_reliability(ranking: Ranking) -> Line:
    """Return mean probability and share of outcomes in bins of equal mass."""
    binned = Binned(ranking, ranking.bin(BINS))
    return binned.told, binned.counts[0][0] / binned.sizes


def _cumulate(ranking: Ranking) -> Line:
    (came,), (others,) = bin_finely(ranking).counts
    return np.r_[0, np.cumsum(came)], np.r_[0, np.cumsum(others)]


def _reach(estimates: Sequence[Any]) -> Numbers:
    """Return how far below and above their values the intervals reach, as error bars."""
    below = [max(0.0, e.value - e.low) for e in estimates]
    return np.array([below, [max(0.0, e.high - e.value) for e in estimates]])


def _open(title: str, axes: tuple[str, str]) -> Any:
    from matplotlib.figure import Figure

    plot = Figure(figsize=(6, 5), layout="constrained").subplots()
    plot.set(title=title, xlabel=axes[0], ylabel=axes[1])
    return plot


def _add_lines(
    plot: Any, lines: Mapping[str, Line], marker: str, corner: str = "lower right"
) -> None:
    for name, (x, y) in lines.items():
        plot.plot(x, y, label=name, marker=marker, markersize=4, linewidth=1.5)
    if corner == "outside":
        plot.figure.legend(loc="outside lower center", ncols=3, frameon=False)
    elif lines:
        plot.legend(loc=corner, frameon=False)


def _save(plot: Any, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    plot.figure.savefig(file, dpi=110)
    return file
