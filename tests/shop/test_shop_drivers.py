"""What docs/shop.md says drives each target does so, and is measured rightly."""

from pathlib import Path

import polars as pl
import pytest

import cli
from benchmarks.shop_drivers import DRIVERS, OUTCOMES, Driver, measure, rank
from benchmarks.shop_rows import read_targets
from shop import Plan

Rows = dict[str, pl.DataFrame]
UP, DOWN = 1, -1

# The first words of a driver, and which way it moves the outcome.
MOVES = {
    "churn": {
        "a complaint": UP,
        "3 visits or more": UP,
        "regular: silent": UP,
        "uneven: silent": UP,
        "1 or 2 orders": UP,
        "mail last opened": UP,
        "a support ticket": DOWN,
    },
    "next_purchase": {"a visit": UP, "ordered in": UP},
    "cross_sell": {"shoes": UP, "bought of": UP, "8 orders": UP, "(hidden)": UP},
    "up_sell": {"own mean": UP, "2 or 3": UP, "(hidden)": UP},
    "lifetime_value": {
        "8 orders": UP,
        "own mean": UP,
        "reseller": UP,
        "silent": DOWN,  # what a complaint costs shows only in a shop larger than this one
    },
}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return read_targets(tmp_path_factory.mktemp("driven"), Plan(20_000, 24, 3))


def find(target: str, words: str) -> Driver:
    (driver,) = [one for one in DRIVERS[target] if one.name.startswith(words)]
    return driver


@pytest.mark.parametrize(("target", "words"), [(t, w) for t, ways in MOVES.items() for w in ways])
def test_each_driver_moves_its_target_as_told(targets: Rows, target: str, words: str) -> None:
    driver = find(target, words)
    found = measure(targets[target], driver, OUTCOMES[target])
    assert found["number"] > 100
    apart, error = found["shows"] - found["lacks"], found["error"]
    if driver.within:
        apart, error = found["same"], found["same_error"]
    assert MOVES[target][words] * apart > 3 * error


def test_long_silence_says_more_of_the_regular(targets: Rows) -> None:
    regular, uneven = (
        measure(targets["churn"], find("churn", words), "churned")
        for words in ("regular: silent", "uneven: silent")
    )
    error = (regular["error"] ** 2 + uneven["error"] ** 2) ** 0.5
    more = (regular["shows"] - regular["lacks"]) - (uneven["shows"] - uneven["lacks"])
    assert more > 3 * error


def test_being_due_says_something_only_of_the_regular(targets: Rows) -> None:
    due, early = (
        measure(targets["next_purchase"], find("next_purchase", words), "ordered")
        for words in ("regular: silent", "uneven: silent")
    )
    assert due["shows"] > due["lacks"] - 2 * due["error"]
    assert early["shows"] < early["lacks"]


def test_long_visits_foretell_a_rise_only_with_the_step_up(targets: Rows, tmp_path: Path) -> None:
    driver = find("up_sell", "a visit of 10 pages")
    without = measure(targets["up_sell"], driver, "rose")
    stepped = read_targets(tmp_path, Plan(20_000, 24, 3, step_up=True))
    found = measure(stepped["up_sell"], driver, "rose")
    assert abs(without["same"]) < 3 * without["same_error"]
    assert found["same"] > 3 * found["same_error"]


def test_a_difference_within_cells_by_hand() -> None:
    rows = pl.DataFrame(
        {
            # Two cells: one order and silent for 5 days, 20 orders and silent for 5 days.
            "orders_365d": [1, 1, 1, 1, 20, 20, 20, 20, 20, 20],
            "days_since_order": [5] * 10,
            "shown": [1, 1, 0, 0, 1, 1, 1, 1, 0, 0],
            "y": [1, 0, 0, 0, 1, 1, 1, 1, 1, 0],
        }
    )
    driver = Driver("shown", pl.col("shown") == 1, pl.col("shown") == 0)
    found = measure(rows, driver, "y")
    assert found["number"] == 6
    assert found["shows"] == pytest.approx(5 / 6) and found["lacks"] == pytest.approx(1 / 4)
    # 2 in a cell where it makes .5 - 0, 4 in one where it makes 1 - .5: half in both.
    assert found["same"] == pytest.approx(0.5)
    # Variances over n: .25 for the pairs that differ, 0 for those that agree.
    assert found["same_error"] == pytest.approx(((1 / 3) ** 2 * 0.25 + (2 / 3) ** 2 * 0.25) ** 0.5)


def test_ranks_by_hand() -> None:
    rows = pl.DataFrame({"x": [1, 2, 3, 4], "y": [0, 1, 0, 1], "spent_365d": [1, 2, 4, 3]})
    assert rank(rows, pl.col("x"), "y") == 0.75  # three of four pairs are in order
    assert rank(rows, pl.col("x"), "spent_365d") == pytest.approx(0.8)


def test_the_front_door_passes_the_switches_on(tmp_path: Path) -> None:
    words = ["shop", "--customers", "30", "--months", "2", "--seed", "1", "--out"]
    plain, alike, flat, stepped = (tmp_path / name for name in ("a", "b", "c", "d"))
    assert cli.main([*words, str(plain)]) == 0
    assert cli.main([*words, str(alike), "--no-signal"]) == 0
    assert cli.main([*words, str(flat), "--no-season"]) == 0
    assert cli.main([*words, str(stepped), "--step-up"]) == 0
    rates = pl.read_parquet(alike / "truth/customers.parquet")["order_rate"]
    assert (rates == 0.008).all()
    texts = [(folder / "truth/plan.json").read_text() for folder in (plain, alike, flat, stepped)]
    assert len(set(texts)) == 4
    assert cli.main([*words, str(tmp_path / "e"), "--no-signal", "--step-up"]) == 1
