"""Learn one target: cut at as_of, judge the recipe out of time, refit it, make the bundle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from contract.bundle import Bundle
from contract.errors import HistoryError
from contract.manifest import Manifest, Priors
from contract.models import Numbers
from contract.moments import EPOCH, as_micros, as_utc
from contract.norms import Norms
from features.dictionary import describe, fingerprint
from features.history import History
from features.leaks import refuse_leaks
from features.norms import find_norms
from training.calibration import fit_pace
from training.evaluation import Estimate, evaluate
from training.families import BASELINES, FAMILIES, list_inputs
from training.folds import Stages, all_moments, find_report_moment, refuse_short, split_stages
from training.recipe import Fitted, fit_recipe
from training.snapshots import DAYS_UNTIL, Snapshots, observe_priors, take_snapshots
from training.targets import Target

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """Every family and baseline on the one snapshot that none of them saw."""

    stages: Stages
    snapshot: Snapshots
    probabilities: Mapping[str, Numbers]
    metrics: Mapping[str, Mapping[str, Estimate]]

    @property
    def best(self) -> str:
        """The family with the least log loss."""
        return min(FAMILIES, key=lambda name: self.metrics[name]["log_loss"].value)


@dataclass(frozen=True)
class Learned:
    """What training one target gives: the judgement, and the bundle of the refitted recipe."""

    target: Target
    as_of: datetime
    judged: Judged
    refitted: Stages
    bundle: Bundle
    digest: str


def learn(
    history: History,
    target: Target,
    as_of: datetime,
    tell: Tell,
    words_as_of: datetime | None = None,
) -> Learned:
    """Return the target learned from what happened before `as_of`, and nothing after.

    Vocabularies are those of `words_as_of`, which targets that are served together share; unless
    told, of the moment that is judged.
    """
    as_of = as_utc(as_of)
    seen = history.before(as_micros(as_of))
    first = find_first_order(seen)
    horizon = target.horizon_days
    refuse_short(first, as_of, horizon)
    report = split_stages(first, find_report_moment(as_of, horizon), horizon)
    serve = split_stages(first, as_of, horizon)
    moments = all_moments([report, serve])
    tell(f"{target.name}: features at {len(moments)} moments")
    norms = find_norms(seen, moments, words_as_of or report.serve)
    refuse_leaks(history, report.serve, norms[report.serve])
    snapshots = take_snapshots(seen, target, norms)
    for stage in (report.train, [report.calibrate], [report.serve]):
        _refuse_one_sided(snapshots.at(stage), target)
    tell(f"{target.name}: judging {len(FAMILIES)} families beside {len(BASELINES)} baselines")
    judged = judge(snapshots, report)
    tell(f"{target.name}: refitting {judged.best} on {len(serve.closed)} moments")
    priors = observe_priors(seen, target, serve.calibrate)
    known = norms[as_of].model_copy(update={"products": seen.list_products()})
    bundle = make_bundle(target, judged, (snapshots, serve), priors, known)
    return Learned(target, as_of, judged, serve, bundle, snapshots.digest())


def make_bundle(
    target: Target,
    judged: Judged,
    seen: tuple[Snapshots, Stages],
    priors: Priors,
    norms: Norms,
) -> Bundle:
    """Return the bundle of the best family, refitted on every closed snapshot."""
    snapshots, serve = seen
    fitted = fit_recipe(FAMILIES[judged.best], snapshots, serve)
    baseline = fit_recipe(BASELINES["days_since_order"], snapshots, serve)
    inputs = list_inputs(fitted.model)
    manifest = Manifest(
        target=target.name,
        meaning=target.meaning,
        horizon_days=target.horizon_days,
        family=judged.best,
        as_of=serve.serve,
        inputs=inputs,
        eligible=target.eligible,
        base_rate=fitted.base_rate,
        calibration=fitted.calibration,
        priors=priors,
        percentiles=_find_percentiles(fitted.probability(snapshots.at([serve.serve]))),
        pace=_find_pace(fitted, snapshots.at([serve.calibrate]), target.horizon_days),
        metrics={n: e.value for n, e in judged.metrics[judged.best].items()},
        dictionary=fingerprint(inputs),
    )
    return Bundle(manifest, fitted.model, baseline.fold(), describe(inputs), norms)


def judge(snapshots: Snapshots, stages: Stages) -> Judged:
    """Return every family and baseline, fitted for the stages' serving moment and judged there."""
    last = snapshots.at([stages.serve])
    fits = {**FAMILIES, **BASELINES}
    fitted = {name: fit_recipe(fit, snapshots, stages) for name, fit in fits.items()}
    told = {name: f.probability(last) for name, f in fitted.items()}
    return Judged(
        stages=stages,
        snapshot=last,
        probabilities=told,
        metrics={name: evaluate(last.outcome, p) for name, p in told.items()},
    )


def find_first_order(history: History) -> datetime:
    """Return when the first order was placed."""
    at_us = history.find_first_order()
    if at_us is None:
        raise HistoryError(
            "There is no order before as_of.", "Check the dates of transactions, or --as-of."
        )
    return EPOCH + timedelta(microseconds=at_us)


def _refuse_one_sided(snapshots: Snapshots, target: Target) -> None:
    share = float(snapshots.outcome.mean()) if len(snapshots.rows) else 0.0
    if not 0 < share < 1:
        raise HistoryError(
            f"{target.name} over {target.horizon_days} days came true for {share:.0%} of"
            f" {len(snapshots.rows)} customers x moments; there is nothing to tell apart.",
            "Give another --horizon, or more history.",
        )


def _find_percentiles(probability: Numbers) -> tuple[float, ...]:
    return tuple(np.quantile(probability, np.linspace(0, 1, 101)).tolist())


def _find_pace(fitted: Fitted, snapshots: Snapshots, horizon: int) -> float:
    days_until = snapshots.rows[DAYS_UNTIL].to_numpy(np.float64)
    probability = fitted.probability(snapshots)
    return fit_pace(probability, days_until, horizon)
