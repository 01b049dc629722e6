"""A batch in the store is what GET /v1/scores reads, and what the nightly job would have kept."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sql

from contract.flat import nest
from contract.settings import Settings
from contract.tables import Tables, find_tables
from features.engines import open_tables
from serving.batch.asked import Asked
from serving.batch.manifest import Manifest
from serving.receipts.kept import find_kept
from serving.scorer import Scorer
from serving.sinks.errors import SinkError
from serving.sinks.opened import open_sink
from serving.store.answers import find_short
from serving.store.loading import load
from serving.store.nightly import refresh
from serving.store.opened import Store, StoreError, open_store
from serving.store.rows import mark_changed
from serving.store.schema import ANSWERS, FACTS
from tests.serving.batch.batches import AS_OF, write_to
from tests.serving.kinds import make_kinds


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(make_kinds(tmp_path_factory.mktemp("kinds")))


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    server = request.param == "postgresql"
    url = request.getfixturevalue("scratch_database") if server else ""
    return Settings(home=tmp_path, store=url)


def read_answers(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        rows = connection.execute(sql.select(ANSWERS)).mappings()
        return {r["customer_id"]: dict(r) for r in rows}


def tell(row: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """The answer that a row of the file holds."""
    answer = nest(row | {"models": manifest.plan.models})
    return answer.model_dump(mode="json", exclude_none=True)


def is_close(one: Any, other: Any) -> bool:
    """Whether numbers agree to 1e-9, and all else is the same."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_close(one[n], other[n]) for n in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_close, one, other))
    return bool(one == pytest.approx(other, abs=1e-9) if isinstance(one, float) else one == other)


def test_tables_are_answered_as_the_store_would_be(kinds, small_shop, tmp_path, settings):
    tables = find_tables(str(small_shop))
    with_load = open_store(f"sqlite:///{tmp_path / 'nightly.db'}")
    load(with_load, open_tables(tables), lambda *_: None)
    refresh(with_load, kinds, AS_OF, lambda _: None)
    expected = read_answers(with_load)
    with_load.close()
    manifest = write_to("store", settings, kinds, tables)
    store = open_store(settings.store_url)
    found = read_answers(store)
    assert len(found) == 400 and found.keys() == expected.keys()
    write_to(str(tmp_path / "a.parquet"), settings, kinds, tables)
    rows = {r["customer_id"]: r for r in pl.read_parquet(tmp_path / "a.parquet").to_dicts()}
    # The tables have products of their own; the store goes by those the model was trained with.
    apart = {"receipt": 0, "warnings": 0, "cross_sell": 0}
    for who, row in found.items():
        whole, other = json.loads(row["whole"]), json.loads(expected[who]["whole"])
        assert set(other["warnings"]) - set(whole["warnings"]) <= {"unseen_product"}
        assert is_close(whole | apart, other | apart)
        assert whole == {"status": "ok", **tell(rows[who], manifest)}
        short, other = json.loads(row["short"]), json.loads(expected[who]["short"])
        assert is_close(short | apart, other | apart) and short["receipt"] == whole["receipt"]
    receipts = {json.loads(row["whole"])["receipt"] for row in found.values()}
    kept = find_kept(store, receipts)
    assert kept.keys() == receipts and all(one.whole for one in kept.values())
    with store.read() as connection:
        told = connection.execute(sql.select(FACTS.c.told).where(FACTS.c.name == "scored"))
        assert json.loads(told.scalar_one()) == json.loads(manifest.model_dump_json())
    store.close()


def test_what_is_told_after_the_batch_began_puts_its_answers_out_of_date(
    kinds, small_shop, settings, monkeypatch
):
    from serving.sinks import stored

    store = open_store(settings.store_url)
    keep, told = stored.keep_rows, []

    def tell_first(connection: Any, rows: Any) -> None:
        if not told:
            told.append(rows[0]["customer_id"])
            mark_changed(connection, told)
        keep(connection, rows)

    monkeypatch.setattr(stored, "keep_rows", tell_first)
    write_to("store", settings, kinds, find_tables(str(small_shop)))
    with store.read() as connection:
        late = {who: find_short(connection, who).out_of_date for who in read_answers(store)}
    assert [who for who, is_late in late.items() if is_late] == told
    store.close()


def test_who_can_have_no_answer_any_more_has_no_old_one(kinds, settings):
    line = {"order_id": "O", "ordered_at": AS_OF - timedelta(days=9), "amount": 1.0}
    fine = [{**line, "customer_id": c, "currency": "EUR"} for c in ("one", "two")]
    mixed = [*fine, {**fine[0], "currency": "USD", "order_id": "P"}]
    for lines, answered in ((fine, {"one", "two"}), (mixed, {"two"})):
        write_to("store", settings, kinds, Tables({"transactions": pl.DataFrame(lines)}))
        store = open_store(settings.store_url)
        assert {"one", "two"} & read_answers(store).keys() == answered
        store.close()


def test_a_store_that_is_away_is_told(tmp_path):
    settings = Settings(home=tmp_path, store="postgresql+psycopg://me:hidden1@127.0.0.1:1/db")
    with pytest.raises(StoreError, match="The store does not answer") as refused:
        open_sink("store", settings)[1].check(Asked(AS_OF))
    assert "hidden1" not in str(refused.value)


@pytest.mark.parametrize("asked", [{"targets": ("churn",)}, {"long": True}, {"reasons": 1}])
def test_what_is_no_whole_answer_is_refused(kinds, small_shop, tmp_path, asked):
    with pytest.raises(SinkError, match="keeps whole answers"):
        write_to("store", Settings(home=tmp_path), kinds, find_tables(str(small_shop)), **asked)
