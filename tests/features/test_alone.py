"""One customer alone is told what a batch tells of them, to the last bit, for every feature."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from contract.tables import Layout, Tables
from features.compute import compute
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from features.told import Act, Line, tell_history

MOMENTS = [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)]
CUSTOMERS = 150
LAYOUT = Layout(timezone="Europe/Berlin", non_goods=("P-0001", "P-0285"))


@pytest.fixture(scope="module")
def frames(small_shop):
    """The shop's tables, where every third order gets a line again some days after it."""
    read = {file.stem: pl.read_parquet(file) for file in small_shop.glob("*.parquet")}
    lines = read["transactions"]
    again = lines.unique("order_id", keep="first", maintain_order=True).gather_every(3)
    shift = pl.duration(days=pl.int_range(pl.len()) % 40)
    again = again.with_columns(ordered_at=pl.col("ordered_at") + shift)
    return {**read, "transactions": pl.concat([lines, again])}


@pytest.fixture(scope="module")
def history(frames):
    return read_history(Tables(frames, LAYOUT))


@pytest.fixture(scope="module")
def norms(history):
    """What is usual in the whole shop, products included, as a bundle holds it."""
    products = history.list_products()
    found = find_norms(history, MOMENTS)
    return {m: one.model_copy(update={"products": products}) for m, one in found.items()}


@pytest.fixture(scope="module")
def places(history):
    """The places of customers, evenly chosen, and of the one of most lines."""
    most = int(np.diff(history.lines.bounds).argmax())
    return sorted({most, *np.linspace(0, len(history) - 1, CUSTOMERS).astype(int).tolist()})


@pytest.fixture(scope="module")
def ids(history, places):
    return [history.ids[place].as_py() for place in places]


def tell_bits(ids, *computed):
    """For each feature the bits of what is told of each of these customers at each moment."""
    bits = {name: {} for name in FEATURES}
    for made in computed:
        keys = zip(made.ids.to_pylist(), made.as_of_us.tolist(), strict=True)
        chosen = [(row, key) for row, key in enumerate(keys) if key[0] in ids]
        for name in FEATURES:
            column = made.columns[name].tolist()
            bits[name] |= {key: column[row].hex() for row, key in chosen}
    return bits


@pytest.fixture(scope="module")
def in_batch(history, norms, ids):
    return tell_bits(ids, compute(history, norms))


@pytest.fixture(scope="module")
def alone(history, norms, places, ids):
    return tell_bits(ids, *(compute(history.block(i, i + 1), norms) for i in places))


def test_there_is_much_to_be_told(in_batch):
    assert len(in_batch["orders_ever"]) > 1.5 * CUSTOMERS
    unknown = {name for name, bits in in_batch.items() if {*bits.values()} == {"nan"}}
    # The invented shop asks nobody, and nobody calls it.
    assert unknown == {"mean_survey", "days_since_survey", "days_since_call"}


@pytest.mark.parametrize("name", FEATURES)
def test_a_history_of_one_customer_says_what_the_batch_says(alone, in_batch, name):
    assert alone[name] == in_batch[name]


@pytest.fixture(scope="module")
def rows(frames, ids):
    """The rows of those customers; of the customers table only when they joined."""
    kept = {name: frames[name].filter(pl.col("customer_id").is_in(ids))
            for name in ("transactions", "interactions", "customers")}  # fmt: skip
    return {**kept, "customers": kept["customers"].select("customer_id", "since")}


@pytest.fixture(scope="module")
def from_tables(rows, frames, norms, ids):
    read = read_history(Tables({**rows, "products": frames["products"]}, LAYOUT))
    return tell_bits(ids, compute(read, norms))


@pytest.fixture(scope="module")
def told(rows, ids, norms):
    """The history of the same rows as a caller tells them, in any order."""
    place = pl.col("customer_id").replace_strict({name: i for i, name in enumerate(ids)})
    at = {
        name: pl.col(name)
        .dt.replace_time_zone(LAYOUT.timezone, ambiguous="earliest")
        .dt.epoch("us")
        for name in ("ordered_at", "occurred_at", "since")
    }
    lines = rows["transactions"].select(
        place, at["ordered_at"], "order_id", "amount", "quantity", "discount", "product_id"
    )
    acts = rows["interactions"].select(
        place, at["occurred_at"], "kind", "channel", "value", "initiated_by"
    )
    since = rows["customers"].sort("customer_id").select(at["since"]).to_series().to_list()
    return tell_history(
        ids,
        [Line(*row) for row in lines.sample(fraction=1, shuffle=True, seed=1).iter_rows()],
        [Act(*row) for row in acts.sample(fraction=1, shuffle=True, seed=2).iter_rows()],
        [],
        since,
        norms[MOMENTS[0]],
    )


@pytest.fixture(scope="module")
def from_rows(told, norms, ids):
    return tell_bits(ids, compute(told, norms))


@pytest.fixture(scope="module")
def from_rows_alone(told, norms, ids):
    return tell_bits(ids, *(compute(told.block(i, i + 1), norms) for i in range(len(told))))


@pytest.mark.parametrize("name", FEATURES)
def test_rows_that_a_caller_tells_say_what_the_same_rows_in_tables_say(
    from_tables, from_rows, from_rows_alone, name
):
    assert from_rows[name] == from_tables[name]
    assert from_rows_alone[name] == from_tables[name]


def test_norms_bring_the_zone_and_what_is_no_goods_to_rows_that_a_caller_tells(norms, told):
    for one in norms.values():
        assert (one.timezone, one.non_goods) == (LAYOUT.timezone, LAYOUT.non_goods)
    assert told.timezone == LAYOUT.timezone
    assert not {*LAYOUT.non_goods} & {*told.names["product"]}


def test_a_customer_told_without_rows_is_known_and_has_nothing(norms):
    moment = MOMENTS[0]
    nobody = tell_history(["c"], [], [], [], [None], norms[moment])
    made = compute(nobody, {moment: norms[moment]})
    assert made.ids.to_pylist() == ["c"]
    for name, feature in FEATURES.items():
        (number,) = made.columns[name]
        assert number == 0 if feature.or_zero else np.isnan(number)
