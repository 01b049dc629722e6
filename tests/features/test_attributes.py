"""A shop's own attributes of its customers, as they were said at the moment, counted by hand."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contract.norms import Norms
from contract.tables import Layout, Tables
from features.compute import compute
from features.dictionary import FEATURES, describe, find_feature, fingerprint, list_features
from features.gather import read_history
from features.history import History
from features.leaks import find_aware, find_leaks
from features.norms import find_norms
from features.told import Entry, tell_history
from features.write import write_features

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
KINDS = {"region": "text", "household_size": "number"}
LAYOUT = Layout(attributes=KINDS)
NAMES = ("attribute_region", "attribute_household_size")
NORMS = Norms(
    as_of=AS_OF, attributes=KINDS, vocabulary={"attribute_region": ("north", "south", "west")}
)


def ago(age):
    return AS_OF - (age if isinstance(age, timedelta) else timedelta(days=age))


def entry(age, region="north", household_size=2.0, customer="c"):
    valid_from = None if age is None else ago(age)
    told = {"region": region, "household_size": household_size, "valid_from": valid_from}
    return {"customer_id": customer, **told}


def order(customer="c"):
    at = ago(3)
    return {"customer_id": customer, "order_id": customer, "ordered_at": at, "amount": 1.0}


@pytest.fixture
def told(open_history):
    """What is told of customer c, alone and between others, which is the same."""

    def compute_both(*entries, as_of=AS_OF, norms=NORMS, layout=LAYOUT):
        beside = [entry(9, "west", 7.0, customer) for customer in ("b", "d")]
        alone = open_history(layout, transactions=[order()], customers=list(entries))
        orders = [order(customer) for customer in "bcd"]
        among = open_history(layout, transactions=orders, customers=[*entries, *beside])
        rows = [compute(h, {as_of: norms}, NAMES).to_arrow().to_pylist() for h in (alone, among)]
        one, other = ([row[name] for name in NAMES] for row in (rows[0][0], rows[1][1]))
        assert one == other
        return tuple(one)

    return compute_both


# The last entry is not valid yet.
ENTRIES = [entry(300, "south", 3.0), entry(100, "west", -4.5), entry(-10, "north", 1.0)]


@pytest.mark.parametrize(
    ("age", "expected"),
    [(301, (None, None)), (300, (None, None)), (299, (2, 3)), (100, (2, 3)), (99, (3, -4.5)),
     (0, (3, -4.5)), (-10, (3, -4.5)), (-11, (1, 1))],
)  # fmt: skip
def test_an_attribute_is_what_was_said_of_it_at_the_moment(told, age, expected):
    assert told(*ENTRIES, as_of=ago(age)) == expected
    assert told(*ENTRIES[::-1], as_of=ago(age)) == expected


@pytest.mark.parametrize(("age", "expected"), [(0, (1, 2)), (MICRO, (2, 5))])
def test_an_entry_is_used_from_strictly_before_the_moment_on(told, age, expected):
    assert told(entry(300), entry(age, "south", 5.0)) == expected


def test_an_attribute_without_the_time_from_which_it_holds_is_not_used(told):
    assert told(entry(None)) == (None, None)
    assert told(entry(None, "south", 9.0), entry(300)) == (1, 2)


@pytest.mark.parametrize("region", [None, "", "east", "North"])
def test_no_text_or_one_that_was_not_known_in_training_is_null(told, region):
    assert told(entry(9, region)) == (None, 2)


@pytest.mark.parametrize("size", [None, np.nan, np.inf, 1.1e9, -1e300])
def test_no_number_or_one_that_cannot_be_is_null(told, size):
    assert told(entry(9, household_size=size)) == (1, None)


@pytest.mark.parametrize("size", [0.0, 0.1, -1e9, 5e-324, 123456789.12345679])
def test_a_number_keeps_every_bit(told, size):
    assert told(entry(9, household_size=size))[1] == size


def test_an_entry_without_a_value_says_that_none_is_known_from_then_on(told):
    assert told(entry(300), entry(100, None, None)) == (None, None)


def test_of_two_entries_of_one_instant_the_later_in_order_counts_whatever_comes_first(told):
    one, other = entry(9, "north", None), entry(9, "north", 4.0)
    assert told(one, other) == told(other, one) == (1, 4)
    one, other = entry(9, "south", None), entry(9, "north", 4.0)
    assert told(one, other) == told(other, one) == (2, None)


def test_norms_that_do_not_know_an_attribute_or_know_it_otherwise_give_null(told):
    assert told(entry(9), norms=Norms(as_of=AS_OF)) == (None, None)
    swapped = {"region": "number", "household_size": "text"}
    assert told(entry(9), norms=NORMS.model_copy(update={"attributes": swapped})) == (None, None)
    assert told(entry(9), norms=Norms(as_of=AS_OF, attributes=KINDS)) == (None, 2)


def test_a_history_that_lacks_an_attribute_gives_null(told):
    assert told(entry(9), layout=Layout()) == (None, None)
    assert told(entry(9), layout=Layout(attributes={"region": "text"})) == (1, None)


def test_a_mapped_column_is_the_attribute(told):
    layout = Layout(attributes=KINDS, columns={"customers": {"region": "Area 1"}})
    assert told(entry(9, "south") | {"Area 1": "west"}, layout=layout) == (3, 2)


def test_no_other_feature_changes_with_the_attributes(open_history):
    tables = {"transactions": [order()], "customers": ENTRIES}
    plain, own = (open_history(layout, **tables) for layout in (Layout(), LAYOUT))
    made = [compute(h, {AS_OF: NORMS}, FEATURES).to_arrow() for h in (plain, own)]
    assert made[0].equals(made[1])


def test_a_history_says_which_attributes_it_has_and_all_its_features_are_computed(open_history):
    history = open_history(LAYOUT, transactions=[order()], customers=ENTRIES)
    assert history.attributes == history.block(0, 1).attributes == KINDS
    assert tuple(compute(history, {AS_OF: NORMS}).columns) == (*FEATURES, *NAMES)
    plain = open_history(transactions=[order()], customers=ENTRIES)
    assert plain.attributes == {}
    assert tuple(compute(plain, {AS_OF: NORMS}).columns) == tuple(FEATURES)


def test_the_file_of_features_has_the_attributes(open_history, tmp_path):
    history = open_history(LAYOUT, transactions=[order()], customers=ENTRIES)
    write_features(history, [AS_OF], tmp_path / "features.parquet")
    frame = pl.read_parquet(tmp_path / "features.parquet")
    assert frame.columns == ["customer_id", "as_of", *FEATURES, *NAMES]
    assert frame.select(NAMES).rows() == [(2, -4.5)]  # equally common: south comes before west


def test_ranks_are_by_how_many_customers_have_had_a_value_before_the_moment(open_history):
    rows = [entry(days, "often told", customer="c") for days in range(10, 90)]
    rows += [entry(50, "of two", customer=customer) for customer in "cd"]
    rows += [entry(-1, "later", customer=customer) for customer in "bcd"]
    rows += [entry(None, "undated", customer=customer) for customer in "bcd"]
    history = open_history(LAYOUT, transactions=[order(c) for c in "bcd"], customers=rows)
    norms = find_norms(history, [AS_OF])[AS_OF]
    assert norms.attributes == KINDS
    assert norms.vocabulary["attribute_region"] == ("of two", "often told")
    assert "attribute_household_size" not in norms.vocabulary


def test_an_attribute_that_nobody_has_changes_nothing(open_history):
    rows = [{"customer_id": "c", "region": None, "household_size": None, "valid_from": ago(9)}]
    history = open_history(LAYOUT, transactions=[order()], customers=rows)
    norms = find_norms(history, [AS_OF])
    assert norms[AS_OF].vocabulary["attribute_region"] == ()
    assert [n.tolist() for n in compute(history, norms, NAMES).columns.values()] == [
        pytest.approx([np.nan], nan_ok=True)
    ] * 2


REGIONS = ["north", "south", "west", "far", None]


@pytest.fixture(scope="module")
def shop(small_shop):
    """The small shop, whose customers have some entries each: told late, twice, or not at all."""
    draw = random.Random(5)
    frames = {file.stem: pl.read_parquet(file) for file in small_shop.glob("*.parquet")}
    rows = [
        {"customer_id": f"C-{n:06}", "region": draw.choice(REGIONS),
         "household_size": draw.choice([None, 0.1 * draw.randrange(90)]),
         "valid_from": datetime(2025, 7, 1) + timedelta(hours=draw.randrange(9000))}
        for n in range(1, 401)
        for _ in range(draw.randrange(4))
    ]  # fmt: skip
    more = pl.DataFrame(rows, schema_overrides={"valid_from": pl.Datetime("us")})
    both = pl.concat([frames["customers"], more], how="diagonal")
    return {**frames, "customers": both}


MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)]


def read(shop, engine="polars"):
    return read_history(Tables(shop, LAYOUT), engine)


def test_engines_shuffled_rows_and_a_customer_alone_agree_to_the_bit(shop):
    polars = read(shop)
    norms = find_norms(polars, MOMENTS)
    whole = compute(polars, norms, NAMES)
    mixed = {name: t.sample(fraction=1, shuffle=True, seed=3) for name, t in shop.items()}
    for other in (read(shop, "duckdb"), read(mixed)):
        assert find_norms(other, MOMENTS) == norms
        assert compute(other, norms, NAMES).to_arrow().equals(whole.to_arrow())
    told = pl.DataFrame(whole.to_arrow())
    assert told["attribute_region"].n_unique() == 5
    assert told["attribute_household_size"].n_unique() > 50
    for place in range(0, len(polars), 7):
        one = pl.DataFrame(compute(polars.block(place, place + 1), norms, NAMES).to_arrow())
        same = told.filter(pl.col("customer_id") == polars.ids[place].as_py())
        assert one.equals(same)


def test_what_a_caller_tells_is_what_the_same_entries_in_a_table_say(shop):
    rows = shop["customers"].filter(pl.col("valid_from").is_not_null())
    ids = rows["customer_id"].unique().sort().to_list()
    at = pl.col("valid_from").dt.epoch("us")
    entries = [
        Entry(ids.index(customer), at_us, country, kind, {"region": r, "household_size": size})
        for customer, at_us, country, kind, r, size in rows.select(
            "customer_id", at, "country", "kind", *KINDS
        ).iter_rows()
    ]
    history = read(shop)
    norms = find_norms(history, MOMENTS)
    caller = tell_history(ids, [], [], entries, [None] * len(ids), norms[MOMENTS[0]])
    assert isinstance(caller, History) and caller.attributes == KINDS
    made, told = (pl.DataFrame(compute(h, norms, NAMES).to_arrow()) for h in (history, caller))
    keys = ["customer_id", "as_of_us"]
    assert made.join(told, keys, "semi").equals(told.join(made, keys, "semi"))
    assert told.join(made, keys, "semi").height > 500


def test_the_gate_looks_at_attributes_and_sees_one_that_knows_the_future(shop, monkeypatch):
    history = read(shop)
    norms = find_norms(history, MOMENTS)[MOMENTS[1]]
    assert {*NAMES} <= find_aware(history, MOMENTS[1], norms)
    assert find_leaks(history, MOMENTS[1], norms) == []
    from features import sources

    make = sources.SOURCES["entries"]

    def make_timeless(history):
        source = make(history)
        source.at_us = 0 * source.at_us
        return source

    monkeypatch.setitem(sources.SOURCES, "entries", make_timeless)
    assert {leak.feature for leak in find_leaks(history, MOMENTS[1], norms)} == {*NAMES}


def test_a_future_entry_in_the_table_changes_nothing(shop):
    norms = find_norms(read(shop), MOMENTS)
    late = [
        {"customer_id": f"C-{n:06}", "region": "far", "household_size": 99.0,
         "valid_from": MOMENTS[1].replace(tzinfo=None)} for n in range(1, 401)
    ]  # fmt: skip
    more = pl.DataFrame(late, schema_overrides={"valid_from": pl.Datetime("us")})
    customers = pl.concat([shop["customers"], more], how="diagonal")
    poisoned = read({**shop, "customers": customers})
    assert find_norms(poisoned, MOMENTS) == norms
    made = [compute(h, norms, NAMES).to_arrow() for h in (read(shop), poisoned)]
    assert made[0].equals(made[1])


def test_an_attribute_has_an_entry_in_the_dictionary():
    feature = find_feature("attribute_spend_90d")
    assert (feature.room, feature.sources, feature.features) == ("profile", ("entries",), ())
    (entry,) = describe(("attribute_spend_90d",))
    assert entry == {
        "name": "attribute_spend_90d",
        "meaning": "The shop's own attribute, a text as its rank, 1 the commonest.",
        "unit": "number, or rank",
        "made_of": "entries, norms",
        "window": "",
        "missing": "null without one known",
        "method": "",
    }
    assert fingerprint(("attribute_a",)) != fingerprint(("attribute_b",))
    assert list_features(KINDS) == (*FEATURES, *NAMES)
    assert not [name for name in FEATURES if name.startswith("attribute")]
    assert find_feature("orders_7d") is FEATURES["orders_7d"]
    with pytest.raises(KeyError):
        find_feature("orders_17d")
