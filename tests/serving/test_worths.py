"""A worth as it is answered, from a bundle of a few numbers."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from contract.bundle import Bundle, load_bundle, save_bundle
from contract.errors import BundleError
from contract.flat import nest
from contract.linear import Logistic
from contract.manifest import BaseRate, Calibration, Eligible, Manifest, Priors
from contract.moments import as_micros
from contract.norms import Norms, Repeating, Spending
from contract.pyfunc import Predictor
from contract.worth import HISTORIC_INPUTS, START_INPUTS, Levels, Others, Spread, Worth
from contract.worths import find_worth
from features.dictionary import describe, fingerprint
from features.told import Line, tell_history
from serving.scorer import Scorer

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NORMS = Norms(
    as_of=AS_OF,
    repeating=Repeating(r=0.5, alpha=8, a=0.8, b=2.5),
    spending=Spending(p=3.0, q=4.0, gamma=40.0),
)
NOTHING = Logistic((), (), 0.0, 1.0)
WORTH = Worth(
    start="probability",
    span_days=120,
    horizon_days=365,
    over_horizon=Levels(value=0.1),
    spread=Spread(at=(10.0, 100.0), low=(0.0, 40.0), high=(30.0, 200.0)),
    others=Others(chance=0.2, orders=1.5, value=40.0, high=25.0),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    inputs = (*START_INPUTS, *HISTORIC_INPUTS)
    manifest = Manifest(
        target="lifetime_value",
        kind="worth",
        meaning="What a customer spends.",
        rung="probability_model",
        horizon_days=365,
        family="probability",
        as_of=AS_OF,
        inputs=inputs,
        eligible=Eligible(feature="days_since_order"),
        base_rate=BaseRate(share=0.4, low=0.4, high=0.4),
        calibration=Calibration(),
        priors=Priors(lapsed=0.2, prospect=0.2),
        percentiles=(),
        worth=WORTH,
        parts=("orders", "value"),
        metrics={},
        dictionary=fingerprint(inputs),
    )
    parts = {"orders": NOTHING, "value": NOTHING}
    made = Bundle(manifest, NOTHING, NOTHING, describe(inputs), NORMS, parts=parts)
    folder = tmp_path_factory.mktemp("bundle") / "b"
    save_bundle(made, folder)
    return load_bundle(folder, "4")


@pytest.fixture(scope="module")
def rows(bundle):
    """A customer of two orders and a return, one of orders long ago, and a prospect."""

    def line(customer, days_ago, order_id, amount):
        return Line(customer, as_micros(AS_OF - timedelta(days=days_ago)), order_id, amount)

    lines = [line(0, 200, "A", 60.25), line(0, 180, "A2", -10.0), line(0, 30, "B", 40.5),
             line(1, 900, "C", 99.99), line(1, 880, "D", 50.0)]  # fmt: skip
    history = tell_history(["a", "b", "p"], lines, [], [], [None] * 3, NORMS)
    return Scorer({"lifetime_value": bundle}).score(history, AS_OF).to_pylist()


def test_what_was_spent_less_what_was_returned_is_the_worth_so_far(rows):
    assert [r["lifetime_value_historic"] for r in rows] == [90.75, 149.99, 0.0]


def test_the_parts_make_the_whole(rows):
    for row in rows:
        chance, orders, value = (
            row[f"lifetime_value_{n}"]
            for n in ("order_probability", "orders_if_any", "expected_order_value")
        )
        assert 0 <= chance <= 1 and orders >= 1
        assert row["lifetime_value_expected_orders"] == pytest.approx(chance * orders)
        assert row["predicted_lifetime_value"] == pytest.approx(chance * orders * value, abs=0.05)
        total = row["lifetime_value_historic"] + row["predicted_lifetime_value"]
        assert row["lifetime_value_total"] == pytest.approx(total, abs=1e-9)
        low, high = row["lifetime_value_low"], row["lifetime_value_high"]
        assert 0 <= low <= row["predicted_lifetime_value"] <= high


def test_who_was_silent_for_years_is_worth_less_than_who_ordered_of_late(rows):
    assert rows[1]["predicted_lifetime_value"] < rows[0]["predicted_lifetime_value"] / 5


def test_a_prospect_gets_what_prospects_came_to(rows):
    prospect = rows[2]
    assert prospect["stage"] == "prospect" and prospect["lifetime_value_rung"] == "prior"
    assert prospect["predicted_lifetime_value"] == 12
    assert (prospect["lifetime_value_low"], prospect["lifetime_value_high"]) == (0.0, 25.0)
    assert rows[0]["lifetime_value_rung"] == "probability_model"


def test_the_answer_is_json_without_nan(rows):
    told = [json.loads(nest(row).model_dump_json())["lifetime_value"] for row in rows]
    assert told[0]["historic"] == "90.75" and told[2]["historic"] == "0.00"
    assert told[2]["predicted"] == "12.00"
    assert all(set(part) == set(told[0]) and None not in part.values() for part in told)


def test_one_customer_alone_gets_what_the_batch_gives_to_the_bit(bundle):
    rng = np.random.default_rng(4)
    orders = [sorted(rng.uniform(1, 900, n)) for n in (1, 2, 3, 5, 9, 30, 1, 2)]

    def score(customers):
        lines = [
            Line(place, as_micros(AS_OF - timedelta(days=float(d))), f"{customer}-{d}", 10.0 + d)
            for place, customer in enumerate(customers)
            for d in reversed(orders[customer])
        ]
        names = [f"c{customer}" for customer in customers]
        history = tell_history(names, lines, [], [], [None] * len(names), NORMS)
        return Scorer({"lifetime_value": bundle}).score(history, AS_OF).to_pylist()

    batch = score(range(len(orders)))
    assert [score([customer])[0] for customer in range(len(orders))] == batch


def test_mlflow_predicts_what_the_scorer_answers(bundle, rows):
    lines = [Line(0, as_micros(AS_OF - timedelta(days=n)), f"{n}", 40.0) for n in (30, 200)]
    history = tell_history(["a"], lines, [], [], [None], NORMS)
    from features.compute import compute

    columns = compute(history, {AS_OF: NORMS}, bundle.reads).columns
    never = {name: [np.nan] for name in columns}
    frame = pd.concat([pd.DataFrame(columns), pd.DataFrame(never)])
    told = Predictor(bundle).predict(frame)
    (row,) = Scorer({"lifetime_value": bundle}).score(history, AS_OF).to_pylist()
    assert round(told["predicted"].iloc[0], 2) == row["predicted_lifetime_value"]
    assert told["predicted"].iloc[1] == pytest.approx(12) and not told["eligible"].iloc[1]
    assert not told.isna().any().any()


def test_a_bundle_of_another_kind_tells_no_worth(scorer):
    with pytest.raises(BundleError, match="The model of churn tells no worth"):
        find_worth(scorer.bundles["churn"])
