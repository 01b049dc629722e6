import numpy as np
import pytest
from scipy import integrate, stats
from sklearn import metrics

from contract.errors import SettingsError
from training.estimates import APART
from training.ordering import Ranking
from training.profit import (
    Campaign,
    Retention,
    measure_campaign,
    measure_retention,
    sell,
    trace_profit,
)


def make_churners(count=800, seed=4):
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 4, count).round(2)
    return (rng.random(count) < probability).astype(float), probability


def try_cuts(outcome, probability):
    """Churners and others contacted, per customer, at every threshold from nobody to everybody."""
    tried = [(0.0, 0.0)]
    for threshold in np.unique(probability):
        contacted = probability >= threshold
        tried.append(((outcome * contacted).mean(), ((1 - outcome) * contacted).mean()))
    return np.array(tried).T


def best_cut(cuts, gain_from_churner, gain_from_other):
    churners, others = cuts
    profit = gain_from_churner * churners + gain_from_other * others
    return profit.max(), (churners + others)[profit.argmax()]


def test_empc_is_the_mean_over_acceptances_of_the_best_of_all_cuts():
    outcome, probability = make_churners()
    found = measure_retention(Ranking(outcome, probability))

    cuts, grid = try_cuts(outcome, probability), np.linspace(0, 1, 2001)
    best = np.array([best_cut(cuts, a * 190 - 1, -11) for a in grid])
    density = stats.beta.pdf(grid, 6, 14)
    expected, share = integrate.trapezoid(best * density[:, None], grid, axis=0)
    assert expected > 1
    assert found["empc"].value == pytest.approx(expected, rel=1e-4)
    assert found["empc_share"].value == pytest.approx(share, abs=1e-3)


def test_empc_is_the_sum_that_the_paper_writes_over_the_hull_of_the_roc():
    outcome, probability = make_churners(seed=9)
    false, true, _ = metrics.roc_curve(outcome, probability, drop_intermediate=False)
    hull = [0]  # from each corner on to the point that lies steepest above it, the farthest of them
    while hull[-1] < len(true) - 1:
        rise, run = true[hull[-1] + 1 :] - true[hull[-1]], false[hull[-1] + 1 :] - false[hull[-1]]
        steep = np.arctan2(rise, run).round(12)
        hull.append(hull[-1] + 1 + np.flatnonzero(steep == steep.max())[-1])
    true, false = true[hull], false[hull]
    churn, stay, delta, phi = outcome.mean(), 1 - outcome.mean(), 10 / 200, 1 / 200
    with np.errstate(divide="ignore"):
        turn = stay * (delta + phi) * np.diff(false) / (churn * np.diff(true))
    turn = (turn + phi) / (1 - delta)
    edges = np.r_[0, turn[turn < 1], 1]
    law, tilted = stats.beta(6, 14), stats.beta(7, 14)
    mass, mean = np.diff(law.cdf(edges)), 0.3 * np.diff(tilted.cdf(edges))
    true, false = true[: len(mass)], false[: len(mass)]
    kept = 200 * (1 - delta) * churn * true * mean
    paid = 200 * (phi * churn * true + (delta + phi) * stay * false) * mass
    found = measure_retention(Ranking(outcome, probability))
    assert found["empc"].value == pytest.approx((kept - paid).sum(), rel=1e-9)
    contacted = ((churn * true + stay * false) * mass).sum()
    assert found["empc_share"].value == pytest.approx(contacted, rel=1e-9)


def test_if_all_churn_and_none_are_told_apart_everybody_is_contacted_from_a_small_acceptance_on():
    found = measure_retention(Ranking(np.ones(50), np.full(50, 0.5)))
    # A churner earns 190 x acceptance - 1: .3 x 190 - 1 = 56, and not contacting saves next to
    # nothing, as an acceptance below 1 / 190 hardly happens.
    assert found["empc"].value == pytest.approx(56.0, abs=1e-3)
    assert found["empc_share"].value == pytest.approx(1.0, abs=1e-3)


def test_the_curve_of_four_customers_by_hand():
    ranking = Ranking(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.8, 0.6, 0.1]))
    share, profit = trace_profit(ranking)  # a churner earns .3 x 190 - 1 = 56, another costs 11
    assert share == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert profit == pytest.approx([0, 14, 11.25, 25.25, 22.5])
    share, profit = trace_profit(ranking, sell(value=10, cost=4))
    assert profit == pytest.approx([0, 1.5, 0.5, 2, 1])


def test_customers_of_one_probability_are_contacted_together():
    ranking = Ranking(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.5, 0.5, 0.5]))
    assert trace_profit(ranking, Campaign(2, -1))[0].tolist() == [0, 0.25, 1]


def test_the_best_share_of_a_plain_campaign_is_where_its_curve_is_highest():
    outcome, probability = make_churners()
    campaign = sell(value=30, cost=6)
    profit, share = best_cut(try_cuts(outcome, probability), campaign.hit, campaign.miss)
    found = measure_campaign(Ranking(outcome, probability), campaign)
    assert found["profit"].value == pytest.approx(profit)
    assert found["profit_share"].value == pytest.approx(share)
    curve = trace_profit(Ranking(outcome, probability), campaign)[1]
    assert found["profit"].value == pytest.approx(curve.max())


def test_a_campaign_that_cannot_pay_contacts_nobody():
    outcome, probability = make_churners()
    found = measure_campaign(Ranking(outcome, probability), sell(value=1, cost=2))
    assert (found["profit"].value, found["profit_share"].value) == (0.0, 0.0)


def test_the_interval_is_that_of_a_plain_bootstrap():
    outcome, probability = make_churners()
    found = measure_retention(Ranking(outcome, probability))["empc"]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(200):
        who = rng.integers(0, len(outcome), len(outcome))
        cuts = try_cuts(outcome[who], probability[who])
        drawn.append(np.mean([best_cut(cuts, a * 190 - 1, -11)[0] for a in ACCEPTANCES]))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.2)


ACCEPTANCES = stats.beta.ppf(np.linspace(0.05, 0.95, 10), 6, 14)


def test_of_four_times_as_many_customers_drawn_in_groups_the_interval_is_half_as_wide():
    small = measure_retention(Ranking(*make_churners(10_000)))["empc"]
    large = measure_retention(Ranking(*make_churners(40_000)))["empc"]
    assert 10_000 < APART < 40_000
    ratio = (small.high - small.low) / (large.high - large.low)
    assert ratio == pytest.approx(2, rel=0.2)


def test_an_offer_dearer_than_the_customer_is_refused():
    with pytest.raises(SettingsError, match="never pays"):
        Retention(worth=5, offer=10)
