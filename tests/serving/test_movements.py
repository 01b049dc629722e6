"""Why an answer moved: each part by hand where only one thing changed, and together all of it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from contract.models import log_odds
from serving.receipts.desk import Desk
from serving.receipts.library import Library
from serving.routes.front import Front
from serving.routes.scores import answer
from serving.routes.together import Keep
from serving.routes.web import make_app
from serving.scorer import Scorer
from serving.store.opened import open_store
from tests.serving.kinds import calibrate, make_kinds, save_as
from tests.serving.parity import AS_OF, draw_records
from tests.serving.running import assert_problem

MAY, JUNE = "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"
LINES = [
    {"order_id": "1", "ordered_at": "2026-01-10T00:00:00Z", "amount": 60, "product_id": "b"},
    {"order_id": "2", "ordered_at": "2026-03-01T00:00:00Z", "amount": 40, "product_id": "s"},
]
CAME = [
    {"order_id": "3", "ordered_at": "2026-05-20T00:00:00Z", "amount": 90, "product_id": "h"},
    {"order_id": "3", "ordered_at": "2026-05-20T00:00:00Z", "amount": 15, "product_id": "b"},
    {"order_id": "2", "ordered_at": "2026-05-21T00:00:00Z", "amount": -40, "product_id": "s"},
]
VISITS = [{"kind": "visit", "occurred_at": f"2026-05-2{day}T00:00:00Z"} for day in range(4)]

Explain = Callable[[str, str], dict[str, Any]]


class Shop:
    """A service with a store, asked in process, and two generations of models."""

    def __init__(self, folder: Path) -> None:
        self.app = make_app()
        self.old = Scorer(make_kinds(folder / "old"))
        fits = {"churn": 0.5, "next_purchase": 1.4, "cross_sell": 0.6}
        other = {t: save_as(calibrate(b, slope=fits[t]), folder / "new", "13")
                 for t, b in self.old.bundles.items() if t in fits}  # fmt: skip
        self.new = Scorer({**self.old.bundles, **other})
        self.app.state.store = open_store(f"sqlite:///{folder / 'patron.db'}")
        self.app.state.desk = Desk(self.app.state.store)
        self.app.state.library = Library([folder / "old", folder / "new"])

    def score(self, scorer: Scorer, record: dict[str, Any], as_of: str = JUNE) -> Any:
        question = {"as_of": as_of, "records": [{"customer_id": "c"} | record]}
        body, desk = json.dumps(question).encode(), self.app.state.desk
        return answer(body, scorer, "id", Keep(desk=desk)).results[0]

    async def ask(self, path: str, body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(Front(self.app, self.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post(path, json=body)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop(tmp_path_factory.mktemp("shop"))
    yield opened
    opened.app.state.desk.close()


@pytest.fixture
def explain(shop: Shop) -> Explain:
    def explain_them(first: str, last: str) -> dict[str, Any]:
        told = asyncio.run(shop.ask("/v1/movements", {"from": first, "to": last}))
        assert told.status_code == 200, told.text
        said: dict[str, Any] = told.json()
        return said

    return explain_them


def split(movement: dict[str, Any], scale: str = "change") -> dict[str, float]:
    return {part["part"]: part[scale] for part in movement["parts"]}


def find(told: dict[str, Any], target: str) -> dict[str, Any]:
    return next(m for m in told["movements"] if m["target"] == target)


def assert_adds_up(told: dict[str, Any]) -> None:
    assert told["movements"]
    for movement in told["movements"]:
        if not movement["parts"]:
            continue
        first, last = movement["from"], movement["to"]
        assert movement["change"] == last - first
        assert sum(split(movement).values()) == pytest.approx(last - first, abs=1e-9)
        if movement["measure"] == "probability":
            moved = float(log_odds(last) - log_odds(first))
            assert sum(split(movement, "log_odds").values()) == pytest.approx(moved, abs=1e-9)


def test_time_alone(shop: Shop, explain: Explain) -> None:
    first, last = (shop.score(shop.old, {"transactions": LINES}, a) for a in (MAY, JUNE))
    told = explain(first.receipt, last.receipt)
    assert told["warnings"] == [] and told["customer_id"] == "c"
    assert {m["target"] for m in told["movements"]} == set(shop.old.bundles)
    for target in ("churn", "next_purchase"):
        moved = find(told, target)
        change = getattr(last, target).probability - getattr(first, target).probability
        assert change != 0
        assert split(moved) == pytest.approx({"data": 0, "time": change, "model": 0}, abs=1e-12)
        assert [p["text"] for p in moved["parts"]] == [
            "No row came or went.", "31 days passed.",
            "The same model, version 3." if target == "churn" else "The same model, version 7.",
        ]  # fmt: skip
    assert_adds_up(told)


def test_data_alone(shop: Shop, explain: Explain) -> None:
    more = {"transactions": [*LINES, *CAME], "interactions": VISITS}
    first, last = shop.score(shop.old, {"transactions": LINES}), shop.score(shop.old, more)
    told = explain(first.receipt, last.receipt)
    for target in ("churn", "next_purchase"):
        change = getattr(last, target).probability - getattr(first, target).probability
        parts = {"data": change, "time": 0, "model": 0}
        assert split(find(told, target)) == pytest.approx(parts, abs=1e-12) and change != 0
    worth = find(told, "lifetime_value")
    assert worth["measure"] == "predicted"
    change = float(last.lifetime_value.predicted - first.lifetime_value.predicted)
    assert split(worth)["data"] == pytest.approx(change, abs=0.02) and change > 0
    texts = [p["text"] for p in worth["parts"]]
    assert texts[:2] == ["New: 1 order, 1 return, 4 contacts.", "No time passed."]
    assert_adds_up(told)
    back = find(explain(last.receipt, first.receipt), "churn")
    assert back["parts"][0]["text"] == "No longer there: 1 order, 1 return, 4 contacts."


def test_model_alone(shop: Shop, explain: Explain) -> None:
    first, last = (shop.score(s, {"transactions": LINES}) for s in (shop.old, shop.new))
    told = explain(first.receipt, last.receipt)
    change = last.churn.probability - first.churn.probability
    moved = find(told, "churn")
    assert split(moved) == pytest.approx({"data": 0, "time": 0, "model": change}, abs=1e-12)
    assert moved["parts"][2]["text"] == "Model version 3, then 13."
    assert change != 0
    same = find(told, "lifetime_value")
    assert same["change"] == 0 and split(same)["model"] == pytest.approx(0, abs=0.01)
    assert_adds_up(told)


def test_all_three_and_the_shares_by_hand(shop: Shop, explain: Explain) -> None:
    before = {"transactions": LINES}
    after = {"transactions": [*LINES, *CAME], "interactions": VISITS}
    corners = [
        [shop.score(s, record, as_of) for record, as_of in
         ((before, MAY), (before, JUNE), (after, JUNE))]
        for s in (shop.old, shop.new)
    ]  # fmt: skip
    told = explain(corners[0][0].receipt, corners[1][2].receipt)
    (a, b, c), (x, y, z) = [[one.churn.probability for one in steps] for steps in corners]
    hand = {
        "data": ((c - b) + 2 * (z - y)) / 3,
        "time": (2 * (b - a) + (y - x)) / 3,
        "model": ((x - a) + (y - b) + (z - c)) / 3,
    }
    assert split(find(told, "churn")) == pytest.approx(hand, abs=1e-12)
    assert all(abs(part) > 1e-6 for part in hand.values())
    assert [p["text"] for p in find(told, "churn")["parts"]] == [
        "New: 1 order, 1 return, 4 contacts.", "31 days passed.", "Model version 3, then 13.",
    ]  # fmt: skip
    assert_adds_up(told)


def test_categories_move_each_by_itself(shop: Shop, explain: Explain) -> None:
    after = {"transactions": [*LINES, *CAME]}
    first = shop.score(shop.old, {"transactions": LINES}, MAY)
    last = shop.score(shop.new, after)
    told = [m for m in explain(first.receipt, last.receipt)["movements"]
            if m["target"] == "cross_sell"]  # fmt: skip
    # Belts and scarves were bought within the look-back, so hats alone could be shown; then not.
    assert [item.category for item in first.cross_sell.items] == ["hats"]
    assert last.cross_sell.items == ()
    (hats,) = told
    assert (hats["category"], hats["to"]) == ("hats", 0.0)
    assert hats["from"] == first.cross_sell.items[0].probability
    assert split(hats)["data"] < 0 < abs(split(hats)["model"])


def test_the_way_back_is_the_way_there_turned(shop: Shop, explain: Explain) -> None:
    first = shop.score(shop.old, {"transactions": LINES}, MAY)
    last = shop.score(shop.new, {"transactions": [*LINES, *CAME]})
    there, back = explain(first.receipt, last.receipt), explain(last.receipt, first.receipt)
    for target in ("churn", "next_purchase", "lifetime_value"):
        turned = {part: -change for part, change in split(find(back, target)).items()}
        assert split(find(there, target)) == turned
    assert find(back, "churn")["parts"][1]["text"] == "The second answer is of 31 days earlier."


def test_where_an_end_does_not_speak_of_the_customer_there_are_no_parts(
    shop: Shop, explain: Explain
) -> None:
    old = LINES[0] | {"ordered_at": "2025-05-15T00:00:00Z"}
    first, last = (shop.score(shop.old, {"transactions": [old]}, a) for a in (MAY, JUNE))
    assert first.churn and last.churn is None
    told = explain(first.receipt, last.receipt)
    churn = find(told, "churn")
    assert churn["from"] == first.churn.probability
    assert "to" not in churn and "change" not in churn and churn["parts"] == []
    assert find(told, "next_purchase")["parts"]


def test_random_customers_add_up(shop: Shop, explain: Explain) -> None:
    draw = np.random.default_rng(3)
    for record in draw_records(60)[::3]:
        record = {k: record[k] for k in ("transactions", "interactions")}
        cut = AS_OF.timestamp() - 86_400 * float(draw.integers(1, 300))
        as_of = datetime.fromtimestamp(int(cut), AS_OF.tzinfo).isoformat()
        first = shop.score(shop.old, record, as_of)
        told = explain(first.receipt, shop.score(shop.new, record).receipt)
        assert told["warnings"] == []
        assert_adds_up(told)


def test_what_cannot_be_compared_is_refused(shop: Shop) -> None:
    def refuse(first: str, last: str) -> Any:
        answer = asyncio.run(shop.ask("/v1/movements", {"from": first, "to": last}))
        problem = assert_problem(answer, 422, "wrong_form")
        return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]

    mine = shop.score(shop.old, {"transactions": LINES}).receipt
    other = shop.score(shop.old, {"customer_id": "d", "transactions": LINES}).receipt
    assert refuse(mine, other) == [("/to", "another_customer")]
    assert refuse("no", other) == [("/from", "unknown_receipt")]
    assert refuse("no", "nor") == [("/from", "unknown_receipt"), ("/to", "unknown_receipt")]
    shop.app.state.library, kept = Library([]), shop.app.state.library
    assert refuse(mine, mine) == [("/from", "model_not_here"), ("/to", "model_not_here")]
    shop.app.state.library = kept
    answer = asyncio.run(shop.ask("/v1/movements", {"from": mine}))
    assert_problem(answer, 422, "wrong_form")
