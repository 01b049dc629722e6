import numpy as np
import pytest

from training.pairs import count_pairs
from training.waits import LEVELS, Waits, cover, evaluate_waits

NEVER = np.inf


def make_waits(count=400, whole=np.ceil):
    """Orders after exponential waits, in whole days, of customers watched for different times."""
    rng = np.random.default_rng(2)
    scale = rng.uniform(10, 120, count)
    days = whole(rng.exponential(scale))
    watched = rng.integers(5, 60, count).astype(float)
    seen = np.where(days <= watched, days, np.nan)
    foretold = whole(-np.log(1 - np.array(LEVELS)) * scale[:, None])
    return Waits(seen, watched), foretold, days


def compare_pairs(waits, foretold, weight):
    """Every pair, one after the other."""
    day = np.where(np.isnan(waits.days_until), waits.follow_up_days, waits.days_until)
    seen = ~np.isnan(waits.days_until)
    right, all_pairs = 0.0, 0.0
    for i in np.flatnonzero(weight):
        for j in range(len(day)):
            if day[i] < day[j] or (day[i] == day[j] and not seen[j]):
                all_pairs += weight[i]
                ahead = foretold[j] - foretold[i]
                right += weight[i] * (1 if ahead > 0 else 0.5 if ahead == 0 else 0)
    return right / all_pairs


def test_four_customers_by_hand():
    waits = Waits(np.array([5.0, 20.0, np.nan, np.nan]), np.full(4, 30.0))
    foretold = np.array([[1, 10, 40], [2, 25, 90], [1, 15, 80], [20, 90, NEVER]])
    found = evaluate_waits(waits, foretold)
    # Five pairs have a first: 1 before 2, 3, 4 and 2 before 3, 4; only 2 before 3 was foretold
    # the other way round.
    assert found["c_index"].value == pytest.approx(4 / 5)
    # All were watched for 30 days, so a wait is cut at 30: 5, 20, 30, 30 against 10, 25, 15, 30.
    assert found["pinball_50"].value == pytest.approx((5 + 5 + 15 + 0) / 2 / 4)
    # At .9: one day too few costs .9, one too many .1; latest, cut at 30, is 30 for all.
    assert found["pinball_90"].value == pytest.approx((0.1 * 25 + 0.1 * 10) / 4)
    assert found["pinball_10"].value == pytest.approx((0.1 * 4 + 0.1 * 18 + 0.1 * 29 + 1) / 4)


def test_the_concordance_is_that_of_every_pair_compared():
    waits, foretold, _ = make_waits()
    waits.follow_up_days[:2] = 500  # so long that next to nobody else is: beyond tau
    waits.days_until[:2] = 300, np.nan
    told = foretold[:, 1].round(-1)  # with many ties; days are whole and tie as well
    found = evaluate_waits(waits, foretold.round(-1))
    assert found["c_index"].value == pytest.approx(compare_pairs(waits, told, waits.seen))
    weight = np.zeros(len(told))
    for i in np.flatnonzero(waits.seen):
        if waits.days_until[i] < waits.tau:
            weight[i] = np.mean(waits.follow_up_days >= waits.days_until[i]) ** -2
    assert 0 < (weight > 0).sum() < waits.seen.sum()
    assert found["c_index_ipcw"].value == pytest.approx(compare_pairs(waits, told, weight))
    assert found["c_index"].value != pytest.approx(found["c_index_ipcw"].value, abs=1e-4)


def test_each_pair_counts_for_both_of_its_customers():
    later, foretold = np.array([0, 1, 1, 2]), np.array([3.0, 3.0, 4.0, 1.0])
    pairs = count_pairs(later, foretold, np.array([1.0, 0.0, 2.0, 5.0]))
    # The first comes before all others; it ties with the second, and is after the fourth. The
    # third, of weight 2, comes before the fourth alone; the second and last begin no pair.
    assert pairs.comparable.tolist() == [3, 1, 3, 3]
    assert pairs.concordant.tolist() == [1.5, 0.5, 1, 0]


def test_the_concordance_of_many_customers_is_that_of_a_million_of_their_pairs():
    waits, foretold, _ = make_waits(100_000)
    rng, told = np.random.default_rng(3), foretold[:, 1]
    first, second = rng.integers(0, 100_000, (2, 1_000_000))
    day = np.fmin(waits.days_until, waits.follow_up_days)
    last_seen = np.isnan(waits.days_until[second])
    pair = (day[first] < day[second]) | ((day[first] == day[second]) & last_seen)
    pair &= waits.seen[first] > 0
    ahead = np.sign(told[second] - told[first])[pair]
    found = evaluate_waits(waits, foretold)["c_index"]
    assert found.value == pytest.approx((ahead.mean() + 1) / 2, abs=0.003)
    assert 0.003 < found.high - found.low < 0.01


def test_the_interval_of_the_concordance_is_that_of_redrawn_customers():
    waits, foretold, _ = make_waits(150)
    found = evaluate_waits(waits, foretold)["c_index"]
    rng, drawn = np.random.default_rng(5), []
    for _ in range(150):
        who = rng.integers(0, 150, 150)
        again = Waits(waits.days_until[who], waits.follow_up_days[who])
        drawn.append(compare_pairs(again, foretold[who, 1], again.seen))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.25)


def test_weighing_undoes_that_late_orders_are_seen_less_often():
    waits, foretold, days = make_waits(60_000)
    found = evaluate_waits(waits, foretold)
    for level, told in zip(LEVELS, foretold.T, strict=True):
        over = np.minimum(days, waits.tau) - np.minimum(told, waits.tau)
        complete = np.maximum(level * over, (level - 1) * over).mean()
        seen = ~np.isnan(waits.days_until)
        figure = found[f"pinball_{round(100 * level)}"]
        assert figure.low < complete < figure.high
        naive = np.maximum(level * over, (level - 1) * over)[seen].mean()
        assert not figure.low < naive < figure.high


def test_the_true_quantiles_lose_least():
    waits, foretold, _ = make_waits(5000)
    true = evaluate_waits(waits, foretold)
    for factor in (0.6, 1.6):
        other = evaluate_waits(waits, foretold * factor)
        for level in ("pinball_10", "pinball_50", "pinball_90"):
            assert other[level].value > true[level].value


def test_days_foretold_rightly_hold_as_often_as_they_should_however_long_one_is_watched():
    waits, foretold, _ = make_waits(40_000, whole=np.asarray)
    found = cover(waits, foretold)
    for name, coverage in found.items():
        assert coverage.share.value == pytest.approx(coverage.wanted, abs=0.015), name
        assert coverage.share.low < coverage.wanted < coverage.share.high, name
    assert found["by_latest"].customers == (foretold[:, 2] <= waits.follow_up_days).sum()
    assert 1000 < found["by_latest"].customers < found["before_earliest"].customers < 40_000


def test_who_is_counted_depends_on_the_foretold_day_alone():
    waits = Waits(np.array([5.0, 20.0, np.nan, 3.0]), np.full(4, 30.0))
    foretold = np.array([[8, 10, 29], [2, 25, 90], [9, 15, 30], [31, 90, NEVER]])
    found = cover(waits, foretold)
    assert (found["before_earliest"].customers, found["before_earliest"].share.value) == (3, 1 / 3)
    assert (found["by_expected"].customers, found["by_expected"].share.value) == (3, 2 / 3)
    assert (found["by_latest"].customers, found["by_latest"].share.value) == (2, 0.5)
    assert (found["range"].customers, found["range"].share.value) == (2, 0)
    assert cover(waits, foretold + 100)["range"].share is None


def test_where_nobody_ordered_there_is_no_concordance():
    waits = Waits(np.full(5, np.nan), np.full(5, 30.0))
    found = evaluate_waits(waits, np.tile([3.0, 40.0, 90.0], (5, 1)))
    assert "c_index" not in found and found["pinball_50"].value == 0
