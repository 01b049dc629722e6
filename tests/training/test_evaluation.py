import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from training import estimates
from training.evaluation import RESAMPLES, compare, evaluate, resample

OUTCOME = np.array([1.0, 0.0, 1.0, 0.0])
PROBABILITY = np.array([0.9, 0.8, 0.6, 0.1])


def make_customers(count=3000, seed=1):
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 3, count)
    return (rng.random(count) < probability).astype(float), probability


def test_four_customers_by_hand():
    found = {name: e.value for name, e in evaluate(OUTCOME, PROBABILITY).items()}
    assert found["auc"] == 0.75  # of four pairs only .6 against .8 is the wrong way round
    assert found["pr_auc"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.16 + 0.01) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.2, 0.6, 0.9]).mean())
    assert found["mean_ratio"] == pytest.approx(2.4 / 2)
    assert found["ece"] == pytest.approx((0.1 + 0.8 + 0.4 + 0.1) / 4)
    assert found["brier_skill"] == pytest.approx(1 - 0.205 / 0.25)  # half came true: .5 x .5


def test_the_figures_are_those_of_scikit_learn():
    outcome, probability = make_customers()
    rounded = probability.round(2)  # with many ties
    found = {name: e.value for name, e in evaluate(outcome, rounded).items()}
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(outcome, rounded), abs=1e-12)
    average = metrics.average_precision_score(outcome, rounded)
    assert found["pr_auc"] == pytest.approx(average, abs=1e-12)
    assert found["log_loss"] == pytest.approx(
        metrics.log_loss(outcome, np.clip(rounded, 1e-15, 1 - 1e-15)), abs=1e-9
    )
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(outcome, rounded), abs=1e-12)


def test_lift_is_how_many_times_the_base_rate_the_top_tenth_holds():
    outcome = np.r_[np.ones(8), np.zeros(2), np.ones(12), np.zeros(78)]
    probability = np.r_[np.full(10, 0.9), np.full(90, 0.1)]
    # The top 10 of 100 hold 8 of 20 outcomes: 40 % of them, 4 times their share of customers.
    assert evaluate(outcome, probability)["lift_top_decile"].value == pytest.approx(4.0)


def test_one_probability_for_all_ranks_nobody_whatever_the_order_of_rows():
    outcome = np.r_[np.ones(30), np.zeros(70)]
    found = evaluate(outcome, np.full(100, 0.3))
    assert found["auc"].value == 0.5
    assert found["lift_top_decile"].value == pytest.approx(1.0)
    assert found["mean_ratio"].value == pytest.approx(1.0)


def test_true_probabilities_are_calibrated_and_their_doubles_are_not():
    outcome, probability = make_customers(30_000)
    assert evaluate(outcome, probability)["ece"].value < 0.012
    assert evaluate(outcome, probability / 2)["ece"].value == pytest.approx(0.125, abs=0.01)


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says():
    outcome, probability = make_customers(2000)
    mean = evaluate(outcome, probability)["mean_observed"]
    error = np.sqrt(outcome.var() / 2000)
    assert mean.low < outcome.mean() < mean.high
    assert (mean.high - mean.low) / error == pytest.approx(2 * 1.96, rel=0.15)


def test_the_interval_of_auc_agrees_with_hanley_and_mcneil():
    outcome, probability = make_customers(2000)
    auc = evaluate(outcome, probability)["auc"]
    a, came = auc.value, outcome.sum()
    others = len(outcome) - came
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    spread = (a * (1 - a) + (came - 1) * (q1 - a * a) + (others - 1) * (q2 - a * a)) / came / others
    assert (auc.high - auc.low) / np.sqrt(spread) == pytest.approx(2 * 1.96, rel=0.2)


def test_every_resample_draws_as_many_customers_as_there_are():
    blocks = list(resample(400))
    assert sum(len(b) for b in blocks) == RESAMPLES
    assert all((b.sum(axis=1) == 400).all() for b in blocks)


def test_better_probabilities_gain_log_loss_and_the_interval_says_so():
    outcome, probability = make_customers()
    flat = np.full_like(probability, outcome.mean())
    gain = compare(outcome, probability, flat)
    assert gain.low > 0.05 and gain.low < gain.value < gain.high
    assert compare(outcome, probability, probability).high == 0.0


def test_the_slope_is_that_of_a_logistic_regression_on_the_log_odds():
    outcome, probability = make_customers(5000)
    told = expit(1.5 * logit(probability) + 0.4)  # says half as much again, and too high
    found = evaluate(outcome, told)
    fit = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000)
    slope = fit.fit(logit(told)[:, None], outcome).coef_[0, 0]
    assert found["calibration_slope"].value == pytest.approx(slope, abs=1e-4)
    assert found["calibration_slope"].value == pytest.approx(1 / 1.5, abs=0.05)
    assert found["calibration_slope"].high < 0.9


def test_the_intercept_moves_the_log_odds_to_where_their_mean_is_right():
    outcome, probability = make_customers(5000)
    too_low = expit(logit(probability) - 0.7)
    intercept = evaluate(outcome, too_low)["calibration_intercept"]
    moved = expit(logit(too_low) + intercept.value)
    assert moved.mean() == pytest.approx(outcome.mean(), abs=1e-6)
    assert intercept.low < 0.7 < intercept.high


def test_the_interval_of_the_slope_is_as_wide_as_its_standard_error_says():
    outcome, probability = make_customers(4000)
    slope = evaluate(outcome, probability)["calibration_slope"]
    terms = np.stack([np.ones(4000), logit(probability)])
    information = (terms * probability * (1 - probability)) @ terms.T
    error = np.sqrt(np.linalg.inv(information)[1, 1])
    assert (slope.high - slope.low) / error == pytest.approx(2 * 1.96, rel=0.15)


def test_what_these_customers_have_no_figure_for_is_left_out():
    flat = evaluate(OUTCOME, np.full(4, 0.3))
    assert "calibration_slope" not in flat and flat["calibration_intercept"].value > 0
    all_came = evaluate(np.ones(20), np.linspace(0.1, 0.9, 20))
    assert "auc" not in all_came and "calibration_slope" not in all_came
    assert all_came["log_loss"].value > 0


def test_the_debiased_error_is_twice_the_plain_one_less_what_it_is_with_more_chance():
    """As Kumar, Liang and Ma's own code: shares of outcomes are drawn from normals."""
    outcome, probability = make_customers(1500)
    bins = np.array_split(np.argsort(-probability), 15)
    told = np.array([probability[b].mean() for b in bins])
    came = np.array([outcome[b].mean() for b in bins])
    error = np.sqrt(came * (1 - came) / 100)
    drawn = np.random.default_rng(0).normal(came, error, (20_000, 15))
    again = np.abs(drawn - told).mean()
    found = evaluate(outcome, probability)
    assert found["ece"].value == pytest.approx(np.abs(came - told).mean())
    assert found["ece_debiased"].value == pytest.approx(2 * found["ece"].value - again, abs=2e-4)


def test_of_true_probabilities_the_debiased_error_is_nearer_to_nothing():
    found = [evaluate(*make_customers(1500, seed)) for seed in range(8)]
    plain = np.mean([f["ece"].value for f in found])
    assert np.mean([f["ece_debiased"].value for f in found]) < 0.65 * plain


def test_tied_probabilities_are_one_bin_whatever_the_order_of_rows():
    outcome = np.r_[np.ones(30), np.zeros(70)]
    for rows in (outcome, outcome[::-1]):
        assert evaluate(rows, np.full(100, 0.4))["ece"].value == pytest.approx(0.1)


def test_many_customers_are_drawn_in_random_groups_with_intervals_as_wide(monkeypatch):
    outcome, probability = make_customers(8000)
    monkeypatch.setattr(estimates, "APART", 7999)
    grouped = evaluate(outcome, probability)
    gain = compare(outcome, probability, probability / 2)
    monkeypatch.setattr(estimates, "APART", 8000)
    apart = evaluate(outcome, probability)
    assert gain.value == compare(outcome, probability, probability / 2).value
    for name, one in apart.items():
        assert one.value == grouped[name].value
        width = (grouped[name].high - grouped[name].low) / (one.high - one.low)
        assert width == pytest.approx(1, abs=0.2), name


def test_the_same_customers_are_drawn_for_every_table_of_as_many():
    first, second = np.arange(40_000.0), np.arange(40_000.0)[:, None] * [1, 2]
    once = np.concatenate(list(estimates.draw_sums(first[:, None])))
    twice = np.concatenate(list(estimates.draw_sums(second)))
    assert len(once) == RESAMPLES
    assert (once[:, 0] == twice[:, 0]).all() and (once[:, 0] * 2 == twice[:, 1]).all()
