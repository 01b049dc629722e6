import numpy as np
import pytest
from matplotlib.image import imread

from training.figures import (
    draw_coverage,
    draw_curves,
    draw_deciles,
    draw_profit,
    draw_recall,
    draw_segments,
    trace_gains,
    trace_lift,
    trace_reliability,
    trace_roc,
)
from training.ordering import Ranking
from training.segments import evaluate_segments
from training.waits import Waits, cover
from training.worths import list_deciles


def make_ranking(count=2000):
    rng = np.random.default_rng(3)
    probability = rng.beta(1, 3, count)
    return Ranking((rng.random(count) < probability).astype(float), probability)


FIRST = np.array([0x1F, 0x77, 0xB4])  # the blue that what is shown first is drawn in


def is_drawn(file):
    pixels = np.rint(imread(file)[..., :3] * 255)
    return (np.abs(pixels - FIRST).max(axis=-1) < 2).sum() > 50


def test_the_curves_of_four_customers_by_hand():
    ranking = Ranking(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.8, 0.6, 0.1]))
    assert [c.tolist() for c in trace_roc(ranking)] == [[0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1]]
    assert trace_gains(ranking)[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert [c.tolist() for c in trace_reliability(ranking)] == [[0.9, 0.8, 0.6, 0.1], [1, 0, 1, 0]]


def test_the_lift_of_each_tenth_and_its_mean():
    outcome = np.r_[np.ones(8), np.zeros(2), np.ones(12), np.zeros(78)]
    probability = np.r_[np.full(10, 0.9), np.full(90, 0.1)]
    tenth, lift = trace_lift(Ranking(outcome, probability))
    assert tenth.tolist() == list(range(1, 11))
    assert lift == pytest.approx([4.0] + [12 / 18] * 9)  # 8 of 20, then 12 over nine tenths
    assert lift.mean() == pytest.approx(1)


def test_bins_of_reliability_are_of_equal_mass_and_keep_equal_probabilities_together():
    told, came = trace_reliability(make_ranking(3000))
    assert len(told) == 15 and (np.diff(told) < 0).all()
    assert came == pytest.approx(told, abs=0.1)
    told, came = trace_reliability(Ranking(np.r_[1.0, 0, 0, 0], np.full(4, 0.3)))
    assert (told.tolist(), came.tolist()) == ([pytest.approx(0.3)], [0.25])


def test_every_picture_is_drawn(tmp_path):
    ranking = make_ranking()
    told = {"ours": ranking.probability, "one for all": np.full(2000, 0.2)}
    files = draw_curves(ranking.outcome, told, tmp_path / "figures")
    assert [f.name for f in files] == ["roc.png", "gains.png", "reliability.png", "lift.png"]
    files.append(draw_profit({"ours": ranking}, tmp_path))
    files.append(draw_recall({"ours": np.array([0.2, 0.3, 0.5])}, tmp_path))
    worth = ranking.probability * 100
    files.append(draw_deciles(list_deciles(worth * ranking.outcome, worth / 4), tmp_path))
    halves = np.where(np.arange(2000) < 1000, "one_order", "many_orders")
    rule = {"base_rate": told["one for all"]}
    found = evaluate_segments(ranking.outcome, ranking.probability, rule, halves)
    files.append(draw_segments(found, tmp_path))
    assert all(is_drawn(f) for f in files)


def test_coverage_that_nothing_can_be_said_of_is_left_out(tmp_path):
    waits = Waits(np.r_[np.arange(50.0), np.full(50, np.nan)], np.full(100, 60.0))
    found = cover(waits, np.tile([10.0, 40.0, 90.0], (100, 1)))
    assert found["by_latest"].share is None
    assert is_drawn(draw_coverage(found, tmp_path))
