import numpy as np

from contract.trees import FEW, rank


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
