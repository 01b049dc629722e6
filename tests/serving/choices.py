"""A small bundle that ranks belts, hats and scarves, by coefficients a reader can follow."""

from datetime import UTC, datetime

from contract.bundle import Bundle
from contract.choice import Offer, Shelf
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible, Manifest, Priors
from contract.norms import Norms, Product
from features.dictionary import describe, fingerprint

NAMES = ("belts", "hats", "scarves")
PRODUCTS = {p: Product(category=name) for p, name in zip("bhs", NAMES, strict=True)}
INPUTS = ("orders_ever",)  # of which own_rate is made
LAPSED, PROSPECT = (0.01, 0.02, 0.03), (0.3, 0.2, 0.1)


def make_choice(offer: Offer | None = None) -> Bundle:
    """Return the bundle: hats go with belts, and what was bought before comes again."""
    even = ((1.0,) * 3,) * 3
    shelf = Shelf(
        offer=offer or Offer(),
        of="category",
        names=NAMES,
        usual=(0.2, 0.1, 0.12),
        lapsed=LAPSED,
        prospect=PROSPECT,
        popular=(0.5, 0.2, 0.1),
        recent=(0.2, 0.1, 0.1),
        season=(1.0, 1.0, 1.0),
        lift=((1.0, 8.0, 1.0), (8.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
        pull=even,
    )
    manifest = Manifest(
        target="cross_sell",
        kind="choice",
        meaning="What the test bundle says of cross_sell.",
        horizon_days=30,
        family="logistic",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        inputs=INPUTS,
        eligible=Eligible(feature="days_since_order", at_most=365.0),
        base_rate=BaseRate(share=0.1, low=0.05, high=0.2),
        calibration=Calibration(slope=0.9, intercept=0.05),
        priors=Priors(lapsed=0.02, prospect=0.2),
        percentiles=(),
        metrics={"ndcg_at_5": 0.5},
        dictionary=fingerprint(INPUTS),
    )
    model = Logistic((("own_rate",), ("lift_mean",)), (3.0, 1.0), -0.7, 1.0)
    norms = Norms(as_of=datetime(2026, 6, 1, tzinfo=UTC), products=PRODUCTS)
    usual = Logistic((), (), 0.0, 1.0)
    return Bundle(manifest, model, usual, describe(INPUTS), norms, shelf=shelf, version="2")
