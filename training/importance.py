"""What moves a boosted model's answers: exact Shapley values, as XGBoost itself computes them."""

from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import Bundle
from contract.forms import Blend
from contract.models import Columns, Numbers
from contract.trees import Boosted

SHOWN = 20  # features in a picture
SAMPLE = 2000  # customers in a picture; 0.3 ms each at depth 3
WIDTH = 0.38  # of a feature's swarm, in rows of the picture
LOW, HIGH, MISSING = "#2c6fbb", "#c8324a", "#9a9a9a"
EFFECT = "change of log-odds by the trees, before calibration"


def find_boosted(bundle: Bundle) -> Boosted | None:
    """Return the boosted trees that a bundle answers by, or None if it has none."""
    members = bundle.model.members if isinstance(bundle.model, Blend) else (bundle.model,)
    return next((m for m in members if isinstance(m, Boosted)), None)


def explain(model: Boosted, columns: Columns) -> Numbers:
    """Return customers x inputs: what each input adds to the log-odds of each customer.

    Exact Shapley values over the trees (Lundberg et al. 2020, Nature Machine Intelligence 2:56);
    with the mean of the trees they add up to the log-odds beyond the base rate's.
    """
    import xgboost

    rows = xgboost.DMatrix(model.rows(columns), missing=np.nan)
    told = model.booster.predict(rows, pred_contribs=True)
    return np.asarray(told[:, :-1], dtype=np.float64)


def draw_importance(model: Boosted, columns: Columns, folder: Path) -> list[Path]:
    """Write importance.png and shap.png of a sample of the customers and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sampled = _sample(columns)
    effects = explain(model, sampled)
    weight = np.abs(effects).mean(axis=0)
    shown = np.argsort(-weight, kind="stable")[:SHOWN][::-1]
    shown = shown[weight[shown] > 0]
    names = [model.inputs[i] for i in shown]
    values = np.stack([sampled[n] for n in names], axis=1)
    return [
        _draw_weights(folder / "importance.png", names, weight[shown]),
        _draw_swarms(folder / "shap.png", names, (effects[:, shown], values)),
    ]


def _sample(columns: Columns) -> Columns:
    """Return evenly spaced rows, the same whenever the same customers are given."""
    count = len(next(iter(columns.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.int64))
    return {name: column[rows] for name, column in columns.items()}


def _draw_weights(file: Path, names: list[str], weight: Numbers) -> Path:
    figure, plot = _open(names)
    plot.barh(np.arange(len(names)), weight, color=LOW, height=0.7)
    plot.set(title="What the answers hang on", xlabel=f"mean size of the {EFFECT}")
    plot.margins(y=0.01)
    figure.savefig(file, dpi=110)
    return file


def _draw_swarms(file: Path, names: list[str], told: tuple[Numbers, Numbers]) -> Path:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    figure, plot = _open(names)
    ramp = LinearSegmentedColormap.from_list("value", [LOW, "#b9a3c9", HIGH])
    colours = ramp.with_extremes(bad=MISSING)
    for place, (effect, value) in enumerate(zip(told[0].T, told[1].T, strict=True)):
        plot.scatter(effect, place + _spread(effect), c=_rank(value), cmap=colours,
                     vmin=0, vmax=1, s=6, linewidths=0, plotnonfinite=True)  # fmt: skip
    plot.axvline(0, color="grey", linewidth=0.8)
    plot.set(title="Each customer a dot: how a feature moves its answer", xlabel=EFFECT)
    keys = {"low value": LOW, "high value": HIGH, "missing": MISSING}
    dots = [Line2D([], [], marker="o", linestyle="", color=c, label=n) for n, c in keys.items()]
    plot.legend(handles=dots, loc="lower right", frameon=False)
    figure.savefig(file, dpi=110)
    return file


def _open(names: list[str]) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.3 * len(names)), layout="constrained")
    plot = figure.subplots()
    plot.set_yticks(np.arange(len(names)), names)
    return figure, plot


def _spread(effect: Numbers) -> Numbers:
    """Return how far each dot is moved up or down, so that many at one place make a wide swarm."""
    bins = np.floor(200 * (effect - effect.min()) / max(float(np.ptp(effect)), 1e-12))
    order = np.argsort(bins, kind="stable")
    _, first, many = np.unique(bins[order], return_index=True, return_counts=True)
    place = np.empty(len(effect))
    place[order] = np.arange(len(effect)) - np.repeat(first, many)
    size = np.empty(len(effect))
    size[order] = np.repeat(many, many)
    return np.asarray(WIDTH * np.sqrt(size / size.max()) * (2 * (place + 0.5) / size - 1))


def _rank(value: Numbers) -> Numbers:
    """Return each value's share of smaller known ones: a few large ones do not hide the rest."""
    known = np.sort(value[~np.isnan(value)])
    if not len(known):
        return np.full(len(value), np.nan)
    share = np.searchsorted(known, value, side="left") / max(len(known) - 1, 1)
    return np.where(np.isnan(value), np.nan, np.minimum(share, 1))
