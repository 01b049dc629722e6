"""The report of a worth, for machines and for people; docs/report.md says what it means."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from contract.bundle import Bundle
from contract.worth import Spread
from training.estimates import as_numbers
from training.folds import Stages
from training.grades import grade_worths
from training.learned import tell_stages
from training.segments import split_segments
from training.targets import Target
from training.worth.judging import BASELINES, Judged, list_families
from training.worths import Decile, compare_worths, cover_range, evaluate_worths, list_deciles

Report = dict[str, Any]

FEWEST = 10  # customers of a kind who came to something, below whom there is no order to judge


def write_report(
    target: Target, refitted: tuple[Bundle, Stages], judged: Mapping[str, tuple[Judged, Spread]]
) -> Report:
    """Return the report of a worth.

    `refitted` is what is registered, and how it came to be; `judged` the same as it was judged over
    the `span`, with its range, and over the whole `horizon` where the history allows it.
    """
    registered, stages = refitted
    found, spread = judged["span"]
    worth = registered.manifest.worth
    assert worth is not None
    return {
        "target": target.name,
        "kind": target.kind,
        "meaning": target.meaning,
        "horizon_days": target.over_days,
        "span_days": worth.span_days,
        "as_of": f"{registered.manifest.as_of:%Y-%m-%d}",
        **_tell_judged(found, spread),
        "grade": asdict(grade_worths(found.metrics[found.best], found.gains)),
        "horizon": _tell_judged(*judged["horizon"]) if "horizon" in judged else {},
        "registered": {
            **tell_stages(stages),
            "family": found.best,
            "worth": worth.model_dump(),
            "note": "The same recipe, refitted on every closed snapshot, the judged one included.",
        },
    }


def _tell_judged(found: Judged, spread: Spread) -> Report:
    came, served = found.snapshot.outcome, found.served
    families = list_families(found.plan.step, found.snapshot)
    return {
        "best": found.best,
        "rung": found.plan.step.rung,
        "judged": {
            **tell_stages(found.stages),
            "customers": len(came),
            "days": found.snapshot.horizon,
            "span_days": found.fitted[found.best].worth.span_days,
        },
        "families": {n: as_numbers(found.metrics[n]) for n in families},
        "baselines": {n: as_numbers(found.metrics[n]) for n in BASELINES if n in found.told},
        "gini_gain": as_numbers(found.gains),
        "deciles": [_tell_decile(d) for d in list_deciles(came, served)],
        "range": as_numbers(cover_range(came, *spread.find(served))),
        "segments": judge_segments(found),
        "trust": found.fitted[found.best].worth.trust.model_dump(),
    }


def judge_segments(judged: Judged) -> dict[str, Any]:
    """Return, by kind of customers, how well worths are told beside the best baseline there.

    That one is picked on the customers it is compared on, which favours it. Kinds of which hardly
    anybody came to something are left out.
    """
    came, ours = judged.snapshot.outcome, judged.served
    found = {}
    for name, inside in split_segments(judged.snapshot.columns):
        if np.count_nonzero(came[inside] > 0) < FEWEST:
            continue
        gains = {n: compare_worths(came[inside], ours[inside], judged.told[n][inside])
                 for n in judged.gains}  # fmt: skip
        best = min(gains, key=lambda n: gains[n].value)
        metrics = evaluate_worths(came[inside], ours[inside])
        shown = ("mean_predicted", "mean_observed", "normalised_gini")
        kept = {n: metrics[n] for n in shown if n in metrics}
        found[name] = {
            "customers": int(inside.sum()),
            **as_numbers({**kept, "gain": gains[best]}),
            "best_baseline": best,
            "grade": grade_worths(metrics, gains).letter,
            "rule_wins": gains[best].high < 0,
        }
    return found


def _tell_decile(decile: Decile) -> Report:
    return asdict(decile)


def tell_worth(report: Mapping[str, Any]) -> str:
    """Return the report as a table: a line per family and baseline, with the figures to look at."""
    parts = [_tell_table(report["target"], report)]
    if report["horizon"]:
        parts.append(_tell_table("the whole horizon", report["horizon"]))
    return "\n".join(parts)


def _tell_table(name: str, report: Mapping[str, Any]) -> str:
    judged = report["judged"]
    head = (
        f"{name}: {judged['days']} days from {judged['moment']},"
        f" {judged['customers']:,} customers, served: {report['best']} ({report['rung']}),"
        f" learned over {judged['span_days']} days\n"
        f"{'':24}{'normalised Gini':>22}{'top tenth':>11}{'RMSE':>10}{'predicted / observed':>22}"
    )
    rows = {**report["families"], **report["baselines"]}
    lines = [_tell_figures(name, figures) for name, figures in rows.items()]
    held = report["range"].get("in_range")
    tail = [f"{'in the range':24}{held['value']:10.1%}, wanted 80%"] if held else []
    return "\n".join([head, *lines, *tail])


def _tell_figures(name: str, figures: Mapping[str, Any]) -> str:
    gini = figures.get("normalised_gini")
    span = f"{gini['value']:.3f} ({gini['low']:.3f}–{gini['high']:.3f})" if gini else ""
    top = f"{figures['top_decile_share']['value']:.1%}" if "top_decile_share" in figures else ""
    predicted, observed = (figures[n]["value"] for n in ("mean_predicted", "mean_observed"))
    money = f"{predicted:,.2f} / {observed:,.2f}"
    return f"{name:24}{span:>22}{top:>11}{figures['rmse']['value']:10,.1f}{money:>22}"
