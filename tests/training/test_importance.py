"""What moves a boosted model's answers: by XGBoost's own Shapley values, and drawn."""

import itertools
import math

import numpy as np
import pytest
import xgboost
from matplotlib.image import imread

from contract.trees import Boosted
from tests.training.versions import make_bundle
from training.importance import SAMPLE, draw_importance, explain, find_boosted

INPUTS = ("silence", "orders", "noise")


@pytest.fixture(scope="module")
def columns():
    draw = np.random.default_rng(3)
    made = {name: draw.gamma(2.0, 10.0, 5000) for name in INPUTS}
    made["orders"][draw.random(5000) < 0.2] = np.nan
    return made


@pytest.fixture(scope="module")
def model(columns):
    """Two trees that ask of silence and orders only, the effect of one hanging on the other."""
    silent = columns["silence"] > 20
    outcome = (silent & ~(columns["orders"] > 25)).astype(float)
    rows = np.stack([columns[n] for n in INPUTS], axis=1).astype(np.float32)
    words = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1, "seed": 1}
    return Boosted(xgboost.train(words, xgboost.DMatrix(rows, outcome), 2), INPUTS)


def test_the_effects_and_the_mean_of_the_trees_make_the_answer(model, columns):
    effects = explain(model, columns)
    assert effects.shape == (5000, 3)
    rest = model.margin(columns, 0.3) - effects.sum(axis=1)
    assert rest == pytest.approx(np.full(5000, rest[0]), abs=1e-5)
    assert not effects[:, 2].any()  # what the trees do not ask


def test_the_effects_are_shapley_values(model):
    """Averaged over all orders of telling the features, by the trees' own covers."""
    trees = model.booster.trees_to_dataframe()
    row = {"f0": 30.0, "f1": math.nan, "f2": 5.0}
    told = explain(model, {n: np.array([v]) for n, v in zip(INPUTS, row.values(), strict=True)})[0]

    def expect(known):
        by_tree = [part.set_index("ID") for _, part in trees.groupby("Tree")]
        return sum(walk(tree, tree.index[0], known) for tree in by_tree)

    def walk(tree, place, known):
        node = tree.loc[place]
        if node["Feature"] == "Leaf":
            return node["Gain"]
        if node["Feature"] in known:
            value = row[node["Feature"]]
            way = "Missing" if math.isnan(value) else "Yes" if value < node["Split"] else "No"
            return walk(tree, node[way], known)
        ways = [(tree.loc[node[way], "Cover"], node[way]) for way in ("Yes", "No")]
        return sum(c * walk(tree, to, known) for c, to in ways) / sum(c for c, _ in ways)

    shapley = dict.fromkeys(row, 0.0)
    for order in itertools.permutations(row):
        for i, name in enumerate(order):
            shapley[name] += (expect(order[: i + 1]) - expect(order[:i])) / 6
    assert told.tolist() == pytest.approx(list(shapley.values()), abs=1e-5)
    assert shapley["f0"] > 0.1


def test_the_pictures_show_what_moves_answers(model, columns, tmp_path):
    files = draw_importance(model, columns, tmp_path / "figures")
    assert [f.name for f in files] == ["importance.png", "shap.png"]
    assert len(columns["silence"]) > SAMPLE
    blue = np.array([0x2C, 0x6F, 0xBB]) / 255
    bars, dots = (np.abs(imread(f)[..., :3] - blue).max(axis=2) < 0.02 for f in files)
    lengths = [len(np.unique(np.nonzero(half)[1])) for half in np.array_split(bars, 2)]
    assert lengths[0] > lengths[1] > 20  # two bars, the longer above: noise has none
    assert dots.any()
    again = draw_importance(model, columns, tmp_path / "again")
    assert [f.read_bytes() for f in again] == [f.read_bytes() for f in files]


def test_an_input_that_is_never_known_can_be_drawn(model, columns, tmp_path):
    unknown = np.full(len(columns["noise"]), np.nan)
    files = draw_importance(model, {**columns, "orders": unknown}, tmp_path)
    assert all(f.stat().st_size > 5000 for f in files)


def test_only_trees_are_drawn(tmp_path):
    assert find_boosted(make_bundle(tmp_path / "a")).inputs
    assert find_boosted(make_bundle(tmp_path / "b", "next_purchase")) is None
