"""What is answered of a choice: which categories, to whom, and in which order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import serving.choices
from contract.choice import Offer
from contract.errors import BundleError
from contract.linear import Logistic
from contract.moments import as_micros
from features.told import Line, tell_history
from serving.scorer import Scorer
from tests.serving.choices import LAPSED, NAMES, PROSPECT, make_choice
from tests.serving.test_scores import ask

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def buy(place, days, product):
    at_us = as_micros(AS_OF - timedelta(days=days))
    return Line(place, at_us, f"{place}-{days}", 9.0, product_id=product)


def score(lines, customers=1, bundle=None):
    bundle = bundle or make_choice()
    ids = [f"c{n}" for n in range(customers)]
    history = tell_history(ids, lines, [], [], [None] * customers, bundle.norms)
    return Scorer({"cross_sell": bundle}).score(history, AS_OF).to_pylist()


def items(row):
    told = [
        (row[f"cross_sell_{n}_category"], row[f"cross_sell_{n}_probability"]) for n in range(1, 6)
    ]
    return {category: probability for category, probability in told if category is not None}


def test_what_was_bought_in_the_look_back_is_not_shown_and_what_goes_with_it_comes_first():
    (row,) = score([buy(0, 40, "b")])
    # Hats are usual in .1, scarves in .12; but belts make hats 8 times as common.
    odds = 0.1 / 0.9 * np.exp(0.05 + 0.9 * (np.log(1 + (8 + 1) / 2) - 0.7))
    assert list(items(row)) == ["hats", "scarves"]
    assert items(row)["hats"] == pytest.approx(odds / (1 + odds))
    assert (row["cross_sell_horizon_days"], row["cross_sell_rung"]) == (30, "full_model")
    assert row["cross_sell_3_category"] is None


def test_what_was_bought_before_the_look_back_is_shown_again():
    (row,) = score([buy(0, 366, "b"), buy(0, 40, "h")])
    assert set(items(row)) == {"belts", "scarves"}
    (row,) = score([buy(0, 365, "b"), buy(0, 40, "h")])
    assert set(items(row)) == {"scarves"}


def test_with_repeats_what_was_bought_comes_again():
    (row,) = score([buy(0, 40, "b"), buy(0, 20, "b")], bundle=make_choice(Offer(repeats=True)))
    assert next(iter(items(row))) == "belts" and len(items(row)) == 3


def test_only_the_chosen_categories_are_shown():
    (row,) = score([buy(0, 40, "b")], bundle=make_choice(Offer(only=("belts", "scarves"))))
    assert list(items(row)) == ["scarves"]


def test_who_bought_everything_is_shown_nothing():
    (row,) = score([buy(0, 40, "b"), buy(0, 30, "h"), buy(0, 20, "s")])
    assert items(row) == {}
    assert (row["cross_sell_horizon_days"], row["cross_sell_rung"]) == (30, "full_model")


def test_who_never_ordered_or_has_left_is_told_the_shares_among_customers_like_them():
    rows = score([buy(0, 400, "b")], customers=2)
    assert [row["cross_sell_rung"] for row in rows] == ["prior", "prior"]
    lapsed = sorted(zip(NAMES, LAPSED, strict=True), key=lambda item: -item[1])
    assert list(items(rows[0]).items()) == lapsed
    assert items(rows[1]) == dict(zip(NAMES, PROSPECT, strict=True))


def test_orders_at_or_after_the_moment_are_not_seen():
    before = [buy(0, 40, "b")]
    assert score([*before, buy(0, 0, "h"), buy(0, -3, "s")]) == score(before)


def test_an_order_of_no_known_category_moves_activity_alone():
    (row,) = score([buy(0, 40, None)])
    assert set(items(row)) == set(NAMES)
    assert row["cross_sell_rung"] == "full_model"


def test_a_customer_alone_and_in_parts_is_told_what_they_are_among_many(monkeypatch):
    lines = [buy(n, 3 + 7 * n, "bhs"[n % 3]) for n in range(9)]
    together = score(lines, customers=9)
    monkeypatch.setattr(serving.choices, "MOST_PAIRS", 6)  # two customers at a time
    assert score(lines, customers=9) == together
    for place in range(9):
        (alone,) = score([lines[place]._replace(customer=0)])
        assert {**alone, "customer_id": f"c{place}"} == together[place]


def test_over_http_it_is_a_list_under_the_target():
    scorer = Scorer({"cross_sell": make_choice()})
    line = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9, "product_id": "b"}
    record = {"customer_id": "c", "transactions": [line]}
    (result,) = ask(scorer, record).results
    told = result.model_dump(mode="json", exclude_none=True)["cross_sell"]
    assert [item["category"] for item in told["items"]] == ["hats", "scarves"]
    assert told["horizon_days"] == 30 and told["rung"] == "full_model"


def test_a_model_of_pairs_that_are_not_known_here_is_refused():
    bundle = replace(make_choice(), model=Logistic((("own_mood",),), (1.0,), 0.0, 1.0))
    with pytest.raises(BundleError, match="cross_sell ranks by what is not known here: own_mood"):
        score([buy(0, 40, "b")], bundle=bundle)


def test_a_bundle_of_choices_without_a_shelf_is_refused():
    with pytest.raises(BundleError, match="bundle of cross_sell has no shelf"):
        score(
            [buy(0, 40, "b")],
            bundle=replace(make_choice(), shelf=None, model=make_choice().baseline),
        )
