"""Every feature is the same on each engine, in any order, alone or not, and blind to the future."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from contract.moments import as_micros
from contract.presets import PRESETS
from contract.tables import Tables, find_tables
from features.compute import compute
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms

KEYS = ["customer_id", "as_of_us"]
TIMES = {
    "transactions": ["ordered_at"],
    "interactions": ["occurred_at"],
    "customers": ["since", "valid_from"],
}
MICRO = timedelta(microseconds=1)

AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
MOMENTS = {
    "small_shop": [datetime(2025, 9, 1, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC), AS_OF],
    "online_retail_ii": [datetime(2010, 12, 1, tzinfo=UTC), datetime(2011, 6, 1, tzinfo=UTC)],
    "completejourney": [datetime(2017, 6, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)],
}


ENGINES = ["polars", "duckdb"]  # Spark's parity is in tests/features/test_spark.py


def features(history, moments, norms=None):
    known = norms or find_norms(history, moments)
    return pl.from_arrow(compute(history, known).to_arrow())


def differing(left, right, relative=0.0):
    """The names of the features that differ, each with how often; nothing where all are equal."""
    assert left.select(KEYS).equals(right.select(KEYS)), "the customers differ"
    found = {name: count_unlike(left[name], right[name], relative) for name in FEATURES}
    return {name: unlike for name, unlike in found.items() if unlike}


def count_unlike(left, right, relative):
    pair = pl.DataFrame({"a": left, "b": right})
    a, b = pl.col("a"), pl.col("b")
    near = (a - b).abs() <= relative * pl.max_horizontal(a.abs(), b.abs())
    same = near.fill_null(False) | a.eq_missing(b)
    return pair.filter(~same).height


@pytest.fixture(scope="session")
def sources(small_shop):
    return {t: pl.read_parquet(small_shop / f"{t}.parquet") for t in (*TIMES, "products")}


@pytest.fixture(scope="module")
def norms(sources, engine):
    return find_norms(read_history(Tables(sources), engine), [AS_OF])


@pytest.fixture(scope="module")
def whole(sources, engine, norms):
    return features(read_history(Tables(sources), engine), [AS_OF], norms)


@pytest.fixture(scope="module")
def recomputed(engine, norms):
    """The features of changed tables, by the norms of the unchanged."""
    return lambda changed: features(read_history(Tables(changed), engine), [AS_OF], norms)


@pytest.mark.parametrize("shop", MOMENTS)
def test_engines_agree_on_every_feature(shop, request):
    real = shop in PRESETS
    folder = request.getfixturevalue("shared_data") / shop if real else None
    folder = folder or request.getfixturevalue("small_shop")
    tables = find_tables(str(folder), shop if real else None)
    polars, duckdb = (features(read_history(tables, e), MOMENTS[shop]) for e in ENGINES)
    assert polars["as_of_us"].n_unique() == len(MOMENTS[shop])
    assert differing(polars, duckdb) == {}
    assert not [name for name in FEATURES if polars[name].is_nan().any()]


# What the invented shop never tells, or tells of everyone alike.
ALIKE = {"calls_90d", "calls_365d", "days_since_call", "mean_survey", "days_since_survey",
         "coupons_redeemed_90d", "coupons_redeemed_365d", "profile_changes"}  # fmt: skip


def test_no_feature_is_the_same_for_all(whole):
    assert whole.height > 300
    assert {name for name in FEATURES if whole[name].n_unique() == 1} == ALIKE


def test_many_moments_in_one_pass_equal_a_loop(sources, engine):
    history = read_history(Tables(sources), engine)
    norms = find_norms(history, MOMENTS["small_shop"])
    loop = pl.concat([features(history, [m], {m: known}) for m, known in norms.items()])
    assert differing(features(history, [], norms), loop) == {}


def test_a_customer_alone_equals_the_batch_to_the_bit(sources, whole, recomputed):
    chosen = whole["customer_id"].gather_every(whole.height // 20).head(20).to_list()
    assert len(chosen) == 20
    for customer in chosen:
        own = pl.col("customer_id") == customer
        rows = {t: sources[t].filter(own) for t in TIMES}
        alone = recomputed(rows | {"products": sources["products"]})
        assert differing(whole.filter(own), alone) == {}, customer


def test_shuffled_rows_change_nothing_to_the_bit(sources, whole, recomputed):
    mixed = {t: frame.sample(fraction=1, shuffle=True, seed=7) for t, frame in sources.items()}
    assert differing(whole, recomputed(mixed)) == {}


def later(frame, times, shift):
    """Rows of old and new customers, in old and new orders, moved to `shift` from the moment on."""
    at = pl.lit(AS_OF.replace(tzinfo=None) + shift)
    some = frame.gather_every(frame.height // 40).with_columns(at.alias(time) for time in times)
    new = [some.with_columns(pl.col(i) + "-new") for i in ("customer_id", "order_id") if i in some]
    return pl.concat([some, *new]).cast(dict(frame.schema))


@pytest.mark.parametrize("shift", [timedelta(0), MICRO, timedelta(days=90)], ids=str)
def test_rows_at_and_after_the_moment_change_nothing_to_the_bit(sources, whole, recomputed, shift):
    with_future = {
        t: pl.concat([sources[t], later(sources[t], times, shift)]) for t, times in TIMES.items()
    }
    assert differing(whole, recomputed(sources | with_future)) == {}


@pytest.mark.parametrize("table", ["transactions", "interactions"])
def test_rows_one_microsecond_before_the_moment_change_something(sources, whole, recomputed, table):
    late = later(sources[table], TIMES[table], -MICRO)
    changed = recomputed(sources | {table: pl.concat([sources[table], late])})
    new = set(changed["customer_id"]) - set(whole["customer_id"])
    assert {c for c in late["customer_id"] if c.endswith("-new")} <= new
    told = {"transactions": {"spend_ever", "orders_7d"}, "interactions": {"days_since_contact"}}
    old = changed.join(whole, KEYS, "semi").sort("as_of_us", "customer_id")
    assert told[table] <= differing(whole, old).keys()


def test_customers_known_one_microsecond_before_the_moment_are_there(sources, recomputed):
    late = later(sources["customers"], TIMES["customers"], -MICRO)
    known = recomputed(sources | {"customers": pl.concat([sources["customers"], late])})
    assert {c for c in late["customer_id"] if c.endswith("-new")} <= set(known["customer_id"])
    assert set(known["as_of_us"]) == {as_micros(AS_OF)}


def test_the_future_cut_off_by_hand_changes_nothing_to_the_bit(sources, engine, whole):
    history = read_history(Tables(sources), engine).before(as_micros(AS_OF))
    assert differing(whole, features(history, [AS_OF])) == {}


def test_a_difference_is_told_by_its_feature(whole):
    name = "spend_ever"
    moved = whole.with_columns(pl.col(name) + 1)
    assert differing(whole, moved) == {name: whole.height}
    gone = whole.with_columns(pl.lit(None, pl.Float64).alias(name))
    assert differing(whole, gone, relative=1e-9) == {name: whole.height}
