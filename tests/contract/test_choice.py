"""The shelf of a bundle: whole, read back as it was written, and the best of it picked."""

import numpy as np
import pytest
from pydantic import ValidationError

from contract.bundle import load_bundle, save_bundle
from contract.choice import USUAL, Offer, Shelf, pick_best
from contract.errors import BundleError
from contract.models import log_odds
from tests.serving.choices import make_choice


@pytest.fixture
def bundle(tmp_path):
    return save_bundle(make_choice(), tmp_path / "bundle")


def test_a_bundle_with_a_shelf_is_read_back_as_it_was_written(bundle):
    assert bundle.shelf == make_choice().shelf
    assert "shelf.json" in bundle.manifest.files


def test_a_changed_shelf_is_refused(bundle, tmp_path):
    file = tmp_path / "bundle" / "shelf.json"
    file.write_text(file.read_text().replace("hats", "caps"))
    with pytest.raises(
        BundleError, match=r"shelf.json in the bundle of cross_sell is not the file"
    ):
        load_bundle(tmp_path / "bundle")


def test_a_shelf_that_says_too_little_is_none():
    told = make_choice().shelf.model_dump()
    with pytest.raises(ValidationError, match="one thing of each category"):
        Shelf.model_validate({**told, "usual": told["usual"][:-1]})
    with pytest.raises(ValidationError, match="one thing of each category"):
        Shelf.model_validate({**told, "lift": [row[:-1] for row in told["lift"]]})


def test_a_look_back_of_no_day_is_no_offer():
    with pytest.raises(ValidationError, match="look_back_days"):
        Offer(look_back_days=0)


def test_it_reads_features_of_customers_and_is_asked_by_pairs(bundle):
    assert bundle.reads == ("orders_ever", "days_since_order")
    assert bundle.frame == ("own_rate", "lift_mean", USUAL)


def test_a_pair_is_told_from_the_usual_share_of_its_category_on(bundle):
    columns = {USUAL: np.array([0.2, 0.1]), "lift_mean": np.zeros(2), "own_rate": np.zeros(2)}
    fit = bundle.manifest.calibration
    # Nothing is known but the usual share, and the model's own constant beyond it.
    expected = log_odds(columns[USUAL]) + fit.intercept + fit.slope * bundle.model.intercept
    assert log_odds(bundle.probability(columns)) == pytest.approx(expected)


def test_the_best_are_picked_and_equals_in_the_order_of_the_shelf():
    none = -np.inf
    told = np.array([[0.1, 0.3, 0.2], [0.2, 0.2, none], [none, none, none]])
    assert pick_best(told, 2).tolist() == [[1, 2], [0, 1], [-1, -1]]
    assert pick_best(told, 5).tolist() == [[1, 2, 0], [0, 1, -1], [-1, -1, -1]]
