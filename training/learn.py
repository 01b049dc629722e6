"""Learn one target: cut at as_of, judge the recipe out of time, refit it, make the bundle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from contract.bundle import Bundle
from contract.errors import HistoryError
from contract.manifest import BaseRate, Manifest, Priors
from contract.models import list_once
from contract.moments import EPOCH, as_micros, as_utc
from contract.norms import Norms
from contract.waits import Waits
from features.dictionary import describe, fingerprint
from features.history import History
from features.leaks import refuse_leaks
from features.norms import find_norms
from features.timeline import DAY_US
from training.families import Settings
from training.folds import Stages, all_moments, find_report_moment, refuse_short, split_stages
from training.judging import Judged, judge, refit
from training.pacing import fit_waits
from training.recipe import Fitted
from training.seasons import foretell_base_rate, observe_closed
from training.snapshots import Snapshots, observe_priors, take_snapshots
from training.targets import Target

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Learned:
    """What training one target gives: the judgement, and the bundle of the refitted recipe."""

    target: Target
    as_of: datetime
    judged: Judged
    refitted: Stages
    bundle: Bundle
    digest: str


@dataclass(frozen=True)
class Asked:
    """How a target is to be learned: by the words of which moment, and by which tuned settings."""

    words_as_of: datetime | None = None
    tuned: Mapping[str, Settings] = field(default_factory=dict)


def learn(
    history: History, target: Target, as_of: datetime, tell: Tell, asked: Asked = Asked()
) -> Learned:
    """Return the target learned from what happened before `as_of`, and nothing after.

    Vocabularies are those of `words_as_of`, which targets that are served together share; unless
    told, of the moment that is judged.
    """
    as_of = as_utc(as_of)
    seen = history.before(as_micros(as_of))
    report, serve = plan_stages(seen, target, as_of)
    moments = all_moments([report, serve])
    tell(f"{target.name}: features at {len(moments)} moments")
    norms = find_norms(seen, moments, asked.words_as_of or report.serve)
    refuse_leaks(history, report.serve, norms[report.serve])
    snapshots = take_snapshots(seen, target, norms)
    tell(f"{target.name}: judging families beside baselines")
    rates = [foretell(seen, target, s.serve, norms) for s in (report, serve)]
    judged = judge(snapshots, report, rates[0], asked.tuned)
    tell(f"{target.name}: refitting {judged.best} on {len(serve.closed)} moments")
    fitted = refit(snapshots, serve, rates[1], judged.plan)
    known = norms[as_of].model_copy(update={"products": seen.list_products()})
    priors = observe_priors(seen, target, norms[serve.calibrate])
    bundle = make_bundle(target, judged, (fitted, snapshots, serve), (priors, known))
    return Learned(target, as_of, judged, serve, bundle, snapshots.digest())


def plan_stages(seen: History, target: Target, as_of: datetime) -> tuple[Stages, Stages]:
    """Return the stages of the moment that is judged, and of `as_of` itself."""
    first = find_first_order(seen)
    horizon = target.over_days
    refuse_short(first, as_of, horizon)
    report = split_stages(first, find_report_moment(as_of, horizon), horizon)
    return report, split_stages(first, as_of, horizon)


def foretell(
    seen: History, target: Target, serve: datetime, norms: Mapping[datetime, Norms]
) -> BaseRate:
    """Return the base rate foretold for the window from `serve` on."""
    first_us = seen.find_first_order()
    assert first_us is not None
    closed = observe_closed(seen, target, serve, norms[serve])
    return foretell_base_rate(closed, (as_micros(serve) - first_us) / DAY_US)


def make_bundle(
    target: Target,
    judged: Judged,
    refitted: tuple[Mapping[str, Fitted], Snapshots, Stages],
    beside: tuple[Priors, Norms],
) -> Bundle:
    """Return the bundle of what is served, refitted on every closed snapshot."""
    fitted, snapshots, serve = refitted
    priors, norms = beside
    best, plan = fitted[judged.best], judged.plan
    inputs = list_once(best.model.inputs)
    bundle = Bundle(
        manifest=Manifest(
            target=target.name,
            meaning=target.meaning,
            horizon_days=target.over_days,
            rung=plan.step.rung,
            family=judged.best,
            as_of=serve.serve,
            inputs=inputs,
            eligible=target.eligible,
            base_rate=best.base_rate,
            calibration=best.calibration,
            priors=priors,
            percentiles=(),
            rules=tuple(plan.rules),
            metrics={n: e.value for n, e in judged.metrics[judged.best].items()},
            dictionary=fingerprint(inputs),
        ),
        model=best.model,
        baseline=fitted["days_since_order"].fold(),
        entries=describe(inputs),
        norms=norms,
        rules={segment: fitted[rule].fold() for segment, rule in plan.rules.items()},
    )
    return _add_spread(bundle, snapshots, serve)


def _add_spread(bundle: Bundle, snapshots: Snapshots, serve: Stages) -> Bundle:
    """Return the bundle with how its probabilities spread, and how soon orders come."""
    told = bundle.probability(snapshots.at([serve.serve]).columns)
    percentiles = tuple(np.quantile(told, np.linspace(0, 1, 101)).tolist()) if len(told) else ()
    facts = {"percentiles": percentiles, "waits": _find_waits(bundle, snapshots, serve)}
    return replace(bundle, manifest=bundle.manifest.model_copy(update=facts))


def _find_waits(bundle: Bundle, snapshots: Snapshots, serve: Stages) -> Waits | None:
    if bundle.target != "next_purchase":
        return None
    closed = snapshots.at(serve.closed)
    return fit_waits(closed, bundle.probability(closed.columns), serve.serve)


def find_first_order(history: History) -> datetime:
    """Return when the first order was placed."""
    at_us = history.find_first_order()
    if at_us is None:
        raise HistoryError(
            "There is no order before as_of.", "Check the dates of transactions, or --as-of."
        )
    return EPOCH + timedelta(microseconds=at_us)
