"""The report of one target, for machines and for people; docs/report.md says what it means."""

from dataclasses import asdict
from typing import Any

from training.estimates import as_numbers
from training.evaluation import compare
from training.families import BASELINES, FAMILIES
from training.folds import Stages
from training.grades import grade_probabilities
from training.learn import Learned


def write_report(learned: Learned) -> dict[str, Any]:
    """Return the report of one target; docs/report.md says what each entry means."""
    judged, target = learned.judged, learned.target
    outcome, best = judged.snapshot.outcome, judged.best
    ours = judged.probabilities[best]
    gains = {n: compare(outcome, ours, judged.probabilities[n]) for n in BASELINES}
    baselines = {n: judged.metrics[n] for n in BASELINES}
    return {
        "target": target.name,
        "meaning": target.meaning,
        "horizon_days": target.horizon_days,
        "as_of": f"{learned.as_of:%Y-%m-%d}",
        "best": best,
        "judged": {**_tell_stages(judged.stages), "customers": len(outcome)},
        "families": {n: as_numbers(judged.metrics[n]) for n in FAMILIES},
        "baselines": {n: as_numbers(judged.metrics[n]) for n in BASELINES},
        "log_loss_gain": as_numbers(gains),
        "grade": asdict(grade_probabilities(judged.metrics[best], baselines, gains)),
        "registered": {
            **_tell_stages(learned.refitted),
            "family": best,
            "base_rate": learned.bundle.manifest.base_rate,
            "calibration": learned.bundle.manifest.calibration.model_dump(),
            "note": "The same recipe, refitted on every closed snapshot, the judged one included.",
        },
        "dataset_sha256": learned.digest,
    }


def _tell_stages(stages: Stages) -> dict[str, Any]:
    return {
        "moment": f"{stages.serve:%Y-%m-%d}",
        "train_moments": [f"{m:%Y-%m-%d}" for m in stages.train],
        "calibrate_moment": f"{stages.calibrate:%Y-%m-%d}",
        "refit_moments": [f"{m:%Y-%m-%d}" for m in stages.closed],
    }


def tell_report(report: dict[str, Any]) -> str:
    """Return the report as a table: a line per family and baseline, with the figures to look at."""
    judged = report["judged"]
    head = (
        f"{report['target']}: {report['horizon_days']} days from {judged['moment']},"
        f" {judged['customers']:,} customers, best: {report['best']}\n"
        f"{'':18}{'AUC':>20}{'log loss':>20}{'ECE':>8}{'predicted / observed':>22}"
    )
    lines = [
        f"{name:18}{_span(m['auc'])}{_span(m['log_loss'])}{m['ece']['value']:8.3f}"
        f"{m['mean_predicted']['value']:14.3f} / {m['mean_observed']['value']:.3f}"
        for name, m in {**report["families"], **report["baselines"]}.items()
    ]
    version = f"registered: patron-{report['target']} version {report['version']}, challenger"
    return "\n".join([head, *lines, version])


def _span(estimate: dict[str, float]) -> str:
    return f"  {estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"
