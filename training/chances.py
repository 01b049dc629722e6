"""Learn a chance: cut at as_of, judge the recipe out of time, refit it, make the bundle."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from contract.bundle import Bundle
from contract.manifest import BaseRate, Manifest, Priors
from contract.models import Numbers, list_once
from contract.moments import as_micros
from contract.norms import Norms
from contract.segments import SEGMENTS, find_segments
from contract.shapley import find_usual
from contract.shares import list_compared
from contract.waits import Waits
from features.compute import compute
from features.dictionary import describe, fingerprint
from features.history import History
from features.leaks import refuse_leaks
from features.norms import find_norms
from features.timeline import CUSTOMER, DAY_US
from training.families import FAMILIES
from training.folds import Stages, all_moments
from training.gate import Rival, hold_gate
from training.judging import Judged, judge, refit
from training.ladder import find_rung
from training.learned import Asked, Learned, plan_stages
from training.pacing import fit_waits
from training.pictures import draw_chance
from training.recipe import Fitted, tell_each
from training.report import write_report
from training.seasons import foretell_base_rate, observe_closed
from training.snapshots import Snapshots, observe_priors, take_snapshots
from training.targets import Target
from training.tasks import plan_task
from training.tuning import Settings, Tuned, tune

Refitted = tuple[Mapping[str, Fitted], Snapshots, Stages]


def learn_chance(seen: History, target: Target, as_of: datetime, asked: Asked) -> Learned:
    """Return a target of kind chance learned from a history that ends at `as_of`."""
    report, serve = plan_stages(seen, target.over_days, as_of)
    moments = all_moments([report, serve], half=True)
    asked.tell(f"{target.name}: features at {len(moments)} moments")
    norms = find_norms(seen, moments, asked.words_as_of or report.serve)
    refuse_leaks(seen, report.serve, norms[report.serve])
    snapshots = take_snapshots(seen, target, norms)
    tuned = tune_families(snapshots, report, asked)
    asked.tell(f"{target.name}: judging families beside baselines")
    rates = [foretell(seen, target, s.serve, norms[s.serve]) for s in (report, serve)]
    settings = {t.family: t.settings for t in tuned}
    judged = judge(snapshots, report, rates[0], settings)
    early = make_bundle(target, judged, (judged.fitted, snapshots, report), norms[report.serve])
    asked.tell(f"{target.name}: refitting {judged.best} on {len(serve.closed)} moments")
    fitted = refit(snapshots, serve, rates[1], judged.plan)
    known = norms[as_of].model_copy(update={"products": seen.list_products()})
    bundle = make_bundle(target, judged, (fitted, snapshots, serve), known)
    priors = observe_priors(seen, target, norms[serve.calibrate])
    bundle, early = (_add_priors(b, priors) for b in (bundle, early))
    asked.tell(f"{target.name}: holding the gate")
    rival = find_rival(seen, judged, asked.champions)
    verdict = hold_gate(judged, snapshots, rival)
    return Learned(
        target=target,
        as_of=as_of,
        bundle=bundle,
        early=early,
        report={
            **write_report(target, (bundle, serve), (early, judged)),
            "gate": verdict.as_json(),
            "tuning": [t.as_json() for t in tuned],
            "dataset_sha256": snapshots.digest(),
        },
        verdict=verdict,
        judged=judged.snapshot.rows,
        columns=judged.snapshot.columns,
        digest=snapshots.digest(),
        stages=(report, serve),
        draw=lambda folder: draw_chance(judged, early.manifest.waits, folder),
        params=_list_params(judged),
        tuned=tuned,
    )


def tune_families(snapshots: Snapshots, report: Stages, asked: Asked) -> tuple[Tuned, ...]:
    """Return how each family was tuned, on what had closed before the judged moment."""
    step = find_rung(snapshots.at([report.calibrate]), snapshots.at(report.train))
    if step.rung != "full_model":
        return ()
    tasks = [plan_task(f, snapshots, report) for n, f in FAMILIES.items() if n in step.families]
    return tuple(tune(task, asked.budget, asked.tell) for task in tasks)


def foretell(seen: History, target: Target, serve: datetime, norms: Norms) -> BaseRate:
    """Return the base rate foretold for the window from `serve` on."""
    first_us = seen.find_first_order()
    assert first_us is not None
    closed = observe_closed(seen, target, serve, norms)
    return foretell_base_rate(closed, (as_micros(serve) - first_us) / DAY_US)


def make_bundle(target: Target, judged: Judged, refitted: Refitted, norms: Norms) -> Bundle:
    """Return the bundle of what is served at the stages' serving moment."""
    fitted, snapshots, stages = refitted
    best, plan = fitted[judged.best], judged.plan
    inputs = list_once(best.model.inputs)
    rules = {segment: fitted[rule].fold() for segment, rule in plan.rules.items()}
    compared = list_once([n for m in (best.model, *rules.values()) for n in list_compared(m)])
    manifest = Manifest(
        target=target.name,
        meaning=target.meaning,
        horizon_days=target.over_days,
        rung=plan.step.rung,
        family=judged.best,
        as_of=stages.serve,
        inputs=inputs,
        eligible=target.eligible,
        base_rate=best.base_rate,
        calibration=best.calibration,
        priors=Priors(lapsed=0.5, prospect=0.5),
        percentiles=(),
        waits=_find_waits(target, best, snapshots.at(stages.closed), stages),
        rules=tuple(plan.rules),
        usual=find_usual(snapshots.at([stages.serve]).columns, compared),
        metrics={n: e.value for n, e in judged.metrics[judged.best].items()},
        dictionary=fingerprint(inputs),
    )
    bundle = Bundle(
        manifest=manifest,
        model=best.model,
        baseline=fitted["days_since_order"].fold(),
        entries=describe(inputs),
        norms=norms,
        rules=rules,
    )
    return _add_percentiles(bundle, snapshots.at([stages.serve]))


def _add_percentiles(bundle: Bundle, served: Snapshots) -> Bundle:
    told, segments = bundle.probability(served.columns), find_segments(served.columns)
    within = {name: told[segments == place] for place, name in enumerate(SEGMENTS)}
    facts = {
        "percentiles": _find_percentiles(told),
        "percentiles_in_stage": {n: _find_percentiles(t) for n, t in within.items() if len(t)},
    }
    return replace(bundle, manifest=bundle.manifest.model_copy(update=facts))


def _find_percentiles(told: Numbers) -> tuple[float, ...]:
    shares = np.linspace(0, 1, 101)
    return tuple((np.quantile(told, shares) if len(told) else shares).tolist())


def _add_priors(bundle: Bundle, priors: Priors) -> Bundle:
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"priors": priors}))


def _find_waits(target: Target, best: Fitted, closed: Snapshots, stages: Stages) -> Waits | None:
    if not target.dated:
        return None
    return fit_waits(closed, tell_each(best, closed), stages.serve)


def find_rival(seen: History, judged: Judged, champions: tuple[Bundle, ...]) -> Rival | None:
    """Return what the champion says of the judged customers, if it answers the same question.

    `champions` are the champion as it serves and as it was judged. The one as it serves is held
    against the challenger if what it learned from had closed by the judged moment; else the other.
    """
    stages = judged.stages
    fitting = [b for b in champions if b.manifest.as_of <= stages.serve]
    fitting = [b for b in fitting if b.manifest.horizon_days == judged.snapshot.horizon]
    if not fitting:
        return None
    bundle = max(fitting, key=lambda b: b.manifest.as_of)
    told = compute(seen.before(as_micros(stages.serve)).assume(bundle.norms.products),
                   {stages.serve: bundle.norms}, bundle.reads)  # fmt: skip
    by_customer = pd.Series(bundle.probability(told.columns), index=told.ids.to_pandas())
    rows = judged.snapshot.rows[CUSTOMER]
    return Rival(bundle.version, np.asarray(by_customer.loc[rows], dtype=np.float64))


def _list_params(judged: Judged) -> dict[str, object]:
    settings: Mapping[str, Settings] = judged.plan.settings
    members = list(FAMILIES) if judged.best == "blend" else [judged.best]
    return {
        "rung": judged.plan.step.rung,
        **{f"{name}.{key}": v for name in members for key, v in settings[name].items()},
    }
