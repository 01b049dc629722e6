"""What is asked of pairs, and how well they are told, on figures that can be counted."""

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from contract.choice import Offer
from contract.errors import HistoryError
from contract.linear import Logistic
from contract.manifest import BaseRate
from contract.models import log_odds
from contract.norms import Norms
from features.compute import compute
from features.norms import find_norms
from features.shelves import take_stock
from features.sources import Shop
from features.turns import Own
from tests.features.test_pairs import SHELF, change
from training.choice import choices as room
from training.choice.choices import Choices, find_bought, list_periods, take_choices, thin
from training.choice.families import TERMS, fit_lines, fit_trees
from training.choice.gate import check_features, check_shuffled, measure_ranks, shuffle
from training.choice.judging import Seen
from training.choice.levels import calibrate, observe_closed
from training.choice.measures import (
    as_purchases,
    compare_pairs,
    evaluate_pairs,
    find_bins,
    find_shown,
)
from training.outcomes import OUTCOME, find_fresh, find_outcomes
from training.targets import TARGETS

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = TARGETS["cross_sell"].over(30)
NAMES = {"b": "belts", "h": "hats", "s": "scarves"}
PRODUCTS = [{"product_id": p, "category": name} for p, name in NAMES.items()]


def buy(customer, days, product):
    at = AS_OF - timedelta(days=days)
    return {"customer_id": customer, "order_id": f"{customer}{days}", "ordered_at": at,
            "amount": 5.0, "product_id": product}  # fmt: skip


def outcomes(history, target):
    norms = {AS_OF: Norms(as_of=AS_OF)}
    found = compute(history, norms, (), partial(find_outcomes, target)).to_arrow().to_pylist()
    return {row["customer_id"]: row[OUTCOME] for row in found}


PAST = [buy("a", 365, "b"), buy("b", 366, "b"), buy("c", 5, "b"), buy("d", 5, "b")]
AHEAD = [
    buy("a", -2, "b"),
    buy("b", -2, "b"),
    buy("c", -2, "b"),
    buy("c", -3, "h"),
    buy("d", -30, "h"),
]


def test_a_first_order_is_one_of_a_category_not_bought_in_the_look_back(open_rows):
    history = open_rows(transactions=PAST + AHEAD, products=PRODUCTS)
    # a bought belts 365 days ago, b one day earlier; c buys hats too; d's hats come a day late.
    assert outcomes(history, TARGET) == {"a": 0, "b": 1, "c": 1, "d": 0}
    assert outcomes(history, TARGET.over(31))["d"] == 1


def test_the_switches_of_the_offer_change_what_counts(open_rows):
    history = open_rows(transactions=PAST + AHEAD, products=PRODUCTS)
    assert outcomes(history, TARGET.offering({"repeats": True})) == {"a": 1, "b": 1, "c": 1, "d": 0}
    assert outcomes(history, TARGET.offering({"look_back_days": 364}))["a"] == 1
    hats = TARGET.offering({"only": ("hats",)})
    assert outcomes(history, hats) == {"a": 0, "b": 0, "c": 1, "d": 0}
    with pytest.raises(HistoryError, match="0 days are no window"):
        TARGET.offering({"look_back_days": 0})
    assert TARGETS["churn"].offering({"repeats": True}) is TARGETS["churn"]


def test_a_category_bought_twice_ahead_is_new_once(open_rows):
    lines = [buy("a", 5, "b"), buy("a", -1, "h"), buy("a", -2, "h")]
    shop = Shop(open_rows(transactions=lines, products=PRODUCTS))
    ahead = shop.ahead("lines", int(AS_OF.timestamp() * 1e6), 30)
    assert find_fresh(ahead, Offer()).tolist() == [True, False]


def test_pairs_say_of_each_customer_what_the_definition_says_of_all(shop_history):
    moment = datetime(2026, 8, 1, tzinfo=UTC)
    norms = find_norms(shop_history, [moment])[moment]
    stock = take_stock(shop_history)
    for offer in ({}, {"repeats": True}, {"look_back_days": 60}):
        target = TARGET.offering(offer)
        choices = take_choices((shop_history, stock), target, norms)
        told = compute(shop_history, {moment: norms}, (), partial(find_outcomes, target))
        of_all = dict(zip(told.ids.to_pylist(), told.columns[OUTCOME], strict=True))
        ours = (choices.bought & choices.held).any(axis=1)
        assert ours.tolist() == [of_all[customer] == 1 for customer in choices.ids]
        assert ours.any()


def test_bought_is_a_line_ahead_of_a_category_on_the_shelf(open_rows):
    stock = take_stock(open_rows(transactions=PAST + AHEAD, products=PRODUCTS))
    bought = find_bought(stock, TARGET, AS_OF, SHELF)
    assert bought.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_periods_are_orders_of_thirty_days_the_last_first(open_rows):
    stock = take_stock(open_rows(transactions=[buy("a", 365, "b"), *PAST, buy("c", 31, "h")],
                                 products=PRODUCTS))  # fmt: skip
    periods = list_periods(stock, make_choices(moment=AS_OF, places=np.arange(4)))
    assert len(periods) == 12
    assert periods[0].tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert periods[1][2].tolist() == [0, 1, 0]


# Two customers and three categories; of the first, belts are no candidate.
def make_choices(bought=((1, 0, 1), (0, 1, 0)), days=((10, 999, 999), (999, 999, 999)), **facts):
    days = np.array(days, dtype=float)
    customers = len(days)
    zeros = np.zeros(days.shape)
    orders = (days < 900).astype(float)
    told = {
        "moment": AS_OF,
        "shelf": SHELF,
        "ids": pd.Series([f"c{n}" for n in range(customers)], dtype="str"),
        "places": np.arange(customers),
        "own": Own(orders, orders, orders, orders, days, zeros),
        "customers": {name: np.full(customers, 2.0) for name in room.CUSTOMERS},
        "bought": np.array(bought, dtype=bool),
    }
    return Choices(**(told | facts))


def test_pairs_are_candidates_customer_after_customer():
    choices = make_choices()
    assert choices.owner.tolist() == [0, 0, 1, 1, 1]
    assert choices.outcome.tolist() == [0, 1, 0, 1, 0]  # the belts of the first are not asked
    assert choices.base_rate.tolist() == [0.1, 0.05, 0.2, 0.1, 0.05]
    assert as_purchases(choices).bought.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert as_purchases(choices).repeat.tolist() == [[1, 0, 0], [0, 0, 0]]


def test_figures_of_pairs_by_hand():
    choices, told = make_choices(), np.array([0.5, 0.5, 0.25, 0.5, 0.25])
    found = {name: figure.value for name, figure in evaluate_pairs(choices, told).items()}
    assert found["mean_predicted"] == pytest.approx(2 / 5)
    assert found["mean_observed"] == pytest.approx(2 / 5)
    assert found["mean_ratio"] == pytest.approx(1)
    assert found["log_loss"] == pytest.approx((3 * np.log(2) + 2 * np.log(4 / 3)) / 5)
    assert found["brier"] == pytest.approx((3 * 0.25 + 2 * 0.0625) / 5)
    # Two bins: of three told .5 two came, of two told .25 none did.
    assert found["ece"] == pytest.approx((abs(1.5 - 2) + abs(0.5 - 0)) / 5)
    assert found["shown_ratio"] == pytest.approx(1)  # five places hold all three


def test_intervals_are_over_customers_not_over_pairs():
    # Each customer buys all or nothing: pairs of one customer are no news of each other.
    bought = np.repeat([[True], [False]], 200, axis=0) & np.ones(3, dtype=bool)
    choices = make_choices(bought=bought, days=np.full((400, 3), 999.0))
    ratio = evaluate_pairs(choices, np.full(1200, 0.5))["mean_observed"]
    width = ratio.high - ratio.low
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 400), rel=0.15)


def test_what_is_shown_is_the_best_five():
    each = ("usual", "lapsed", "prospect", "popular", "recent", "season")
    even = np.ones((7, 7)).tolist()
    names = [f"c{n}" for n in range(7)]
    shelf = change(names=names, lift=even, pull=even, **dict.fromkeys(each, [0.1] * 7))
    choices = make_choices(shelf=shelf, bought=np.zeros((1, 7)), days=np.full((1, 7), 999.0))
    told = np.array([0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4])
    assert find_shown(choices, told).tolist() == [0, 1, 0, 1, 1, 1, 1]


def test_equal_probabilities_share_a_bin():
    told = np.r_[np.full(90, 0.1), np.linspace(0.2, 0.9, 10)]
    assert len(set(find_bins(told)[:90])) == 1


def test_less_log_loss_is_told_per_pair():
    choices = make_choices()
    gain = compare_pairs(choices, np.full(5, 0.5), np.full(5, 0.25))
    theirs = (2 * np.log(4) + 3 * np.log(4 / 3)) / 5
    assert gain.value == pytest.approx(theirs - np.log(2))


def draw_choices(seed, customers=1500):
    """Customers who buy hats four times as often where they had belts."""
    rng = np.random.default_rng(seed)
    belts = rng.random(customers) < 0.5
    days = np.full((customers, 3), 999.0)
    days[belts, 0] = 10
    chance = np.tile([0.2, 0.1, 0.05], (customers, 1))
    chance[belts, 1] *= 4
    return make_choices(bought=rng.random(days.shape) < chance, days=days)


def test_a_sample_of_the_others_weighs_as_much_as_all(monkeypatch):
    choices = draw_choices(1)
    whole = thin(choices)
    assert len(whole.outcome) == len(choices.outcome) and (whole.weight == 1).all()
    monkeypatch.setattr(room, "MOST_OTHERS", 500)
    thinned = thin(choices)
    assert thinned.outcome.sum() == choices.outcome.sum()
    others = thinned.outcome == 0
    assert others.sum() == 500
    assert thinned.weight[others].sum() == pytest.approx((choices.outcome == 0).sum())
    assert (thinned.weight[~others] == 1).all()


@pytest.mark.parametrize("fit", [fit_trees, fit_lines])
def test_families_learn_what_goes_with_what_and_calibrate_to_the_share_foretold(fit):
    first, last, served = (draw_choices(seed) for seed in (1, 2, 3))
    model = fit(thin(first))
    told = calibrate((model, model), last, (served, BaseRate(share=0.1, low=0.1, high=0.1)))
    probability = told.probability(served)
    assert probability.mean() == pytest.approx(0.1)
    assert told.calibration.slope == pytest.approx(1, abs=0.2)
    belts = served.own.days[:, 0] < 900
    table = served.spread(probability)
    # Four times is the truth; coefficients cannot say that belts speak for hats alone.
    assert 2.5 < table[belts, 1].mean() / table[~belts, 1].mean() < 6


def test_an_input_that_is_alike_in_all_pairs_is_given_no_weight():
    model = fit_lines(thin(draw_choices(1)))
    assert isinstance(model, Logistic)
    weights = dict(zip(TERMS, model.coefficients, strict=True))
    assert weights[("orders_365d",)] == 0
    assert all(abs(weight) < 100 for weight in weights.values())


def test_a_share_is_observed_in_every_closed_week(open_rows):
    lines = [buy(f"c{n}", 200, "b") for n in range(10)]
    lines += [buy(f"c{n}", 20, "h") for n in range(5)]
    lines += [{**buy("z", 199, product), "order_id": f"z{product}"} for product in "bhs"]
    stock = take_stock(open_rows(transactions=lines, products=PRODUCTS))
    closed = observe_closed(stock, TARGET, make_choices())
    # The last window began 30 days ago: ten candidates each for hats and scarves, five hats came;
    # z has all three.
    assert closed.level[-1] == pytest.approx(log_odds((5 + 0.5) / (20 + 1)))
    assert closed.starts[-1] == pytest.approx(170)
    assert closed.level[0] == pytest.approx(log_odds(0.5 / 21)) and closed.horizon == 30


def test_a_column_that_knows_the_outcome_is_a_leak():
    choices = draw_choices(4)
    assert check_features(choices).passed
    leaking = make_choices(bought=choices.bought, days=choices.own.days)
    leaking.__dict__["columns"] = {**choices.columns, "own_share": choices.outcome}
    assert not check_features(leaking).passed
    assert "own_share alone has AUC 1.000" in check_features(leaking).found


def test_ranks_are_taken_within_categories():
    choices = draw_choices(4)
    # What is usual ranks pairs, and tells no two customers of one category apart.
    assert measure_ranks(choices, {"usual": choices.base_rate})["usual"] == pytest.approx(0.5)


def test_shuffled_outcomes_are_not_foretold():
    class Judged:
        class stages:
            train, serve = (AS_OF - timedelta(days=60),), AS_OF

    thinned = {AS_OF - timedelta(days=60): thin(draw_choices(5)), AS_OF: thin(draw_choices(6))}
    check = check_shuffled(Seen(thinned, {}), Judged)
    assert check.passed
    dealt = shuffle(thinned[AS_OF], np.random.default_rng(1))
    assert dealt.outcome.sum() == thinned[AS_OF].outcome.sum()
    assert len(set(dealt.base_rate)) == 1
