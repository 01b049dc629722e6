"""The report of one target, for machines and for people; docs/report.md says what it means."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contract.bundle import Bundle
from training.estimates import Estimate, as_numbers
from training.evaluation import compare
from training.families import BASELINES
from training.folds import Stages
from training.grades import Grade, grade_probabilities
from training.judging import Judged
from training.learned import tell_stages
from training.pictures import measure_profit
from training.segments import Segment
from training.targets import Target
from training.timing import cover_waits, judge_waits

Report = dict[str, Any]


def write_report(
    target: Target, refitted: tuple[Bundle, Stages], judged: tuple[Bundle, Judged]
) -> Report:
    """Return the report of a chance; docs/report.md says what each entry means.

    `refitted` is what is registered, and how it came to be; `judged` the same as it was judged.
    """
    (registered, stages), (early, found) = refitted, judged
    best, plan = found.best, found.plan
    gains = measure_gains(found)
    return {
        "target": target.name,
        "kind": target.kind,
        "meaning": target.meaning,
        "horizon_days": target.over_days,
        "as_of": f"{registered.manifest.as_of:%Y-%m-%d}",
        "best": best,
        "rung": plan.step.rung,
        "rules": dict(plan.rules),
        "judged": {**tell_stages(found.stages), "customers": len(found.snapshot.rows)},
        "base_rate": found.base_rate.model_dump(),
        "families": {n: as_numbers(found.metrics[n]) for n in plan.step.families},
        "baselines": {n: as_numbers(found.metrics[n]) for n in BASELINES},
        "log_loss_gain": as_numbers(gains),
        "profit": as_numbers(measure_profit(found, found.probabilities[best])),
        "grade": asdict(grade(found, gains)),
        "segments": {n: _tell_segment(s) for n, s in found.segments.items()},
        "waits": _tell_waits(early, found),
        "registered": {
            **tell_stages(stages),
            "family": best,
            "base_rate": registered.manifest.base_rate.model_dump(),
            "calibration": registered.manifest.calibration.model_dump(),
            "note": "The same recipe, refitted on every closed snapshot, the judged one included.",
        },
    }


def measure_gains(judged: Judged) -> Mapping[str, Estimate]:
    """Return how much less log loss what is served has than each baseline."""
    told, outcome = judged.probabilities, judged.snapshot.outcome
    return {n: compare(outcome, told[judged.best], told[n]) for n in BASELINES}


def grade(judged: Judged, gains: Mapping[str, Estimate]) -> Grade:
    """Return the grade of what is served."""
    baselines = {n: judged.metrics[n] for n in BASELINES}
    return grade_probabilities(judged.metrics[judged.best], baselines, gains)


def _tell_segment(segment: Segment) -> dict[str, Any]:
    return {**asdict(segment), "rule_wins": segment.rule_wins}


def _tell_waits(early: Bundle, judged: Judged) -> dict[str, Any]:
    clock = early.manifest.waits
    if clock is None:
        return {}
    figures = judge_waits(judged.snapshot, judged.served, clock)
    coverage = cover_waits(judged.snapshot, judged.served, clock)
    return {**as_numbers(figures), "coverage": {n: asdict(c) for n, c in coverage.items()}}


def tell_chance(report: Mapping[str, Any]) -> str:
    """Return the report as a table: a line per family and baseline, with the figures to look at."""
    judged = report["judged"]
    head = (
        f"{report['target']}: {report['horizon_days']} days from {judged['moment']},"
        f" {judged['customers']:,} customers, served: {report['best']} ({report['rung']})\n"
        f"{'':24}{'AUC':>20}{'log loss':>20}{'ECE':>8}{'predicted / observed':>22}"
    )
    lines = [_tell_figures(n, m) for n, m in {**report["families"], **report["baselines"]}.items()]
    return "\n".join([head, *lines])


def _tell_figures(name: str, figures: Mapping[str, Any]) -> str:
    ece = f"{figures['ece']['value']:8.3f}" if "ece" in figures else f"{'':8}"
    predicted, observed = (figures[n]["value"] for n in ("mean_predicted", "mean_observed"))
    spans = "".join(_span(figures.get(n)) for n in ("auc", "log_loss"))
    return f"{name:24}{spans}{ece}{predicted:14.3f} / {observed:.3f}"


def _span(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return f"{'':20}"
    return f"  {estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"
