"""What an order is worth in the truth is what orders come to."""

import numpy as np
import polars as pl
import pytest

from shop.arrays import owners
from shop.baskets import draw_products, draw_tastes, fill_orders
from shop.catalogue import draw_goods
from shop.clock import build_clocks
from shop.orders import Orders
from shop.people import People, draw_people
from shop.plan import Plan
from shop.worth import share_products, value_orders

Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def people() -> People:
    return draw_people(np.random.default_rng(8), 200, build_clocks(Plan(1, 1, 0)))


def test_mean_and_variance_are_those_of_many_orders(people: People) -> None:
    rng, goods = np.random.default_rng(3), draw_goods(3)
    tastes = draw_tastes(rng, 200)
    worth = value_orders(tastes, people.kind, np.ones(200), goods)
    counts = np.full(200, 2_000)
    orders = Orders(owners(counts), np.zeros(400_000))
    lines = fill_orders(rng, people, tastes, orders, goods)
    value = np.bincount(lines.order, lines.amount, 400_000).reshape(200, 2_000)
    error = np.sqrt(worth.variance / 2_000)
    apart = (value.mean(axis=1) - worth.mean) / error
    assert np.abs(apart).max() < 4.5 and apart.std() == pytest.approx(1, abs=0.2)
    ratio = value.var(axis=1) / worth.variance
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert ratio.min() > 0.75 and ratio.max() < 1.4
    assert worth.mean.max() > 5 * worth.mean.min()


def test_shares_of_products_are_those_drawn() -> None:
    rng = np.random.default_rng(1)
    tastes = draw_tastes(rng, 3)
    shares = share_products(tastes, slice(0, 3))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    for who in range(3):
        drawn = draw_products(rng, np.full(300_000, who), tastes)
        counts, expected = np.bincount(drawn, minlength=600), 300_000 * shares[who]
        met = expected > 5
        chi = ((counts - expected)[met] ** 2 / expected[met]).sum()
        assert abs(chi - met.sum()) < 5 * np.sqrt(2 * met.sum())


def test_a_step_up_raises_the_mean_by_its_factor(people: People) -> None:
    tastes, goods = draw_tastes(np.random.default_rng(3), 200), draw_goods(3)
    usual = value_orders(tastes, people.kind, np.ones(200), goods)
    raised = value_orders(tastes, people.kind, np.full(200, 1.6), goods)
    np.testing.assert_allclose(raised.mean, 1.6 * usual.mean, rtol=1e-12)
    assert (raised.variance > 1.6 * usual.variance).all()


def test_the_truth_of_the_tables_is_that_of_their_orders(large: Tables) -> None:
    bought = large["transactions"].filter(pl.col("amount") > 0)
    orders = bought.group_by("customer_id", "order_id").agg(pl.col("amount").sum())
    orders = orders.join(large["truth/customers"], on="customer_id")
    apart = orders["amount"] - orders["expected_order_value"]
    spread = orders["order_value_variance"]
    assert abs(apart.sum()) < 4 * np.sqrt(spread.sum())
    assert (apart**2).mean() == pytest.approx(spread.mean(), rel=0.03)
    by_kind = orders.join(large["customers"], on="customer_id").partition_by("kind")
    assert len(by_kind) == 3
    for part in by_kind:
        apart = part["amount"] - part["expected_order_value"]
        assert abs(apart.sum()) < 4 * np.sqrt(part["order_value_variance"].sum())


def test_what_lies_above_the_own_level_falls_back_to_it(large: Tables) -> None:
    # Without a step up a customer's level never moves, so all of last year's luck is lost.
    year = large["transactions"].filter(
        pl.col("amount") > 0, pl.col("ordered_at") >= pl.datetime(2025, 11, 1)
    )
    own = year.group_by("customer_id").agg(
        own=pl.col("amount").sum() / pl.col("order_id").n_unique()
    )
    truth = large["truth/customers"].join(large["truth/future"], on="customer_id")
    rows = own.join(truth, on="customer_id").filter(pl.col("orders_90d") > 0)
    level = pl.col("expected_order_value")
    for lucky in (pl.col("own") > 1.25 * level, pl.col("own") < 0.8 * level):
        group = rows.filter(lucky)
        assert group.height > 500
        expected = (group["expected_order_value"] * group["orders_90d"]).sum()
        error = np.sqrt((group["order_value_variance"] * group["orders_90d"]).sum())
        assert abs(group["spent_90d"].sum() - expected) < 4 * error
