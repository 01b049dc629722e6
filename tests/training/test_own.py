"""A target of the shop's own: one function in a file, from training to the answer."""

import json

import polars as pl
import pytest

import cli
from contract.bundle import load_bundles
from contract.champions import lay_out_champions
from contract.errors import HistoryError
from contract.flat import nest
from contract.registry import open_registry
from contract.settings import Settings
from training.own import load_targets
from training.targets import TARGETS

RETURNING = '''
from training.targets import HAS_ORDERED, target

@target(HAS_ORDERED, horizon_days=60)
def two_more(orders, orders_365d):
    """A customer who ordered this year places two orders or more within the horizon."""
    return (orders.count() >= 2) & (orders_365d > 0)
'''


@pytest.fixture(autouse=True)
def forget():
    before = dict(TARGETS)
    yield
    TARGETS.clear()
    TARGETS.update(before)


@pytest.fixture
def write(tmp_path):
    def write_it(text):
        file = tmp_path / "own.py"
        file.write_text(text, "utf-8")
        return file

    return write_it


def test_one_function_is_trained_promoted_scored_and_answered(
    write, middle_shop, tmp_path, monkeypatch, capsys
):
    home = tmp_path / "home"
    monkeypatch.setenv("PATRON_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    words = ["--as-of", "2026-11-01", "--target", "two_more", "--targets-from"]
    report = tmp_path / "report.json"
    asked = ["train", str(middle_shop), *words, str(write(RETURNING)), "--report", str(report)]
    assert cli.main(asked) == 0
    told = json.loads(report.read_text())["targets"]["two_more"]
    assert told["meaning"].startswith("A customer who ordered this year places two orders")
    assert told["horizon_days"] == 60
    assert cli.main(["promote"]) == 0
    del TARGETS["two_more"]  # what answers knows nothing of the file
    out = tmp_path / "answers.parquet"
    assert cli.main(["score", str(middle_shop), "--as-of", "2026-11-01", "--out", str(out)]) == 0
    capsys.readouterr()
    answers = pl.read_parquet(out)
    with lay_out_champions(open_registry(Settings(home=home, MLFLOW_TRACKING_URI=""))) as folder:
        assert load_bundles(folder)["two_more"].manifest.horizon_days == 60
    assert answers["two_more_probability"].is_between(0, 1).all()
    row = answers.sort("two_more_probability").to_dicts()[-1]
    answer = nest({**row, "models": ()})
    assert answer.own["two_more"].probability == row["two_more_probability"] > 0.5
    assert answer.own["two_more"].horizon_days == 60
    assert answer.churn is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1", "declares no target"),
        ("raise ValueError('no')", "cannot be run: ValueError: no"),
        (RETURNING.replace("two_more", "churn"), "There is a target churn already"),
        (RETURNING.replace("two_more", "stage"), "An answer has a field stage already"),
        (RETURNING.replace("orders_365d", "luck"), "The target two_more names luck"),
        (RETURNING.replace("_days=60", '_days=60, kind="worth"'), "declares two_more; your own"),
    ],
)
def test_what_is_no_target_is_refused(write, text, told):
    with pytest.raises(HistoryError, match=told):
        load_targets(write(text))
