"""Rows are freed as soon as a block of customers is done: a shop's blocks follow each other."""

import gc
from datetime import UTC, datetime

import pytest

from contract.moments import as_micros
from contract.tables import find_tables
from features.compute import compute_one
from features.dictionary import FEATURES
from features.gather import read_history
from features.norms import find_norms
from features.rows import Rows
from features.sources import Shop

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("customers", [1, 50], ids=["alone", "a batch"])
def test_no_rows_wait_for_the_collector(small_shop, customers):
    history = read_history(find_tables(str(small_shop)))
    norms = find_norms(history, [AS_OF])[AS_OF]
    gc.collect()
    gc.disable()
    try:
        compute_one(Shop(history.block(0, customers)), as_micros(AS_OF), norms, tuple(FEATURES))
        assert not [found for found in gc.get_objects() if isinstance(found, Rows)]
    finally:
        gc.enable()
