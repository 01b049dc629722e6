"""Answers kept: what the nightly run stores is what the batch says, short enough for a template."""

import json
from datetime import UTC, datetime

from contract.flat import nest
from contract.tables import find_tables
from features.engines import open_tables
from features.gather import read_history
from serving.store.answers import LONGEST, find_short, find_whole, keep_answers, shorten
from serving.store.loading import load
from serving.store.nightly import refresh
from serving.store.opened import now_us
from serving.store.rows import add_transactions

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
QUIET = [].append
ANSWER = {
    "status": "ok", "customer_id": "c", "as_of": "2026-06-01T00:00:00Z", "stage": "active",
    "churn": {"probability": 0.123456789, "percentile": 7, "band": "low", "horizon_days": 90,
              "baseline": 0.2, "rung": "full_model"},
    "warnings": [], "models": [{"target": "churn", "version": "3", "sha256": "0" * 64}],
}  # fmt: skip


def tell(store, customer, at_us):
    row = {"told_id": f"{customer}{at_us}", "customer_id": customer, "order_id": "o",
           "at_us": at_us, "amount": 1.0}  # fmt: skip
    with store.write() as connection:
        add_transactions(connection, [row])


def test_every_customer_of_the_tables_has_the_answer_that_the_batch_gives(
    store, scorer, small_shop
):
    load(store, open_tables(find_tables(str(small_shop))), print)
    counts = refresh(store, scorer, AS_OF, QUIET)
    history = read_history(find_tables(str(small_shop)))
    batch = scorer.score(history, AS_OF).drop_columns(["warnings", "model_versions"]).to_pylist()
    ids = [row["customer_id"] for row in batch]
    with store.read() as connection:
        stored = find_whole(connection, ids, 0)
    # Who is listed without a row before the moment is not in the batch, and is answered as told.
    assert len(batch) > 300 and counts["succeeded"] >= len(batch)
    for row in batch:
        told = json.loads(stored[row["customer_id"]])
        expected = nest(row | {"warnings": ""}).model_dump(mode="json", exclude_none=True)
        for name in ("stage", "churn", "next_purchase"):
            assert told.get(name) == expected.get(name), row["customer_id"]


def test_what_is_told_after_an_answer_puts_it_out_of_date(store):
    with store.write() as connection:
        keep_answers(connection, AS_OF, [ANSWER, {**ANSWER, "customer_id": "d"}])
    tell(store, "c", 1)
    with store.read() as connection:
        late, kept = find_short(connection, "c"), find_short(connection, "d")
        assert late is not None and late.out_of_date
        assert kept is not None and not kept.out_of_date
        assert find_short(connection, "nobody") is None
        assert list(find_whole(connection, ["c", "d"], 0)) == ["d"]
        assert find_whole(connection, ["d"], now_us()) == {}


def test_an_answer_takes_the_place_of_the_one_before(store):
    with store.write() as connection:
        keep_answers(connection, AS_OF, [ANSWER])
        keep_answers(connection, AS_OF, [{**ANSWER, "stage": "lapsed"}])
    with store.read() as connection:
        kept = find_short(connection, "c")
    assert kept is not None
    assert json.loads(kept.body)["stage"] == "lapsed"


def test_who_is_in_no_table_any_more_has_no_answer(store, scorer):
    with store.write() as connection:
        keep_answers(connection, AS_OF, [{**ANSWER, "customer_id": "gone"}])
    tell(store, "here", 1)
    assert refresh(store, scorer, AS_OF, QUIET) == {"succeeded": 1, "failed": 0}
    with store.read() as connection:
        assert list(find_whole(connection, ["gone", "here"], 0)) == ["here"]


def test_a_short_answer_has_the_figures_with_four_places():
    assert json.loads(shorten(ANSWER)) == {
        "customer_id": "c", "as_of": "2026-06-01T00:00:00Z", "stage": "active",
        "churn": {"probability": 0.1235, "percentile": 7, "band": "low", "horizon_days": 90},
    }  # fmt: skip


def test_a_short_answer_is_short_whatever_names_are_long():
    items = [{"category": "名" * 128, "probability": 0.1}] * 5
    own = {f"target_{i}": ANSWER["churn"] for i in range(30)}
    long = {**ANSWER, "customer_id": "客" * 128, "cross_sell": {"items": items, "horizon_days": 30},
            "own": own}  # fmt: skip
    told = shorten(long)
    assert len(told.encode()) <= LONGEST
    assert json.loads(told)["churn"]["probability"] == 0.1235
