"""Each feature of a pair by hand, on two customers and three categories."""

from datetime import UTC, datetime

import numpy as np
import pytest

from contract.choice import Offer, Shelf
from features.pairing import describe_pairs, find_candidates, list_customers, tell_pairs
from features.pairs import CUSTOMERS, PAIRS
from features.turns import Own

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
ALL = np.ones((2, 3), dtype=bool)

# The first customer: belts in 4 orders over 90 days, the last 30 days ago; hats once, 400 days ago.
OWN = Own(
    orders=np.array([[4.0, 1, 0], [0, 0, 0]]),
    orders_90d=np.array([[3.0, 0, 0], [0, 0, 0]]),
    orders_365d=np.array([[4.0, 0, 0], [0, 0, 0]]),
    decayed=np.array([[3.1, 0.25, 0], [0, 0, 0]]),
    days=np.array([[30.0, 400, np.inf], [np.inf, np.inf, np.inf]]),
    span=np.array([[90.0, 0, 0], [0, 0, 0]]),
)
SHELF = Shelf(
    offer=Offer(),
    of="category",
    names=("belts", "hats", "scarves"),
    usual=(0.2, 0.1, 0.05),
    lapsed=(0.02, 0.01, 0.005),
    prospect=(0.3, 0.2, 0.1),
    popular=(0.5, 0.2, 0.1),
    recent=(0.25, 0.2, 0.0),
    season=(1.0, 2.0, 0.5),
    lift=((9.0, 3.0, 0.5), (3.0, 9.0, 1.0), (0.5, 1.0, 9.0)),
    pull=((0.0, 0.4, -0.1), (0.3, 0.0, 0.2), (0.1, 0.2, 0.0)),
)
KNOWN = {"orders_ever": np.array([5.0, 0]), "expected_orders_365d": np.array([10.0, 1])}


def change(**told):
    return Shelf.model_validate({**SHELF.model_dump(), **told})


BY_HAND = {
    "own_orders": [4, 1, 0],
    "own_orders_90d": [3, 0, 0],
    "own_decayed": [3.1, 0.25, 0],
    "own_rate": [4 / 5, 1 / 5, 0],
    "own_expected": [8, 2, 0],
    "own_share": [1, 0, 0],
    "days_since_own": [30, 400, np.nan],
    "own_lateness": [30 / (90 / 3), np.nan, np.nan],
    "usual_share": [0.2, 0.1, 0.05],
    "popular_share": [0.5, 0.2, 0.1],
    "popular_trend": [0.251 / 0.501, 1, 0.001 / 0.101],
    "popular_season": [1, 2, 0.5],
    # Only belts were bought in the year: nothing else speaks for belts, and belts for the others.
    "lift_mean": [1, (3 + 1) / 2, (0.5 + 1) / 2],
    "lift_max": [1, 3, 1],
    "pull_sum": [0, 0.4, -0.1],
}


@pytest.mark.parametrize("name", PAIRS)
def test_by_hand(name):
    told = tell_pairs(OWN, SHELF, KNOWN, [name], ALL)[name].reshape(2, 3)
    assert told[0] == pytest.approx(BY_HAND[name], nan_ok=True)


def test_who_bought_nothing_is_told_the_shop_alone():
    told = tell_pairs(OWN, SHELF, KNOWN, list(PAIRS), ALL)
    second = {name: column.reshape(2, 3)[1] for name, column in told.items()}
    for name in ("own_orders", "own_decayed", "own_rate", "own_share", "pull_sum"):
        assert second[name].tolist() == [0, 0, 0]
    assert second["lift_mean"].tolist() == second["lift_max"].tolist() == [1, 1, 1]
    assert np.isnan(second["days_since_own"]).all()


def test_what_was_bought_in_the_look_back_is_no_candidate():
    assert find_candidates(OWN, SHELF).tolist() == [[False, True, True], [True, True, True]]
    longer = change(offer=Offer(look_back_days=400))
    assert find_candidates(OWN, longer)[0].tolist() == [False, False, True]


def test_repeats_and_a_choice_of_categories_change_the_candidates():
    repeats = change(offer=Offer(repeats=True))
    assert find_candidates(OWN, repeats).all()
    chosen = change(offer=Offer(repeats=True, only=("hats",)))
    assert find_candidates(OWN, chosen)[0].tolist() == [False, True, False]


def test_only_the_pairs_asked_for_are_told_customer_after_customer():
    held = np.array([[False, True, True], [True, False, False]])
    columns = tell_pairs(OWN, SHELF, KNOWN, ["usual_share", "orders_ever"], held)
    assert columns["usual_share"].tolist() == [0.1, 0.05, 0.2]
    assert columns["orders_ever"].tolist() == [5, 5, 0]


def test_one_customer_alone_is_told_the_same_bits_as_among_many():
    rng = np.random.default_rng(5)
    each = ("usual", "lapsed", "prospect", "popular", "recent", "season")
    shelf = change(
        names=[f"c{n}" for n in range(40)],
        lift=rng.random((40, 40)).tolist(),
        pull=rng.normal(size=(40, 40)).tolist(),
        **{name: rng.random(40).tolist() for name in each},
    )
    orders = rng.poisson(0.4, (300, 40)).astype(float)
    days = np.where(orders > 0, rng.random(orders.shape) * 500, np.inf)
    own = Own(orders, orders, orders, orders * 0.7, days, orders * 9)
    known = {name: rng.random(300) for name in CUSTOMERS}
    everyone = np.ones(orders.shape, dtype=bool)
    names = (*PAIRS, *CUSTOMERS)
    together = tell_pairs(own, shelf, known, names, everyone)
    one = {name: column[[7]] for name, column in known.items()}
    alone = tell_pairs(own.take(np.array([7])), shelf, one, names, everyone[:1])
    for name in names:
        ours = together[name].reshape(300, 40)[7]
        assert np.array_equal(ours, alone[name], equal_nan=True), name


def test_a_pair_needs_the_features_of_the_customer_that_it_is_made_of():
    assert list_customers(["own_expected", "lift_mean"]) == ("expected_orders_365d", "orders_ever")
    assert list_customers(["usual_share"]) == ()
    assert set(list_customers(list(PAIRS))) <= set(CUSTOMERS)


def test_the_dictionary_says_what_each_is_and_where_it_is_missing():
    entries = {entry["name"]: entry for entry in describe_pairs()}
    assert set(entries) == set(PAIRS)
    assert entries["days_since_own"]["missing"] == "null where they never did"
    assert entries["own_orders_90d"]["window"] == "90 days"
    assert entries["own_expected"]["made_of"] == "own_rate, expected_orders_365d"
