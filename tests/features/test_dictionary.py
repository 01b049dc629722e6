"""The data dictionary says of every feature what it is."""

import re
from datetime import UTC, datetime

import pytest

from contract.norms import Norms
from features.compute import compute
from features.dictionary import (
    FEATURES,
    NORMS,
    describe,
    find_feature,
    fingerprint,
    list_needed,
)
from features.sources import SOURCES

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
ENTRIES = {entry["name"]: entry for entry in describe()}
OF_EVENTS = [f for f in FEATURES.values() if f.sources]
AHEAD = ("order_probability_", "expected_orders_", "expected_spend_")
NO_WINDOW = "silences_returned_from_"  # how long a silence was, whenever
BANNED = {"recency", "frequency", "monetary", "score", "value"}
ROOMS = {
    "purchases", "concessions", "rhythm", "habits", "assortment", "engagement", "contacts",
    "profile", "lifetime", "crosses",
}  # fmt: skip


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_described_in_one_sentence_with_unit_and_missing_rule(name):
    entry = ENTRIES[name]
    assert list(entry) == ["name", "meaning", "unit", "made_of", "window", "missing", "method"]
    assert re.fullmatch(r"[A-Z][^.]+\.", entry["meaning"]), entry["meaning"]
    assert entry["unit"]
    assert entry["missing"] == "0" or re.match(r"null (until|without) \w+", entry["missing"])
    assert FEATURES[name].meaning.count(".") == 1


def test_there_are_120_features_at_least():
    assert len(FEATURES) >= 120


def test_every_feature_is_in_one_of_ten_rooms():
    assert {f.room for f in FEATURES.values()} == ROOMS


@pytest.mark.parametrize("name", [n for n, f in FEATURES.items() if f.or_zero])
def test_a_feature_that_is_zero_has_no_other_missing_rule(name):
    assert "null" not in FEATURES[name].meaning


def test_names_are_unique_plain_and_not_misleading():
    names = [entry["name"] for entry in describe()]
    assert len(names) == len(set(names)) == len(FEATURES)
    assert not BANNED & set(names)
    words = {word for name in names for word in name.split("_")}
    assert not words & {"recency", "frequency", "monetary", "score"}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", n) for n in names)


def test_no_feature_is_named_as_a_source_or_as_the_norms():
    assert not FEATURES.keys() & {*SOURCES, NORMS}


@pytest.mark.parametrize("name", [n for n in FEATURES if re.search(r"_\d+d$", n)])
def test_days_told_in_a_name_are_told_in_its_entry(name):
    days = name.removesuffix("d").rpartition("_")[2]
    window = f"{days} days ahead" if name.startswith(AHEAD) else f"{days} days"
    assert ENTRIES[name]["window"] == ("" if name.startswith(NO_WINDOW) else window)


def test_a_window_is_told_in_the_name():
    windows = {n: e["window"] for n, e in ENTRIES.items() if e["window"]}
    assert windows["orders_365d"] == windows["return_share_365d"] == "365 days"
    assert windows["discount_share_90d"] == "90 days"
    assert all(name.endswith(f"_{told.partition(' ')[0]}d") for name, told in windows.items())


def test_a_rank_makes_a_feature_of_each_place_from_1_to_5():
    ranked = [n for n in FEATURES if re.search(r"_\d+$", n)]
    assert ranked == [
        f"{kind}_{rank}" for kind in ("category_share", "category_lateness") for rank in range(1, 6)
    ]


@pytest.mark.parametrize("feature", FEATURES.values(), ids=lambda f: f.name)
def test_a_feature_is_made_of_sources_features_and_norms(feature):
    assert feature.inputs
    assert {*feature.inputs} <= {*SOURCES, *FEATURES, NORMS}
    assert {*feature.sources, *feature.features} == {*feature.inputs} - {NORMS}
    assert ENTRIES[feature.name]["made_of"] == ", ".join(feature.inputs)


def test_features_are_made_of_events_of_features_of_both_and_of_norms():
    made_of = {n: FEATURES[n].inputs for n in FEATURES}
    assert made_of["orders_7d"] == ("orders",)
    assert made_of["lateness"] == ("days_since_order", "mean_gap")
    assert made_of["campaigns_answered_share"] == ("interactions", "answers")
    assert made_of["visits_since_order"] == ("interactions", "days_since_order")
    assert made_of["country"] == ("attributes", "norms")


def test_every_source_makes_features():
    own = find_feature("attribute_region")
    assert {source for f in [*OF_EVENTS, own] for source in f.sources} == SOURCES.keys()


@pytest.mark.parametrize("name", FEATURES)
def test_what_a_feature_needs_comes_before_it(name):
    needed = [f.name for f in list_needed((name,))]
    assert needed[-1] == name
    assert len(needed) == len(set(needed))
    for i, one in enumerate(needed):
        assert {*FEATURES[one].features} <= {*needed[:i]}


def test_only_what_is_asked_for_is_needed():
    assert {f.name for f in list_needed(("lateness", "mean_gap"))} == {
        "lateness", "days_since_order", "mean_gap",
    }  # fmt: skip
    assert {f.name for f in list_needed(tuple(FEATURES))} == FEATURES.keys()


def test_a_feature_in_a_chosen_order_comes_in_that_order(open_history):
    line = {"customer_id": "c", "order_id": "A", "ordered_at": "2026-01-01", "amount": 1.0}
    names = ("lateness", "orders_7d", "mean_gap")
    norms = {AS_OF: Norms(as_of=AS_OF)}
    made = compute(open_history(transactions=[line]), norms, names).to_arrow()
    assert tuple(made.column_names) == ("customer_id", "as_of_us", *names)


def test_a_method_is_told_where_a_formula_is_meant():
    assert "Marketing Science" in ENTRIES["clumpiness"]["method"]
    assert ENTRIES["orders_7d"]["method"] == ""


def test_the_fingerprint_knows_order_and_content():
    first = fingerprint(("orders_7d", "orders_30d"))
    assert first == fingerprint(("orders_7d", "orders_30d"))
    assert first != fingerprint(("orders_30d", "orders_7d"))
    assert first != fingerprint(("orders_7d",))
    assert re.fullmatch(r"[0-9a-f]{64}", first)
