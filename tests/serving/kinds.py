"""Small bundles of every kind of target in one folder, and in a registry."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from contract.bundle import Bundle, load_bundle, load_bundles, save_bundle
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible, Manifest, Priors
from contract.norms import Norms, Repeating, Spending
from contract.registry import Registry
from contract.versions import Logged, Version
from contract.worth import HISTORIC_INPUTS, START_INPUTS, Others, Spread, Worth
from features.dictionary import describe, fingerprint
from tests.serving.bundles import make_bundles
from tests.serving.choices import PRODUCTS, make_choice

NOTHING = Logistic((), (), 0.0, 1.0)


def make_kinds(folder: Path) -> dict[str, Bundle]:
    """Return three chances, a choice and a worth, laid out as `<target>/<version>`.

    One of the chances is a target of the shop's own.
    """
    make_bundles(folder)
    churn = load_bundle(folder / "churn" / "3")
    own = churn.manifest.model_copy(update={"target": "big_order"})
    save_bundle(replace(churn, manifest=own), folder / "big_order" / "1")
    for bundle, version in ((make_choice(), "2"), (make_worth(), "4")):
        save_bundle(bundle, folder / bundle.target / version)
    return load_bundles(folder)


def make_worth() -> Bundle:
    """Return what BG/NBD and Gamma-Gamma expect, by norms of its own that know products."""
    inputs = (*START_INPUTS, *HISTORIC_INPUTS)
    as_of = datetime(2026, 6, 1, tzinfo=UTC)
    norms = Norms(
        as_of=as_of,
        products=PRODUCTS,
        repeating=Repeating(r=0.5, alpha=8, a=0.8, b=2.5),
        spending=Spending(p=3.0, q=4.0, gamma=40.0),
    )
    worth = Worth(
        start="probability",
        span_days=120,
        horizon_days=365,
        spread=Spread(at=(10.0, 100.0), low=(0.0, 40.0), high=(30.0, 200.0)),
        others=Others(chance=0.2, orders=1.5, value=40.0, high=25.0),
    )
    manifest = Manifest(
        target="lifetime_value",
        kind="worth",
        meaning="What a customer spends.",
        rung="probability_model",
        horizon_days=365,
        family="probability",
        as_of=as_of,
        inputs=inputs,
        eligible=Eligible(feature="days_since_order"),
        base_rate=BaseRate(share=0.4, low=0.4, high=0.4),
        calibration=Calibration(),
        priors=Priors(lapsed=0.2, prospect=0.2),
        percentiles=(),
        worth=worth,
        parts=("orders", "value"),
        metrics={},
        dictionary=fingerprint(inputs),
    )
    parts = {"orders": NOTHING, "value": NOTHING}
    return Bundle(manifest, NOTHING, NOTHING, describe(inputs), norms, parts=parts)


def calibrate(bundle: Bundle, **fit: float) -> Bundle:
    """Return the bundle, but answering otherwise."""
    other = {"calibration": Calibration(**fit)}
    return replace(bundle, manifest=bundle.manifest.model_copy(update=other))


def save_as(bundle: Bundle, folder: Path, version: str) -> Bundle:
    save_bundle(bundle, folder / bundle.target / version)
    return load_bundle(folder / bundle.target / version, version)


def register_bundle(registry: Registry, bundle: Bundle, folder: Path) -> Version:
    """Return a new version, the challenger, of which MLflow keeps the bundle's files."""
    saved, client = save_bundle(bundle, folder), registry.client
    found = client.get_experiment_by_name("small")
    run = client.create_run(found.experiment_id if found else client.create_experiment("small"))
    number = run.info.run_id
    model = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=number)
    client.log_model_artifacts(model.model_id, str(folder), "bundle")
    client.finalize_logged_model(model.model_id, "READY")
    tags = {"sha256": saved.sha256}
    return registry.register(bundle.target, Logged(model.model_id, number, tags=tags))
