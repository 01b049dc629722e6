"""Learn a choice: shelves and pairs at each moment, one model for all pairs, the bundle."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from contract.bundle import Bundle
from contract.linear import Logistic
from contract.manifest import Manifest, Priors
from contract.moments import as_micros
from contract.norms import Norms
from contract.shapley import find_usual
from contract.shares import list_compared
from features.dictionary import describe, fingerprint
from features.history import History
from features.norms import find_norms
from features.pairing import describe_pairs, list_customers
from features.shelves import list_sold, take_stock
from training.choice.choices import (
    MOST_PAIRS,
    Choices,
    Source,
    list_periods,
    take_choices,
    thin,
)
from training.choice.families import BLEND, FAMILIES, MEMBERS
from training.choice.gate import hold_gate
from training.choice.judging import Judged, Seen, judge, refit
from training.choice.levels import Fitted, foretell_share
from training.choice.pictures import draw_choice
from training.choice.report import write_report
from training.choice.rivals import check_future, find_rival
from training.choice.tasks import tune_families
from training.folds import Stages, all_moments, split_folds
from training.learned import Asked, Learned, plan_stages
from training.targets import Target

KEPT = 100_000  # judged pairs that are recorded


def learn_choice(seen: History, target: Target, as_of: datetime, asked: Asked) -> Learned:
    """Return a target of kind choice learned from a history that ends at `as_of`."""
    report, serve = plan_stages(seen, target.over_days, as_of)
    moments = all_moments([report, serve])
    norms = find_norms(seen, moments, asked.words_as_of or report.serve)
    source = take_source(seen, target, as_of)
    asked.tell(f"{target.name}: pairs at {len(moments)} moments")
    folds = split_folds(report, target.over_days) if asked.budget.trials else []
    pairs = take_seen(source, target, norms, (report, serve), [moment for _, moment in folds])
    tuned = tune_families(pairs, (report, target.over_days), asked)
    pairs = replace(pairs, settings={t.family: t.settings for t in tuned})
    asked.tell(f"{target.name}: judging families beside plain lists")
    stock, early_at, late_at = source[1], pairs.whole[report.serve], pairs.whole[serve.serve]
    told = target.over_days, list_periods(stock, early_at)
    judged = judge(pairs, report, foretell_share(stock, target, early_at), told)
    asked.tell(f"{target.name}: refitting {judged.best} on {len(serve.closed)} moments")
    fitted = refit(pairs, serve, foretell_share(stock, target, late_at), judged.best)
    known = norms[as_of].model_copy(update={"products": seen.list_products()})
    bundle = make_bundle(target, judged, (fitted, late_at), known)
    own = judged.fitted[judged.best]
    early = make_bundle(target, judged, (own, early_at), norms[report.serve])
    asked.tell(f"{target.name}: holding the gate")
    rival = find_rival(source, judged, asked.champions)
    verdict = hold_gate(judged, pairs, (rival, check_future(source, target, norms[report.serve])))
    rows = judged.choices.as_frame(KEPT)
    columns = {name: rows[name].to_numpy(np.float64) for name in judged.choices.columns}
    digest = pairs.digest()
    written = write_report(target, (bundle, serve), judged)
    return Learned(
        target=target,
        as_of=as_of,
        bundle=bundle,
        early=early,
        report={
            **written,
            "gate": verdict.as_json(),
            "tuning": [t.as_json() for t in tuned],
            "dataset_sha256": digest,
        },
        verdict=verdict,
        judged=rows,
        columns=columns,
        digest=digest,
        stages=(report, serve),
        draw=lambda folder: draw_choice(judged, folder),
        params=list_params(judged, pairs),
        tuned=tuned,
        entries=describe_pairs(),
    )


def list_params(judged: Judged, seen: Seen) -> dict[str, object]:
    """Return the offer, and the settings of the families served, for what is recorded."""
    members = MEMBERS if judged.best == BLEND else (judged.best,)
    used = {name: seen.settings.get(name, FAMILIES[name].usual[0]) for name in members}
    settings = {f"{n}.{key}": told for n, own in used.items() for key, told in own.items()}
    offer = judged.choices.shelf.offer.model_dump(mode="json")
    return {"rung": judged.step.rung, **offer, **settings}


def take_source(seen: History, target: Target, as_of: datetime) -> Source:
    """Return the customers learned from, and the same by categories."""
    assert target.offer is not None
    stock = take_stock(seen)
    categories = len(list_sold(stock, as_micros(as_of), target.offer))
    some = seen.sample(MOST_PAIRS // max(categories, 1))
    return some, take_stock(some, stock.of)


def take_seen(
    source: Source,
    target: Target,
    norms: Mapping[datetime, Norms],
    stages: tuple[Stages, Stages],
    more: Iterable[datetime] = (),
) -> Seen:
    """Return the pairs of every moment, and whole choices where something is judged or served.

    So they are at `more` moments.
    """
    needed = {m for s in stages for m in (s.calibrate, s.serve)} | set(more)
    thinned, whole = {}, {}
    for moment in all_moments(stages):
        choices = take_choices(source, target, norms[moment])
        thinned[moment] = thin(choices)
        if moment in needed:
            whole[moment] = choices
    return Seen(thinned, whole)


def make_bundle(
    target: Target, judged: Judged, served: tuple[Fitted, Choices], norms: Norms
) -> Bundle:
    """Return the bundle of what is served to the customers of these choices."""
    fitted, choices = served
    shelf = choices.shelf
    inputs = list_customers(fitted.model.inputs)
    pairs = [entry for entry in describe_pairs() if entry["name"] in fitted.model.inputs]
    manifest = Manifest(
        target=target.name,
        kind=target.kind,
        meaning=target.meaning,
        horizon_days=target.over_days,
        rung=judged.step.rung,
        family=judged.best,
        as_of=choices.moment,
        inputs=inputs,
        eligible=target.eligible,
        base_rate=fitted.base_rate,
        calibration=fitted.calibration,
        priors=Priors(
            lapsed=float(np.mean(shelf.tell("lapsed"))),
            prospect=float(np.mean(shelf.tell("prospect"))),
        ),
        percentiles=(),
        usual=find_usual(choices.columns, list_compared(fitted.model)),
        metrics={n: e.value for n, e in judged.metrics[judged.best].items()},
        dictionary=fingerprint(inputs),
    )
    usual = Logistic((), (), 0.0, 1.0)
    return Bundle(manifest, fitted.model, usual, [*describe(inputs), *pairs], norms, shelf=shelf)
