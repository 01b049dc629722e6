"""The data dictionary says of every feature what it is."""

import re
from datetime import datetime

import pytest

from features.compute import compute
from features.dictionary import FEATURES, describe, fingerprint
from features.events import SOURCES

ENTRIES = {entry["name"]: entry for entry in describe()}
AGGREGATED = [f for f in FEATURES.values() if f.source]
BANNED = {"recency", "frequency", "monetary", "score", "value"}


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_described_in_one_sentence_with_unit_and_missing_rule(name):
    entry = ENTRIES[name]
    assert re.fullmatch(r"[A-Z][^.]+\.", entry["meaning"]), entry["meaning"]
    assert entry["unit"]
    assert entry["missing"] == "0" or re.match(r"null (until|without) \w+", entry["missing"])
    assert FEATURES[name].meaning.count(".") == 1


def test_every_feature_is_in_one_of_three_rooms():
    assert {f.room for f in FEATURES.values()} == {"purchases", "rhythm", "engagement"}


def test_names_are_unique_plain_and_not_misleading():
    names = [entry["name"] for entry in describe()]
    assert len(names) == len(set(names)) == len(FEATURES)
    assert not BANNED & set(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", n) for n in names)


def test_a_window_is_told_in_name_and_entry():
    windows = {n: e["window"] for n, e in ENTRIES.items() if e["window"]}
    assert windows["orders_365d"] == "365 days"
    assert all(name.endswith(f"_{told.partition(' ')[0]}d") for name, told in windows.items())
    assert windows.keys() == {n for n in FEATURES if re.search(r"_\d+d$", n)}


@pytest.mark.parametrize("feature", AGGREGATED, ids=lambda f: f.name)
def test_an_aggregated_feature_reads_exactly_one_source(feature):
    assert len(feature.inputs) == 1
    assert feature.source in SOURCES


def test_other_features_are_made_of_features():
    made = [f for f in FEATURES.values() if not f.source]
    assert made
    assert not [f.name for f in made if not f.inputs or not FEATURES.keys() >= {*f.inputs}]


def test_a_feature_in_a_chosen_order_comes_in_that_order(open_frames):
    line = {"customer_id": "c", "order_id": "A", "ordered_at": "2026-01-01", "amount": 1.0}
    names = ("lateness", "orders_7d", "mean_gap")
    made = compute(open_frames(transactions=[line]), datetime(2026, 2, 1), names)
    assert tuple(made.collect_schema().names()) == ("customer_id", "as_of_us", *names)


def test_the_fingerprint_knows_order_and_content():
    first = fingerprint(("orders_7d", "orders_30d"))
    assert first == fingerprint(("orders_7d", "orders_30d"))
    assert first != fingerprint(("orders_30d", "orders_7d"))
    assert first != fingerprint(("orders_7d",))
    assert re.fullmatch(r"[0-9a-f]{64}", first)
