import numpy as np
import pytest
import xgboost

from contract.forest import Floats, tell_twice
from contract.trees import FEW, LEAST, MOST, SOON, Boosted, rank


def test_a_rank_is_the_share_below_and_half_of_those_alike():
    knots = np.array([[1, 2, 2, 3], [np.nan] * 4], dtype=np.float32)
    rows = np.array([[0, 1], [2, 1], [9, 1], [np.nan, 1]], dtype=np.float32)
    told = rank(rows, knots)
    assert told[:3, 0].tolist() == [0, 0.5, 1]
    assert np.isnan(told[3, 0]) and np.isnan(told[:, 1]).all()


def test_ranks_of_few_rows_are_those_of_many_to_the_bit():
    rng = np.random.default_rng(2)
    knots = np.sort(rng.gamma(1, 9, (30, 64)).round(), axis=1).astype(np.float32)
    rows = rng.gamma(1, 9, (50, 30)).round().astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    alone = np.concatenate([rank(rows[i : i + 1], knots) for i in range(len(rows))])
    assert len(rows) > FEW and np.array_equal(alone, rank(rows, knots), equal_nan=True)


def grow(rows: Floats, **more: object) -> xgboost.Booster:
    """Return trees that know some of the rows' inputs to matter, one by its being known alone."""
    rng = np.random.default_rng(5)
    known = np.nan_to_num(rows[:, 0]) + np.where(np.isnan(rows[:, 1]), 0.5, 0.0)
    outcome = known + rng.normal(0, 0.2, len(rows)) > np.median(known)
    settings = {"objective": "binary:logistic", "max_depth": 4, "seed": 7, "nthread": 1, **more}
    return xgboost.train(settings, xgboost.DMatrix(rows, outcome), 40)


def draw(knots: Floats, number: int) -> Floats:
    """Return rows at, just below, just above and off the knots, and without some."""
    rng = np.random.default_rng(3)
    rows = knots[np.arange(len(knots)), rng.integers(0, knots.shape[1], (number, len(knots)))]
    ways = rng.integers(0, 5, rows.shape)
    beside = [rows, np.nextafter(rows, MOST), np.nextafter(rows, LEAST), rows + 1, rows * np.nan]
    return np.choose(ways, beside).astype(np.float32)


@pytest.mark.parametrize("ranked", [True, False])
def test_the_arrays_say_what_xgboost_says_to_the_bit(ranked: bool) -> None:
    rng = np.random.default_rng(2)
    knots = np.sort(rng.gamma(1, 9, (6, 64)).round(1), axis=1).astype(np.float32)
    knots[4] = np.nan
    learned = draw(knots, 600)
    learned[:, 4] = np.where(rng.random(600) < 0.5, 1.0, np.nan)  # known, but never ranked
    held = knots if ranked else None
    trees = Boosted(grow(rank(learned, knots) if ranked else learned), tuple("abcdef"), held)
    rows = draw(knots, 2 * SOON)
    columns = dict(zip("abcdef", rows.T.astype(np.float64), strict=True))
    read = trees.rows(columns)
    start = np.linspace(-1, 1, len(rows), dtype=np.float32)
    told = trees.booster.inplace_predict(read, predict_type="margin", base_margin=start)
    forest = trees.plain[1]
    assert forest is not None and len(np.unique(told)) > 100
    assert np.array_equal(forest.margin(tell_twice(rows), start), told.astype(np.float64))
    assert np.array_equal(trees.margin(columns, start), told.astype(np.float64))  # by XGBoost


def test_trees_of_another_kind_are_left_to_xgboost() -> None:
    rng = np.random.default_rng(4)
    rows = rng.gamma(1, 9, (300, 3)).astype(np.float32)
    trees = Boosted(grow(rows, booster="dart", rate_drop=0.5), ("a", "b", "c"))
    columns = dict(zip("abc", rows[:5].T.astype(np.float64), strict=True))
    assert trees.plain[1] is None
    told = trees.booster.inplace_predict(rows[:5], predict_type="margin", base_margin=np.zeros(5))
    assert np.array_equal(trees.margin(columns, 0.0), told)
