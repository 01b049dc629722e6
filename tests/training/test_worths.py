import numpy as np
import pytest
from scipy import stats

from contract.errors import HistoryError
from training import estimates
from training.worths import compare_worths, cover_range, evaluate_worths, list_deciles


def make_worths(count=3000, seed=7):
    """Foretold means and observed worths, of which six in ten are nothing, as in a shop."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(1, 50, count)
    return rng.gamma(2, mean / 0.8) * (rng.random(count) < 0.4), mean


def test_four_customers_by_hand():
    observed, predicted = np.array([0.0, 10, 30, 60]), np.array([20.0, 10, 40, 30])
    found = {name: e.value for name, e in evaluate_worths(observed, predicted).items()}
    # Foretold order: 30, 60, 0, 10. Captured 0, .3, .9, .9, 1: the area is (.15+.6+.9+.95)/4.
    # Best order: 60, 30, 10, 0: captured 0, .6, .9, 1, 1 and the area (.3+.75+.95+1)/4.
    assert found["normalised_gini"] == pytest.approx((0.65 - 0.5) / (0.75 - 0.5))
    assert found["spearman"] == pytest.approx(1 - 6 * (1 + 1 + 1 + 1) / (4 * 15))
    assert found["total_bias"] == pytest.approx(0)
    assert found["rmse"] == pytest.approx(np.sqrt((400 + 0 + 100 + 900) / 4))
    assert found["mae"] == pytest.approx(15)
    assert found["top_decile_share"] == pytest.approx(0.4 * 0.3)  # four tenths of the one at top


def test_the_gini_is_that_of_pairs_and_the_rho_that_of_scipy():
    observed, predicted = make_worths(400)
    predicted = predicted.round(-1)  # many ties
    found = evaluate_worths(observed, predicted)
    # The area above the diagonal, as a sum over pairs: each is won by the one foretold more.
    ahead = np.sign(predicted[:, None] - predicted)
    best = np.sign(observed[:, None] - observed)
    gap = observed[:, None] - observed
    assert found["normalised_gini"].value == pytest.approx((ahead * gap).sum() / (best * gap).sum())
    rho = stats.spearmanr(observed, predicted).statistic
    assert found["spearman"].value == pytest.approx(rho)


def test_intervals_are_those_of_redrawn_customers():
    observed, predicted = make_worths(500)
    found = evaluate_worths(observed, predicted)
    rng, drawn = np.random.default_rng(1), {"spearman": [], "rmse": [], "top_decile_share": []}
    for _ in range(300):
        who = rng.integers(0, 500, 500)
        came, told = observed[who], predicted[who]
        drawn["spearman"].append(stats.spearmanr(came, told).statistic)
        drawn["rmse"].append(np.sqrt(((came - told) ** 2).mean()))
        drawn["top_decile_share"].append(came[np.argsort(-told)[:50]].sum() / came.sum())
    for name, values in drawn.items():
        width = found[name].high - found[name].low
        assert width == pytest.approx(2 * 1.96 * np.std(values), rel=0.15), name
        assert found[name].low < found[name].value < found[name].high


def test_the_best_and_the_worst_order():
    observed, _ = make_worths()
    assert evaluate_worths(observed, observed * 3 + 1)["normalised_gini"].value == pytest.approx(1)
    assert evaluate_worths(observed, -observed)["normalised_gini"].value == pytest.approx(-1)
    flat = evaluate_worths(observed, np.full_like(observed, 5))
    assert flat["normalised_gini"].value == pytest.approx(0)
    assert flat["top_decile_share"].value == pytest.approx(0.1)
    assert "spearman" not in flat


def test_where_nobody_was_worth_anything_no_share_of_it_is_told():
    found = evaluate_worths(np.zeros(30), np.arange(30.0))
    assert found["mae"].value == pytest.approx(14.5)
    assert not {"normalised_gini", "total_bias", "top_decile_share", "spearman"} & set(found)
    with pytest.raises(HistoryError, match="worth nothing"):
        compare_worths(np.zeros(30), np.arange(30.0), np.ones(30))


def test_the_bias_of_the_total_and_its_interval():
    observed, predicted = make_worths(5000)
    low = evaluate_worths(observed, predicted * 0.8)["total_bias"]
    assert low.low < -0.2 < low.high < -0.1


def test_deciles_from_the_lowest_up():
    observed, predicted = make_worths(1000)
    deciles = list_deciles(observed, predicted)
    parts = np.array_split(np.argsort(predicted), 10)
    assert [d.customers for d in deciles] == [100] * 10
    assert [d.predicted.value for d in deciles] == pytest.approx(
        [predicted[p].mean() for p in parts]
    )
    assert [d.observed.value for d in deciles] == pytest.approx([observed[p].mean() for p in parts])
    held = [d.observed.low < d.predicted.value < d.observed.high for d in deciles]
    assert sum(held) >= 8


def test_customers_foretold_the_same_are_one_decile():
    predicted = np.r_[np.zeros(700), np.full(300, 10.0)]
    deciles = list_deciles(np.ones(1000), predicted)
    assert [d.customers for d in deciles] == [700, 300]


def test_a_range_holds_as_often_as_it_is_said_to():
    rng = np.random.default_rng(3)
    observed = rng.gamma(2, 50, 5000)
    low, high = (np.full(5000, stats.gamma.ppf(q, 2, scale=50)) for q in (0.1, 0.9))
    found = cover_range(observed, low, high)
    assert found["in_range"].low < 0.8 < found["in_range"].high
    assert found["below_range"].value == pytest.approx(0.1, abs=0.015)
    assert sum(f.value for f in found.values()) == pytest.approx(1)


def test_a_better_order_gains_gini_and_the_interval_says_so():
    observed, predicted = make_worths()
    worse = predicted * np.random.default_rng(0).lognormal(0, 2, len(predicted))
    gain = compare_worths(observed, predicted, worse)
    figures = [evaluate_worths(observed, p)["normalised_gini"].value for p in (predicted, worse)]
    assert gain.value == pytest.approx(figures[0] - figures[1])
    assert 0 < gain.low < gain.value < gain.high
    assert compare_worths(observed, predicted, predicted * 2).high == pytest.approx(0, abs=1e-12)


def test_many_customers_are_drawn_in_random_groups_with_intervals_as_wide(monkeypatch):
    observed, predicted = make_worths(6000)
    apart = evaluate_worths(observed, predicted)
    monkeypatch.setattr(estimates, "APART", 5999)
    for name, grouped in evaluate_worths(observed, predicted).items():
        width = (grouped.high - grouped.low) / (apart[name].high - apart[name].low)
        assert width == pytest.approx(1, abs=0.2), name
        assert grouped.value == apart[name].value
