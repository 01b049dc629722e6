"""Callers who ask at the same time: each gets what they would have got alone."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from contract.bundle import load_bundles
from serving.routes import together
from serving.routes.records import Record
from serving.routes.together import NOWHERE, Asking, Together, score_together
from serving.routes.web import make_app
from serving.scorer import Scorer, list_rows
from tests.serving.bundles import make_bundles
from tests.serving.parity import AS_OF, draw_records

MIXED = {
    "customer_id": "C-mixed",
    "transactions": [
        {"order_id": f"O-{c}", "ordered_at": "2026-05-01T00:00:00Z", "amount": 1, "currency": c}
        for c in ("EUR", "USD")
    ],
}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(load_bundles(make_bundles(tmp_path_factory.mktemp("bundles"))))


def ask_all(scorer: Scorer, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers to questions that come at once, in the order of the questions."""
    app = make_app()
    app.state.scorer = scorer

    async def ask() -> list[dict[str, Any]]:
        # As Front does it, each request has a name.
        async def named(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "request_id": "id"}, receive, send)

        link = httpx.ASGITransport(app=named)
        async with httpx.AsyncClient(transport=link, base_url="http://patron") as client:
            answers = await asyncio.gather(*(client.post("/v1/scores", json=q) for q in questions))
        return [json.loads(answer.text) for answer in answers]

    return asyncio.run(ask())


def test_each_gets_the_answer_they_would_have_got_alone(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def count(askings: Any) -> Any:
        sizes.append(len(askings))
        return score_together(askings)

    monkeypatch.setattr(together, "score_together", count)
    records = draw_records(40)
    questions = [
        {"as_of": AS_OF.isoformat(), "records": records[i : i + 1 + i % 3]} for i in range(36)
    ]
    questions[5]["records"] = [MIXED, records[0]]
    questions[6]["targets"] = ["churn"]
    questions[7]["as_of"] = "2026-05-01T00:00:00Z"
    at_once = ask_all(scorer, questions)
    assert max(sizes) > 10
    assert at_once == [ask_all(scorer, [question])[0] for question in questions]
    assert [r["status"] for r in at_once[5]["results"]] == ["error", "ok"]
    assert at_once[5]["results"][0]["record_id"] == "0"
    assert "next_purchase" not in at_once[6]["results"][0]


def test_nobody_pays_for_anothers_failure(scorer: Scorer) -> None:
    sound = [Record(customer_id=f"C-{i}") for i in range(3)]
    broken = Record.model_construct(customer_id="C-9", transactions=[None])

    async def ask() -> list[Any]:
        gathered = Together()
        askings = [Asking(scorer, NOWHERE, [r], ("churn",), AS_OF) for r in (*sound, broken)]
        asked = (gathered.score(asking) for asking in askings)
        return await asyncio.gather(*asked, return_exceptions=True)

    *told, failed = asyncio.run(ask())
    assert isinstance(failed, AttributeError)
    assert [one.each[0].row["stage"] for one in told] == ["prospect"] * 3


def test_rows_are_those_of_the_table(scorer: Scorer) -> None:
    records = {str(i): Record.model_validate(r) for i, r in enumerate(draw_records(30))}
    history = together.tell_records(records, AS_OF, scorer.norms)
    table = scorer.score(history, AS_OF).to_pylist()
    told = list_rows(scorer.look(history, AS_OF))
    assert [{n: row.get(n) for n in table[0]} for row in told] == table
