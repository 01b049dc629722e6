"""What is planted in the invented shop, and nothing else, is found, and told as likely as it is."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from benchmarks.planted import foretell
from benchmarks.shop_drivers import DRIVERS, OUTCOMES, measure
from benchmarks.shop_rows import read_targets
from contract.errors import GateError
from contract.registry import open_registry
from contract.tables import find_tables
from features.compute import compute
from features.gather import read_history
from serving.reasons.explain import rank_reasons
from serving.reasons.groups import GROUPS
from serving.scorer import Scorer
from shop import Plan, make_shop
from training.importance import explain, find_boosted
from training.learn import learn
from training.learned import Asked
from training.targets import TARGETS
from training.tracking import open_experiment, record

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = Asked(lambda step: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An invented shop's history, and the rows of each target with the truth and what came."""
    folder = tmp_path_factory.mktemp("planted")
    rows = read_targets(folder, Plan(customers=5000, months=24, seed=3))
    return read_history(find_tables(str(folder))), rows


@pytest.fixture(scope="module")
def planted(made):
    """Churn learned on the shop, its history, and what came beside what was foretold."""
    history, rows = made[0], made[1]["churn"]
    learned = learn(history, TARGETS["churn"].over(90), AS_OF, QUIET)
    told = pl.from_arrow(Scorer({"churn": learned.bundle}).score(history, AS_OF))
    orders = pl.when("true_alive").then("true_p_order_90d").otherwise(0.0)
    return history, learned, rows.join(told, on="customer_id").with_columns(planted=1 - orders)


@pytest.fixture(scope="module")
def foretold(planted):
    return planted[2]


def test_probabilities_are_the_planted_ones_neither_bolder_nor_shyer(foretold):
    told, planted = (foretold[n].to_numpy() for n in ("churn_probability", "planted"))
    assert len(told) > 3000
    slope, start = np.polyfit(told, planted, 1)
    assert 0.9 <= slope <= 1.1
    assert abs(start) < 0.1


def test_the_planted_probability_is_found_better_than_silence_finds_it(foretold):
    def error(column):
        return float((foretold[column] - foretold["planted"]).pow(2).mean())

    assert error("churn_probability") < 0.85 * error("churn_baseline")


def test_customers_who_left_are_ranked_above_those_who_stay(foretold):
    left, alive = (
        foretold.filter(pl.col("true_alive") == alive)["churn_probability"].to_numpy()
        for alive in (False, True)
    )
    assert min(len(left), len(alive)) > 300
    assert (left[:, None] > alive[None, :]).mean() > 0.85


def test_a_high_band_churns_more_often_than_a_medium_and_that_than_a_low(foretold):
    shares = dict(foretold.group_by("churn_band").agg(pl.col("churned").mean()).rows())
    assert shares["high"] > 0.9
    assert shares["high"] > shares["medium"] + 0.1 > shares["low"] + 0.3


@pytest.mark.parametrize("driver", DRIVERS["churn"], ids=lambda d: d.name)
def test_each_planted_driver_moves_the_probability_as_it_moves_customers(foretold, driver):
    """Within four standard errors of what came, and by what is told beyond count and silence."""
    came, told = (measure(foretold, driver, n) for n in (OUTCOMES["churn"], "churn_probability"))
    assert came["number"] > 30
    apart = {n: found["shows"] - found["lacks"] for n, found in (("came", came), ("told", told))}
    assert apart["told"] == pytest.approx(apart["came"], abs=0.03 + 4 * came["error"])
    if driver.within:
        assert told["same"] == pytest.approx(came["same"], abs=0.03 + 4 * came["same_error"])
        assert np.sign(told["same"]) == np.sign(came["same"]) != 0


def test_worths_are_the_planted_ones(made):
    history, rows = made
    told, planted, _ = foretell(history, "lifetime_value", rows["lifetime_value"])
    assert 0.9 <= np.polyfit(told, planted, 1)[0] <= 1.1
    assert np.corrcoef(told, planted)[0, 1] > 0.85


def test_chances_of_a_first_order_in_a_category_are_as_far_apart_as_planted(made):
    """Their level hangs on the season, which a shop of two years has seen once before."""
    history, rows = made
    told, planted, _ = foretell(history, "cross_sell", rows["cross_sell"])
    level = told.mean() / planted.mean()
    assert 0.9 <= level * np.polyfit(told, planted, 1)[0] <= 1.1
    assert level == pytest.approx(1, abs=0.15)


SIGNS = {
    "plain_complaints_90d": +1,  # 35 % of those who leave complain before
    "visits_30d": -1,  # visits fade before leaving
    "orders_180d": -1,
    "order_probability_90d": -1,
    "days_since_order": +1,
}


@pytest.fixture(scope="module")
def effects(planted):
    """What each feature adds to the trees' log-odds of each active customer, and its value."""
    history, learned, _ = planted
    trees = find_boosted(learned.bundle)
    columns = compute(history, {AS_OF: learned.bundle.norms}, learned.bundle.reads).columns
    active = columns["days_since_order"] <= 365
    columns = {name: column[active] for name, column in columns.items()}
    return dict(zip(trees.inputs, explain(trees, columns).T, strict=True)), columns


@pytest.mark.parametrize(("feature", "sign"), SIGNS.items(), ids=list(SIGNS))
def test_a_reason_points_the_way_it_was_planted(effects, feature, sign):
    told, columns = effects
    known = ~np.isnan(columns[feature])
    assert sign * np.corrcoef(told[feature][known], columns[feature][known])[0, 1] > 0.3


def test_reasons_are_ranked_as_planted(effects):
    weight = {name: float(np.abs(effect).mean()) for name, effect in effects[0].items()}
    top = sorted(weight, key=weight.__getitem__, reverse=True)[:10]
    rhythm = ("order", "silence", "lateness", "orders_")
    assert any(name.startswith(rhythm) for name in top)
    assert any("visit" in name for name in top)
    # What has no part in leaving: where customers live, what they buy, how they write.
    idle = ("country", "kind", "favourite_category", "click_rate", "app_share", "mean_items")
    assert max(weight.get(name, 0.0) for name in idle) < 0.1 * weight[top[0]]
    assert weight["plain_complaints_90d"] > 3 * max(weight.get(name, 0.0) for name in idle)


@pytest.fixture(scope="module")
def told(planted):
    """What each group of features adds to each active customer's churn, and their features."""
    history, learned, _ = planted
    scorer = Scorer({"churn": learned.bundle})
    _, ((_, explained, ranking),) = rank_reasons(
        scorer, history, (AS_OF, ["churn"]), most=len(GROUPS)
    )
    size = len(explained.customers)
    added, place = ({g: np.full(size, start) for g in ranking.groups} for start in (0.0, np.inf))
    for number in range(ranking.group.shape[1]):
        for own, group in enumerate(ranking.groups):
            rows = ranking.group[:, number] == own
            added[group][rows] = ranking.added[rows, number]
            place[group][rows] = number
    columns = compute(history, {AS_OF: learned.bundle.norms}).columns
    return added, place, {name: column[explained.customers] for name, column in columns.items()}


def test_who_complained_is_told_so_first(told):
    added, place, columns = told
    complained = columns["plain_complaints_30d"] >= 1
    assert complained.sum() > 40
    assert (place["complaints"][complained] < 3).mean() > 0.9
    assert (added["complaints"][complained] > 0).mean() > 0.95
    means = {group: float(np.abs(own[complained]).mean()) for group, own in added.items()}
    assert max(means, key=means.__getitem__) == "complaints"
    quiet = columns["complaints_365d"] == 0
    assert (place["complaints"][quiet] < 3).mean() < 0.05


@pytest.mark.parametrize(
    ("group", "shows", "lacks"),
    [
        ("visits", lambda c: (c["visits_90d"] >= 3) & (c["visits_30d"] == 0),
         lambda c: (c["visits_90d"] - c["visits_30d"] >= 3) & (c["visits_30d"] >= 1)),
        ("silence", lambda c: (c["orders_ever"] >= 6) & (c["irregularity"] <= 0.6)
         & (c["lateness"] >= 2) & (c["lateness"] <= 4),
         lambda c: (c["orders_ever"] >= 6) & (c["irregularity"] <= 0.6) & (c["lateness"] < 1)),
        ("order_count", lambda c: c["orders_365d"] <= 2, lambda c: c["orders_365d"] >= 8),
    ],
    ids=["visits that faded", "late by an even rhythm", "few orders"],
)  # fmt: skip
def test_the_group_of_a_planted_driver_tells_who_shows_it_from_who_lacks_it(
    told, group, shows, lacks
):
    added, _, columns = told
    with np.errstate(invalid="ignore"):
        with_it, without = added[group][shows(columns)], added[group][lacks(columns)]
    assert min(len(with_it), len(without)) > 20
    assert with_it.mean() > without.mean() + 0.2


def test_groups_that_have_no_part_in_leaving_are_weak_reasons(told):
    means = {group: float(np.abs(own).mean()) for group, own in told[0].items()}
    whole = sum(means.values())
    idle = ("profile", "returns", "shopping_hours", "season")
    assert max(means[group] for group in idle) < 0.03 * whole
    first = sorted(means, key=means.__getitem__, reverse=True)[:3]
    assert {"visits", "expectation"} <= set(first)


def test_where_nothing_foretells_an_order_the_grade_is_c_and_nothing_is_promoted(
    tmp_path, new_home
):
    make_shop(tmp_path, Plan(customers=2500, months=24, seed=3, signal=False))
    history = read_history(find_tables(str(tmp_path)))
    learned = learn(history, TARGETS["churn"].over(90), AS_OF, QUIET)
    assert learned.report["rung"] == "full_model"
    assert learned.report["grade"]["letter"] == "C"
    assert [r for r in learned.verdict.reasons if r.startswith("signal: log loss gain")]
    settings = new_home()
    registry = open_registry(settings)
    open_experiment(settings)
    record(learned, registry)
    with pytest.raises(GateError, match="The gate refused patron-churn version 1: signal"):
        registry.promote("churn")
    assert registry.list_targets("champion") == []
