"""What tests of dirty tables need: every feature of every customer, made sure to be sane."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from contract.norms import Norms, Repeating, Spending
from features.compute import Computed, compute
from features.dictionary import FEATURES
from features.history import History
from features.norms import find_norms

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)

# The CDNOW customers, as Fader, Hardie & Lee (2005) and Fader & Hardie (2013) fitted them.
MODELS = {
    "repeating": Repeating(r=0.243, alpha=4.414, a=0.793, b=2.426),
    "spending": Spending(p=6.25, q=3.74, gamma=15.44),
}

# Whoever's line comes first, here comes another with one, so that nobody is alone.
BESIDE = {"customer_id": "beside", "order_id": "beside", "amount": 1.0, "product_id": None}

Rows = dict[str, dict[str, Any]]


@pytest.fixture
def rows_of(open_history: Callable[..., History]) -> Callable[..., Rows]:
    """Every feature of each customer in dirty tables: rows_of(transactions=[...])["c"].

    Of each it is made sure that nothing is NaN, infinite or, where it may not be, null, and that
    a customer alone is told the same as beside others.
    """

    def compute_all(as_of: datetime = AS_OF, norms: Norms | None = None, **tables: Any) -> Rows:
        lines = tables.pop("transactions")
        beside = [*lines, lines[0] | BESIDE] if isinstance(lines, list) else lines
        history = open_history(transactions=beside, **tables)
        usual = norms or find_norms(history, [as_of])[as_of].model_copy(update=MODELS)
        made = compute(history, {as_of: usual})
        assert_sane(made)
        for i in range(len(history)):
            one = compute(history.block(i, i + 1), {as_of: usual})
            assert_same(one, made, made.ids.index(history.ids[i]).as_py())
        rows = {row["customer_id"]: row for row in made.to_arrow().to_pylist()}
        return {name: row for name, row in rows.items() if name != BESIDE["customer_id"]}

    return compute_all


def assert_sane(made: Computed) -> None:
    for name, column in made.to_arrow().select(list(FEATURES)).to_pydict().items():
        known = np.array([n for n in column if n is not None], dtype=float)
        assert np.isfinite(known).all(), f"{name} is NaN or infinite"
        assert len(known) == len(column) or not FEATURES[name].or_zero, f"{name} is null"


def assert_same(one: Computed, made: Computed, place: int) -> None:
    """Assert that what is told of one customer alone is what is told of them in that place."""
    if place < 0:
        assert len(one) == 0
        return
    for name, column in one.columns.items():
        among = made.columns[name][place : place + 1]
        assert np.array_equal(column, among, equal_nan=True), f"{name}: {column} is {among}"
