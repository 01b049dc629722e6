"""The model card: what a registered model says, how good it is, and what it is not for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from contract.bundle import Bundle
from contract.manifest import Kind, Manifest
from training.choice.report import tell_shelf
from training.worth.words import tell_worth

Report = Mapping[str, Any]
Row = Mapping[str, Any]

# Those to look at first, whatever the kind of target has.
FIGURES = ("recall_at_5", "ndcg_at_5", "auc", "log_loss", "ece", "lift_top_decile")

GAINS = {
    "ndcg_gain": "more NDCG at 5",
    "log_loss_gain": "less log loss",
    "gini_gain": "more normalised Gini",
}

LIMITS = """\
## Limits
- The figures judge the recipe at one moment, {moment}, which no stage of it saw. The registered
  model is the same recipe refitted on newer data; its own figures are known when its horizon has
  passed.
- The intervals are over customers, not over moments: another season may lie outside them.
- It knows the shop as it was before {as_of}. After a change of goods, prices or customers, train
  anew.
- It says what is likely, not what causes it, nor what a mail or a discount would change.

## What it is not for
- Deciding on a person's price, credit, insurance, work, or right to a service.
- Days beyond its horizon of {horizon} days, or another shop.
- Customers for whom `eligible` is false: they get the share of customers like them, not an answer
  of their own.
- Comparing with probabilities of another target or horizon.
"""


def write_card(report: Report, bundle: Bundle) -> str:
    """Return the card in Markdown; it holds figures of customers together, and of none alone."""
    manifest = bundle.manifest
    parts = [
        f"# {manifest.target}: {manifest.meaning}",
        MEANINGS[manifest.kind](bundle),
        _tell_data(report),
        _tell_grade(report.get("grade")),
        _tell_figures(report),
        _tell_segments(report.get("segments")),
        LIMITS.format(
            moment=report["judged"]["moment"],
            as_of=report["as_of"],
            horizon=manifest.horizon_days,
        ),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def read_grade(report: Report) -> str:
    """Return the grade's letter, empty if the report has none."""
    return str((report.get("grade") or {}).get("letter", ""))


def _tell_chance(bundle: Bundle) -> str:
    m = bundle.manifest
    return (
        f"`probability` is that of: {m.meaning[:1].lower()}{m.meaning[1:]} The horizon is"
        f" {m.horizon_days} days from the day that the features speak of. `percentile` is how many"
        " percent of the customers scored at registration have a lower one; `baseline` is what the"
        f" days since the last order alone would say. Family: {m.family}, over"
        f" {len(bundle.reads)} features.\n\n{_tell_eligible(m)}"
    )


def _tell_eligible(m: Manifest) -> str:
    limit = "" if m.eligible.at_most is None else f" and at most {m.eligible.at_most:g}"
    return (
        f"It speaks of customers whose `{m.eligible.feature}` is known{limit}. Of others it gives"
        f" the share last seen among customers like them: {m.priors.lapsed:.3f} of those who had"
        f" ordered, {m.priors.prospect:.3f} of those who never had."
    )


def _tell_choice(bundle: Bundle) -> str:
    assert bundle.shelf is not None, "a choice is among what is on its shelf"
    told = tell_shelf(bundle.shelf, bundle.manifest)
    return f"{told}\n\n{_tell_eligible(bundle.manifest)}"


MEANINGS: Mapping[Kind, Callable[[Bundle], str]] = {
    "chance": _tell_chance,
    "choice": _tell_choice,
    "worth": tell_worth,
}


def _tell_data(report: Report) -> str:
    judged, registered = report["judged"], report["registered"]
    seen = registered["refit_moments"]
    return (
        "## Data\n"
        f"Learned from {len(seen)} moments between {min(seen)} and {max(seen)}, as of"
        f" {report['as_of']}; judged on {judged['customers']:,} customers at {judged['moment']},"
        f" after learning from {len(judged['refit_moments'])} moments before."
        f" sha256 of all rows: `{report['dataset_sha256']}`."
    )


def _tell_grade(grade: Any) -> str:
    if not grade:
        return ""
    found = "\n".join(f"- {reason}" for reason in grade["reasons"])
    return f"## Grade {grade['letter']}\n{grade['rule']}\n\nFound:\n{found}"


def _tell_figures(report: Report) -> str:
    best, baselines = report["best"], report["baselines"]
    ours = report["families"][best]
    names = [name for name in FIGURES if name in ours] or list(ours)[: len(FIGURES)]
    rows = [{"": f"**{best}**", **_pick(ours, names)}]
    rows += [{"": name, **_pick(figures, names)} for name, figures in baselines.items()]
    gains = [
        f"{_tell(gain)} {figure} than `{name}`"
        for entry, figure in GAINS.items()
        for name, gain in report.get(entry, {}).items()
    ]
    said = f"\n\n{'; '.join(gains)}." if gains else ""
    return f"## How good it is\n{_tabulate(rows)}{said}\nIn brackets: 95 % intervals."


def _tell_segments(segments: Any) -> str:
    rows = list(_list_rows(segments)) if segments else []
    return f"## By segment\n{_tabulate(rows)}" if rows else ""


def _list_rows(segments: Any, name: str = "") -> Iterator[Row]:
    """Yield a row per segment, however deep names of segments are nested above its figures."""
    if isinstance(segments, Sequence):
        for one in segments:
            yield from _list_rows(one, name)
    elif any(isinstance(v, Mapping) and "value" not in v for v in segments.values()):
        for key, one in segments.items():
            yield from _list_rows(one, f"{name} {key}".strip())
    else:
        yield {**({"segment": name} if name else {}), **segments}


def _pick(figures: Row, names: Sequence[str]) -> Row:
    return {name: figures[name] for name in names if name in figures}


def _tabulate(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, ["---"] * len(names)]
    cells += [[_tell(row.get(name, "")) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _tell(figure: Any) -> str:
    if isinstance(figure, Mapping):
        return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"
    if isinstance(figure, list | tuple):
        return ", ".join(str(f) for f in figure)
    return f"{figure:.3f}" if isinstance(figure, float) else str(figure)
