import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from contract.errors import HistoryError
from training.rankings import (
    NOT_SHOWN,
    Purchases,
    compare_rankings,
    evaluate_ranking,
    trace_recall,
)
from training.toplists import (
    decayed_blend,
    global_top,
    list_baselines,
    personal_then_global,
    personal_top,
)

LOG2_3 = np.log2(3)

# Belts, hats, scarves, shoes. The first customer had bought belts and now buys belts and shoes; the
# second had bought nothing and buys a hat; the third buys nothing.
SHOWN = np.array([[0.9, 0.5, 0.1, 0.4], [0.8, 0.1, 0.6, 0.2], [0.1, 0.2, 0.3, 0.4]])
BOUGHT = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
REPEAT = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=bool)
PURCHASES = Purchases(BOUGHT, REPEAT)


def values(figures):
    return {name: figure.value for name, figure in figures.items()}


def make_shop(customers=600, categories=12, seed=6):
    rng = np.random.default_rng(seed)
    taste = rng.gamma(0.3, 1, (customers, categories)) * np.linspace(2, 0.2, categories)
    bought = rng.random(taste.shape) < 1 - np.exp(-taste / 3)
    periods = [rng.poisson(taste / 4).astype(float) for _ in range(6)]
    return taste, Purchases(bought, np.sum(periods, axis=0) > 0), periods


def test_three_customers_by_hand():
    found = values(evaluate_ranking(SHOWN, PURCHASES)["all"])
    # The first is shown belts, hats, shoes, scarves: a hit at places 1 and 3. The second is shown
    # belts, scarves, shoes, hats: a hit at place 4. The third bought nothing and is no one's miss.
    assert found["recall_at_1"] == pytest.approx((1 / 2 + 0) / 2)
    assert found["recall_at_3"] == pytest.approx((1 + 0) / 2)
    assert found["recall_at_5"] == pytest.approx((1 + 1) / 2)
    assert found["ndcg_at_1"] == pytest.approx((1 + 0) / 2)
    assert found["ndcg_at_3"] == pytest.approx(((1 + 1 / 2) / (1 + 1 / LOG2_3) + 0) / 2)
    last = 1 / np.log2(5)
    assert found["ndcg_at_5"] == pytest.approx(((1 + 1 / 2) / (1 + 1 / LOG2_3) + last) / 2)
    assert found["hit_share"] == 1
    assert found["buyer_share"] == pytest.approx(2 / 3)
    assert found["catalogue_coverage"] == 1


def test_only_candidates_of_the_kind_are_shown_and_count():
    found = evaluate_ranking(SHOWN, PURCHASES)
    # Of repeats the first customer is shown belts, then hats, and bought belts; only she bought.
    assert values(found["repeat"])["recall_at_1"] == 1
    assert values(found["repeat"])["buyer_share"] == pytest.approx(1 / 3)
    assert values(found["repeat"])["catalogue_coverage"] == 2 / 4  # nobody is shown more
    # Of first orders she is shown shoes, then scarves, and bought shoes; the second as before.
    assert values(found["explore"])["recall_at_1"] == pytest.approx((1 + 0) / 2)
    assert values(found["explore"])["ndcg_at_5"] == pytest.approx((1 + 1 / np.log2(5)) / 2)


def test_ndcg_is_that_of_scikit_learn():
    taste, purchases, _ = make_shop()
    buyers = purchases.bought.any(axis=1)
    found = values(evaluate_ranking(taste, purchases)["all"])
    for k in (1, 3, 5):
        expected = ndcg_score(purchases.bought[buyers], taste[buyers], k=k)
        assert found[f"ndcg_at_{k}"] == pytest.approx(expected)


def test_recall_and_hits_are_those_of_sets():
    taste, purchases, _ = make_shop()
    recalls, hits, covered = [], [], set()
    for own, bought, before in zip(taste, purchases.bought, purchases.repeat, strict=True):
        fresh = [c for c in np.argsort(-own) if not before[c]][:5]
        wanted = set(np.flatnonzero(bought & ~before))
        covered |= set(fresh)
        if wanted:
            recalls.append(len(wanted & set(fresh)) / len(wanted))
            hits.append(bool(wanted & set(fresh)))
    found = evaluate_ranking(taste, purchases)["explore"]
    assert found["recall_at_5"].value == pytest.approx(np.mean(recalls))
    assert found["hit_share"].value == pytest.approx(np.mean(hits))
    assert found["catalogue_coverage"].value == len(covered) / 12
    error = np.std(recalls) / np.sqrt(len(recalls))
    width = found["recall_at_5"].high - found["recall_at_5"].low
    assert width / error == pytest.approx(2 * 1.96, rel=0.15)


def test_the_curve_of_recall_ends_at_the_figure():
    taste, purchases, _ = make_shop()
    curve = trace_recall(taste, purchases)
    found = values(evaluate_ranking(taste, purchases)["all"])
    assert curve[[0, 2, 4]] == pytest.approx([found[f"recall_at_{k}"] for k in (1, 3, 5)])
    assert (np.diff(curve) > 0).all()


def test_equal_probabilities_are_shown_by_lot():
    bought = np.zeros((4000, 4), dtype=bool)
    bought[:, 0] = True
    found = evaluate_ranking(np.full(bought.shape, 0.2), Purchases(bought, ~bought))["all"]
    assert found["recall_at_1"].value == pytest.approx(1 / 4, abs=0.02)
    assert found["recall_at_3"].value == pytest.approx(3 / 4, abs=0.02)


def test_what_is_not_shown_is_no_hit():
    hidden = np.where(BOUGHT, NOT_SHOWN, SHOWN)
    found = values(evaluate_ranking(hidden, PURCHASES)["all"])
    assert found["recall_at_5"] == 0 and found["hit_share"] == 0


def test_where_nobody_bought_only_what_was_shown_is_told():
    nothing = Purchases(np.zeros_like(BOUGHT), REPEAT)
    found = evaluate_ranking(SHOWN, nothing)["all"]
    assert set(found) == {"buyer_share", "catalogue_coverage"}
    with pytest.raises(HistoryError, match="Nobody bought"):
        compare_rankings(nothing, SHOWN, SHOWN)


def test_a_better_ranking_gains_and_the_interval_says_so():
    taste, purchases, periods = make_shop()
    gain = compare_rankings(purchases, taste, global_top(sum(periods)))
    ours = evaluate_ranking(taste, purchases)["all"]["ndcg_at_5"].value
    theirs = evaluate_ranking(global_top(sum(periods)), purchases)["all"]["ndcg_at_5"].value
    assert gain.value == pytest.approx(ours - theirs)
    assert 0 < gain.low < gain.value < gain.high
    same = compare_rankings(purchases, taste, taste, "explore")
    assert (same.low, same.high) == (0, 0)


def test_the_plain_lists_by_hand():
    last, before = np.array([[0, 1, 0], [0, 0, 1.0]]), np.array([[2, 0, 0], [0, 0, 1.0]])
    counts = last + before
    assert personal_top(counts).tolist() == [[2, 1, NOT_SHOWN], [NOT_SHOWN, NOT_SHOWN, 2]]
    assert global_top(counts).tolist() == [[0.5, 0.5, 0.5]] * 2
    assert personal_then_global(counts).tolist() == [[2.25, 1.25, 0.25], [0.25, 0.25, 2.25]]
    blend = decayed_blend([last, before], weight=2)
    assert blend == pytest.approx(np.array([[2.8, 2, 1], [1, 1, 2.9]]))


def test_plain_lists_are_ranked_as_in_the_literature():
    _, purchases, periods = make_shop(1500)
    ndcg = {
        name: values(evaluate_ranking(shown, purchases)["all"])["ndcg_at_5"]
        for name, shown in list_baselines(periods).items()
    }
    assert ndcg["global_top"] < ndcg["personal_top"] < ndcg["personal_then_global"]
    assert ndcg["decayed_blend"] > ndcg["personal_top"]
