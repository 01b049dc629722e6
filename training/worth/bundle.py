"""The bundle of a worth: its three parts, and all that turns them into what is answered."""

from contract.bundle import Bundle
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Manifest, Priors
from contract.models import list_once
from contract.norms import Norms
from contract.shapley import find_usual
from contract.shares import list_compared
from contract.worth import HISTORIC_INPUTS, START_INPUTS
from features.dictionary import describe, fingerprint
from training.targets import Target
from training.worth.judging import Judged
from training.worth.recipe import Fitted


def make_bundle(asked: tuple[Target, Judged], fitted: Fitted, norms: Norms) -> Bundle:
    """Return the bundle of what is served; `asked` are the target, and how it was judged.

    Its first model is that of the chance of an order; shares, as other kinds have them, are those
    of customers who order.
    """
    target, judged = asked
    models = dict(fitted.models)
    chance = fitted.worth.others.chance
    named = [name for model in models.values() for name in model.inputs]
    inputs = list_once([*named, *START_INPUTS, *HISTORIC_INPUTS])
    compared = list_once([*START_INPUTS, *(n for m in models.values() for n in list_compared(m))])
    manifest = Manifest(
        target=target.name,
        kind=target.kind,
        meaning=target.meaning,
        horizon_days=target.over_days,
        rung=judged.plan.step.rung,
        family=judged.best,
        as_of=norms.as_of,
        inputs=inputs,
        eligible=target.eligible,
        base_rate=BaseRate(share=fitted.share, low=fitted.share, high=fitted.share),
        calibration=Calibration(),
        priors=Priors(lapsed=chance, prospect=chance),
        percentiles=(),
        worth=fitted.worth,
        parts=("orders", "value"),
        usual=find_usual(judged.snapshot.columns, compared),
        metrics={n: e.value for n, e in judged.metrics[judged.best].items()},
        dictionary=fingerprint(inputs),
    )
    return Bundle(
        manifest=manifest,
        model=models.pop("chance"),
        baseline=Logistic((), (), 0.0, 1.0),
        entries=describe(inputs),
        norms=norms,
        parts=models,
    )
