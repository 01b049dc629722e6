"""Pictures of how a model ranks and how true its probabilities are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contract.models import Numbers
from training.evaluation import BINS
from training.ordering import Binned, Ranking, bin_finely

Probabilities = Mapping[str, Numbers]


def draw_curves(outcome: Numbers, probabilities: Probabilities, folder: Path) -> list[Path]:
    """Write roc.png, gains.png and reliability.png, a line per family or baseline."""
    folder.mkdir(parents=True, exist_ok=True)
    ranked = {n: Ranking(outcome, p) for n, p in probabilities.items() if np.ptp(p) > 0}
    return [
        _draw(folder / "roc.png", "ROC", ("share of others reached", "share of outcomes reached"),
              {n: trace_roc(r) for n, r in ranked.items()}),
        _draw(folder / "gains.png", "Cumulative gains",
              ("share of customers, highest first", "share of outcomes reached"),
              {n: trace_gains(r) for n, r in ranked.items()}),
        _draw(folder / "reliability.png", "Reliability",
              ("mean probability", "share that came true"),
              {n: trace_reliability(r) for n, r in ranked.items()}, marker="o"),
    ]  # fmt: skip


def trace_roc(ranking: Ranking) -> tuple[Numbers, Numbers]:
    """Return the false and true positive rates from the highest probability down."""
    came, others = _cumulate(ranking)
    return others / others[-1], came / came[-1]


def trace_gains(ranking: Ranking) -> tuple[Numbers, Numbers]:
    """Return the share of customers looked at and of outcomes reached."""
    came, others = _cumulate(ranking)
    return (came + others) / (came[-1] + others[-1]), came / came[-1]


def trace_reliability(ranking: Ranking) -> tuple[Numbers, Numbers]:
    """Return mean probability and share of outcomes in bins of equal mass."""
    binned = Binned(ranking, ranking.bin(BINS))
    return binned.told, binned.counts[0][0] / binned.sizes


def _cumulate(ranking: Ranking) -> tuple[Numbers, Numbers]:
    (came,), (others,) = bin_finely(ranking).counts
    return np.r_[0, np.cumsum(came)], np.r_[0, np.cumsum(others)]


def _draw(
    file: Path, title: str, axes: tuple[str, str], lines: Mapping[str, Any], marker: str = ""
) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    plot = figure.subplots()
    plot.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    for name, (x, y) in lines.items():
        plot.plot(x, y, label=name, marker=marker, markersize=4, linewidth=1.5)
    plot.set(title=title, xlabel=axes[0], ylabel=axes[1], xlim=(0, 1), ylim=(0, 1))
    plot.legend(loc="lower right", frameon=False)
    figure.savefig(file, dpi=110)
    return file
