"""A receipt is the same for the same answer, whoever asks; what it keeps makes the answer again."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sql

from contract.moments import as_micros
from contract.tables import find_tables
from features.gather import read_history
from serving.batch.answer import answer as answer_batch
from serving.batch.asked import Asked
from serving.privacy import erase_customers
from serving.problems import RefusalError
from serving.receipts import desk as desks
from serving.receipts.desk import Desk
from serving.receipts.issue import issue
from serving.receipts.kept import find_kept, forget_receipts
from serving.receipts.library import Library
from serving.receipts.packing import (
    join_rows,
    pack_features,
    pack_rows,
    unpack_features,
    unpack_rows,
)
from serving.receipts.replay import ALTERED, replay, replay_all
from serving.routes.histories import tell_records
from serving.routes.records import Record
from serving.routes.scores import Scores, answer
from serving.routes.together import Keep
from serving.scorer import Scorer
from serving.store.answers import find_whole
from serving.store.nightly import refresh
from serving.store.opened import Store, now_us, open_store
from serving.store.rows import add_transactions
from serving.store.schema import FORMS, META, RECEIPTS
from tests.serving.kinds import calibrate, make_kinds, save_as
from tests.serving.parity import AS_OF, draw_records, score_batch

NOWHERE = Library([])


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(make_kinds(tmp_path_factory.mktemp("kinds")))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path / 'patron.db'}")
    else:
        opened = open_store(str(request.getfixturevalue("scratch_database")))
    with opened.write() as connection:
        for table in META.sorted_tables:
            connection.execute(table.delete())
    yield opened
    opened.close()


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    opened = Desk(store)
    yield opened
    opened.close()


def draw(customers: int) -> list[dict[str, Any]]:
    """Return records of a random shop, some of whose lines are of belts, hats and scarves."""
    drawn, records = random.Random(5), draw_records(customers)
    for record in records:
        for line in record["transactions"]:
            line["product_id"] = drawn.choice(["b", "h", "s", "x", None])
    return records


def ask(scorer: Scorer, *records: Any, desk: Desk | None = None, **more: Any) -> Scores:
    question = {"as_of": AS_OF.isoformat(), "records": records} | more
    return answer(json.dumps(question).encode(), scorer, "id", Keep(desk=desk))


def receive(scorer: Scorer, *records: Any, **more: Any) -> list[str]:
    return [result.receipt for result in ask(scorer, *records, **more).results]


def test_one_answer_has_one_receipt_however_its_rows_are_told(kinds: Scorer) -> None:
    records = draw(120)
    receipts = receive(kinds, *records)
    assert len(set(receipts)) == 120
    assert all(len(receipt) == 32 and int(receipt, 16) for receipt in receipts)
    shuffled = random.Random(3)
    for record, receipt in zip(records[:40], receipts, strict=False):
        told = dict(record)
        for table in ("transactions", "interactions"):
            told[table] = shuffled.sample(record[table], len(record[table]))
        assert receive(kinds, told | {"record_id": "another"}) == [receipt]


def test_the_batch_gives_the_receipts_of_the_service(kinds: Scorer, tmp_path: Path) -> None:
    records = draw_records(120)
    score_batch(kinds, records, tmp_path)
    told = answer_batch(kinds, read_history(find_tables(str(tmp_path))), Asked(AS_OF))
    batch = dict(zip(*(told[name].to_pylist() for name in ("customer_id", "receipt")), strict=True))
    receipts = receive(kinds, *records)
    assert [batch[r["customer_id"]] for r in records] == receipts


def test_whatever_an_answer_rests_on_changes_its_receipt(kinds: Scorer, tmp_path: Path) -> None:
    line = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9, "product_id": "b"}
    act = {"kind": "visit", "occurred_at": "2026-05-02T00:00:00Z"}
    plain = {"customer_id": "c", "transactions": [line, line | {"order_id": "2"}]}

    def change(**told: Any) -> dict[str, Any]:
        return plain | {"transactions": [line | told, line | {"order_id": "2"}]}

    others = [
        *(change(**{n: v}) for n, v in [("amount", 9.01), ("quantity", 2), ("product_id", "h"),
                                        ("ordered_at", "2026-05-01T00:00:00.000001Z"),
                                        ("discount", 1)]),
        change(order_id="2"),  # one order of two lines
        plain | {"customer_id": "d"},
        plain | {"interactions": [act]},
        plain | {"interactions": [act | {"channel": "web"}]},
        plain | {"interactions": [act | {"value": 1}]},
        plain | {"interactions": [act | {"initiated_by": "company"}]},
        plain | {"country": "DE"},
        plain | {"kind": "reseller"},
        plain | {"since": "2026-01-01T00:00:00Z"},
    ]  # fmt: skip
    (first,) = receive(kinds, plain)
    other = calibrate(kinds.bundles["churn"], slope=0.5)
    changed = Scorer({**kinds.bundles, "churn": save_as(other, tmp_path, "3")})
    receipts = [
        first,
        *receive(kinds, *others),
        *receive(changed, plain),
        *receive(kinds, plain, targets=["churn"]),
        *receive(kinds, plain, as_of="2026-05-31T00:00:00Z"),
    ]
    assert len(set(receipts)) == len(receipts) == len(others) + 4


def test_what_no_feature_reads_changes_no_receipt(kinds: Scorer) -> None:
    line = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9}
    later = line | {"order_id": "2", "ordered_at": "2026-06-01T00:00:00Z"}
    plain = {"customer_id": "c", "transactions": [line]}
    same = [
        plain | {"transactions": [line | {"order_id": "another"}]},
        plain | {"transactions": [later, line]},
        plain | {"transactions": [line | {"amount": "9.00", "currency": "EUR", "channel": "web"}]},
        plain | {"since": "2026-07-01T00:00:00Z", "attributes": {"shoe_size": 44}},
    ]
    assert len(set(receive(kinds, plain, *same))) == 1


def test_a_thousand_of_a_thousand_answers_are_made_again(
    kinds: Scorer, store: Store, desk: Desk
) -> None:
    results = ask(kinds, *draw(1000), desk=desk).results
    assert desk.flush()
    replays = replay_all(store, [r.receipt for r in results], NOWHERE, kinds.bundles.values())
    assert [r.differences for r in replays if not r.equal] == []
    assert len(replays) == 1000 and all(r.equal and not r.warnings for r in replays)
    for result, made in zip(results, replays, strict=True):
        told = json.loads(result.model_dump_json(exclude_none=True))
        for beside in ("record_id", "status", "receipt", "warnings"):
            told.pop(beside)
        assert told == made.told == made.again
    stages = {made.again["stage"] for made in replays if made.again}
    assert stages == {"active", "lapsed", "prospect"}
    assert any(made.again["cross_sell"]["items"] for made in replays if made.again)


def test_an_answer_that_is_asked_for_again_is_kept_once(
    kinds: Scorer, store: Store, desk: Desk
) -> None:
    record = draw(3)[2]
    for _ in range(3):
        ask(kinds, record, {"customer_id": "new"}, desk=desk)
    assert desk.flush()
    with store.read() as connection:
        assert connection.execute(sql.select(sql.func.count()).select_from(RECEIPTS)).scalar() == 2
        assert connection.execute(sql.select(sql.func.count()).select_from(FORMS)).scalar() == 1


def test_it_is_on_disk_within_a_second(kinds: Scorer, store: Store, desk: Desk) -> None:
    began = time.monotonic()
    (receipt,) = receive(kinds, draw(3)[2], desk=desk)
    while not find_kept(store, [receipt]):
        assert time.monotonic() < began + 1
        time.sleep(0.02)


def test_other_models_do_not_make_it_again(kinds: Scorer, store: Store, desk: Desk) -> None:
    (receipt,) = receive(kinds, draw(3)[2], desk=desk)
    assert desk.flush()
    others = [b for b in kinds.bundles.values() if b.target != "churn"]
    told = {r.receipt: r.error for r in replay_all(store, [receipt, "no"], NOWHERE, others)}
    assert told == {receipt: "model_not_here", "no": "unknown_receipt"}


@pytest.mark.parametrize("column", ["features", "rows_sha256", "customer_id", "as_of_us"])
def test_what_was_altered_is_told(kinds: Scorer, store: Store, desk: Desk, column: str) -> None:
    receipts = receive(kinds, *draw(4)[2:], desk=desk)
    assert desk.flush()
    with store.write() as connection:
        other = sql.select(RECEIPTS.c[column]).where(RECEIPTS.c.receipt == receipts[1])
        changed = {column: 1 if column == "as_of_us" else other.scalar_subquery()}
        altered = RECEIPTS.c.receipt == receipts[0]
        connection.execute(sql.update(RECEIPTS).where(altered).values(changed))
    made, whole = replay_all(store, receipts, NOWHERE, kinds.bundles.values())
    assert ALTERED in made.warnings and not made.equal
    assert whole.equal


def test_an_answer_that_was_altered_differs_where_it_was(
    kinds: Scorer, store: Store, desk: Desk
) -> None:
    (receipt,) = receive(kinds, draw(3)[2], desk=desk)
    assert desk.flush()
    kept = find_kept(store, [receipt])[receipt]
    kept.row["next_purchase_probability"] += 1e-16
    models = NOWHERE.find_all(kept.form, kinds.bundles.values())
    (made,) = replay([kept], models)
    assert made.differences == ("next_purchase_probability",)


def test_receipts_of_an_erased_customer_are_unknown(
    kinds: Scorer, store: Store, desk: Desk
) -> None:
    records = draw(4)[2:]
    receipts = receive(kinds, *records, desk=desk)
    assert desk.flush()
    gone, _ = erase_customers(store, [records[0]["customer_id"]])
    assert gone[records[0]["customer_id"]]["receipts"] == 1
    # Nor does a later answer bring anything back.
    assert receive(kinds, *records, desk=desk) == receipts
    assert desk.flush()
    made = replay_all(store, receipts, NOWHERE, kinds.bundles.values())
    assert [r.error for r in made] == ["unknown_receipt", None]


def test_old_receipts_are_forgotten(kinds: Scorer, store: Store, desk: Desk) -> None:
    old, new = receive(kinds, *draw(4)[2:], desk=desk)
    assert desk.flush()
    with store.write() as connection:
        told = {"made_us": now_us() - 31 * 86_400_000_000}
        connection.execute(sql.update(RECEIPTS).where(RECEIPTS.c.receipt == old).values(told))
    assert forget_receipts(store, 30) == 1
    assert list(find_kept(store, [old, new])) == [new]


def test_while_the_store_is_away_receipts_wait(
    kinds: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'patron.db'}"
    monkeypatch.setattr("serving.store.opened.WAIT_S", 0.1)
    monkeypatch.setattr(desks, "MOST", 2)
    monkeypatch.setattr(desks, "PATIENCE_S", 0.3)
    other, desk = open_store(url), Desk(open_store(url))
    records = draw(6)[2:]
    with other.write():  # of two writers SQLite lets one wait
        receipts = receive(kinds, *records[:2], desk=desk)
        assert not desk.flush(0.3)
        with pytest.raises(RefusalError) as refused:
            asyncio.run(desk.admit())
        assert refused.value.code == "busy"
    assert desk.flush(10)
    asyncio.run(desk.admit())
    receipts += receive(kinds, records[3], desk=desk)
    desk.close()
    assert set(find_kept(other, receipts)) == set(receipts)


def test_closing_writes_what_waits(kinds: Scorer, store: Store) -> None:
    desk = Desk(store)
    receipts = receive(kinds, *draw(300), desk=desk)
    desk.close()
    assert set(find_kept(store, receipts)) == set(receipts)


def test_rows_are_kept_as_they_were_told(kinds: Scorer, store: Store, desk: Desk) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    line = {"order_id": "é", "ordered_at": moment.isoformat(), "amount": 0.1, "product_id": "b"}
    late = line | {"ordered_at": (moment + timedelta(days=9)).isoformat(), "amount": -0.1}
    act = {"kind": "visit", "occurred_at": moment.isoformat(), "value": 1e9}
    record = {"customer_id": "ü", "transactions": [late, line, line], "interactions": [act]}
    (receipt,) = receive(kinds, record | {"country": "DE"}, desk=desk)
    assert desk.flush()
    told = find_kept(store, [receipt])[receipt].told
    assert [(one.amount, one.order_id, one.product_id) for one in told.lines] == [
        (0.1, "000000000", "b"), (0.1, "000000000", "b"), (-0.1, "000000000", "b")
    ]  # fmt: skip
    assert [(one.kind, one.value, one.initiated_by) for one in told.acts] == [
        ("visit", 1e9, "customer")
    ]
    assert [one.country for one in told.entries] == ["DE"]


def test_answers_on_all_of_the_store_keep_their_receipts(kinds: Scorer, store: Store) -> None:
    rows = [
        {"told_id": f"{i}-{j}", "customer_id": record["customer_id"], "order_id": line["order_id"],
         "at_us": as_micros(datetime.fromisoformat(line["ordered_at"])),
         "amount": float(line["amount"]), "product_id": line["product_id"]}
        for i, record in enumerate(draw(20)) for j, line in enumerate(record["transactions"])
    ]  # fmt: skip
    with store.write() as connection:
        add_transactions(connection, rows)
    counts = refresh(store, kinds, AS_OF, lambda step: None)
    with store.read() as connection:
        both = connection.execute(sql.select(RECEIPTS.c.receipt, RECEIPTS.c.customer_id)).all()
        receipts, customers = (list(column) for column in zip(*both, strict=True))
        whole = find_whole(connection, customers, 0)
    assert len(receipts) == counts["succeeded"] == len({row["customer_id"] for row in rows})
    assert {json.loads(told)["receipt"] for told in whole.values()} == set(receipts)
    made = replay_all(store, receipts, NOWHERE, kinds.bundles.values())
    assert all(one.equal for one in made)
    question = {"as_of": AS_OF.isoformat(), "records": [{"customer_id": c} for c in customers]}
    again = answer(json.dumps(question).encode(), kinds, "id", Keep(store)).results
    assert [one.receipt for one in again] == receipts


def test_products_that_tables_know_otherwise_are_kept_so(kinds: Scorer) -> None:
    kinds = Scorer({n: kinds.bundles[n] for n in ("cross_sell", "lifetime_value")})
    record = Record.model_validate(draw(5)[4])
    history = tell_records({"0": record}, AS_OF, kinds.norms)
    names = history.names["product"]
    moved = history.goods.category.copy()
    moved[names.index("b")] = history.goods.category[names.index("h")]
    other = replace(history, goods=replace(history.goods, category=moved))
    plain, odd = (issue(kinds.look(h, AS_OF), h) for h in (history, other))
    assert plain.receipts != odd.receipts
    told = unpack_rows(pack_rows(odd.rows)[0])
    assert {name: product.category for name, product in told.odd.items()} == {"b": "hats"}
    again = join_rows([told], kinds.norms)
    assert issue(kinds.look(again, AS_OF), again, ["0"]).receipts == odd.receipts


def test_features_are_unpacked_to_the_last_bit_whatever_they_are():
    draw = np.random.default_rng(5)
    features = np.round(draw.normal(size=(40, 9)), 1)
    features[draw.random((40, 9)) < 0.3] = 0.0
    features[3], features[4], features[5, :2] = 0.0, np.nan, (np.inf, 5e-324)
    packed = pack_features(features)
    again = np.stack([unpack_features(one, 9) for one in packed])
    assert again.tobytes() == features.tobytes()
    assert len(packed[3]) == 9  # of zeros alone no byte is kept, but the marks that say so
