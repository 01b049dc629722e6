"""Score customers now, from the transactions and interactions told in the request."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from serving.reasons.explain import Reason, Told, explain
from serving.reasons.languages import choose_language
from serving.reasons.limit import refuse_many
from serving.reasons.words import Language
from serving.requests import read_form, require_json
from serving.routes.earlier import find_stored_answers
from serving.routes.health import find_scorer
from serving.routes.metrics import RECORDS
from serving.routes.questions import Question, Summary, choose_targets, name_model
from serving.routes.records import Failed, Scored, tell
from serving.routes.together import NOWHERE, Asking, Keep, Scoring, Together, score_together
from serving.scorer import Scorer

ROUTER = APIRouter(tags=["scores"])

FEW = 32  # records, up to which others may wait for an answer
SMALL = 64 * 1024  # bytes of body, up to which an answer takes a few milliseconds
TOGETHER = Together()


# Told to machines as one object, whose parts hang on its status (serving/schemas.py).
Result = Annotated[
    Scored | Failed,
    Field(
        discriminator="status",
        title="Result",
        description="The answer to one record, or with status error why there is none.",
    ),
]


class Scores(BaseModel):
    """The answers, in the order of the records."""

    request_id: str
    as_of: datetime
    summary: Summary
    results: list[Result]


_SCHEMA = {"$ref": "#/components/schemas/Question"}
_BODY = {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}


@ROUTER.post(
    "/v1/scores",
    response_model=Scores,
    operation_id="scoreCustomers",
    openapi_extra={"requestBody": _BODY},
)
async def post_scores(request: Request) -> Response:
    """Return the answers to 1 to 1000 records."""
    require_json(request)
    scorer, desk = find_scorer(request), request.app.state.desk
    keep = Keep(request.app.state.store, desk)
    if desk:
        await desk.admit()
    body, request_id = await request.body(), request.scope["request_id"]
    language = choose_language(request.headers.get("accept-language", ""))
    asked = request_id, Told(language)

    def respond() -> Response:
        question = read_form(Question, body)
        return _respond(question, _ask(question, scorer, keep), asked)

    if len(body) > SMALL:  # in a thread, so that others need not wait
        return await asyncio.to_thread(respond)
    question = read_form(Question, body)
    asking = _ask(question, scorer, keep)
    if question.explain or question.max_age_s is not None or len(question.records) > FEW:
        return await asyncio.to_thread(_respond, question, asking, asked)
    return _write(tell_scores(question, asking, await TOGETHER.score(asking), asked))


def _respond(question: Question, asking: Asking, asked: tuple[str, Told]) -> Response:
    """Return the stored answers that will do, and score the other records."""
    stored = find_stored_answers(question, asking.targets, asking.scorer, asking.keep.store)
    if not stored:
        return _write(_score(question, asking, asked))
    rest = [i for i in range(len(question.records)) if i not in stored]
    named = [question.records[i] for i in rest]
    named = [r.model_copy(update={"record_id": r.record_id or str(i)})
             for i, r in zip(rest, named, strict=True)]  # fmt: skip
    scores = Scores(
        request_id=asked[0],
        as_of=datetime.now(UTC),
        summary=Summary(total=0, succeeded=0, failed=0),
        results=[],
    )
    if named:
        left = question.model_copy(update={"records": named})
        scores = _score(left, replace(asking, records=named), asked)
    return _write_with(stored, scores, rest)


def _write_with(stored: Mapping[int, str], scores: Scores, rest: list[int]) -> Response:
    """Return stored answers, as they were written, and new ones, each at its place."""
    told = [one.model_dump_json(exclude_none=True) for one in scores.results]
    results = {**stored, **dict(zip(rest, told, strict=True))}
    failed, total = scores.summary.failed, len(results)
    summary = Summary(total=total, succeeded=total - failed, failed=failed)
    RECORDS.labels("ok").inc(summary.succeeded)
    RECORDS.labels("error").inc(failed)
    head = scores.model_copy(update={"summary": summary, "results": []})
    listed = ",".join(results[i] for i in range(total))
    body = head.model_dump_json().removesuffix("[]}") + f"[{listed}]}}"
    return Response(body, media_type="application/json")


def _write(scores: Scores) -> Response:
    RECORDS.labels("ok").inc(scores.summary.succeeded)
    RECORDS.labels("error").inc(scores.summary.failed)
    return Response(scores.model_dump_json(exclude_none=True), media_type="application/json")


def answer(
    body: bytes,
    scorer: Scorer,
    request_id: str,
    keep: Keep = NOWHERE,
    language: Language = "en",
) -> Scores:
    """Return the answers to what the body asks, by what it tells and what is kept."""
    question = read_form(Question, body)
    asking = _ask(question, scorer, keep)
    return _score(question, asking, (request_id, Told(language)))


def _score(question: Question, asking: Asking, asked: tuple[str, Told]) -> Scores:
    return tell_scores(question, asking, score_together([asking])[0], asked)


def _ask(question: Question, scorer: Scorer, keep: Keep) -> Asking:
    if question.explain:
        refuse_many(len(question.records))
    targets = choose_targets(question, question.as_of or datetime.now(UTC), scorer)
    return Asking(scorer, keep, question.records, tuple(targets), question.as_of)


def tell_scores(
    question: Question, asking: Asking, scoring: Scoring, asked: tuple[str, Told]
) -> Scores:
    """Return what is told of the records, once they are scored."""
    scorer, (request_id, told) = asking.scorer, asked
    beside = {
        "models": [name_model(scorer, target) for target in asking.targets],
        "attributes": scorer.norms.attributes,
    }
    reasons: Mapping[str, list[Reason]] = {}
    if question.explain:
        of = scoring.as_of, asking.targets
        reasons = explain(scorer, scoring.history, of, told)
    results: list[Scored | Failed] = []
    for i, (record, one) in enumerate(zip(question.records, scoring.each, strict=True)):
        if isinstance(one, Failed):
            named = {"record_id": record.record_id or str(i)}
            results.append(one.model_copy(update=named))
        else:
            row = one.row | beside | {"reasons": reasons.get(str(i))}
            results.append(tell(str(i), record, row, one.warnings))
    total, failed = len(results), sum(isinstance(one, Failed) for one in results)
    return Scores(
        request_id=request_id,
        as_of=scoring.as_of,
        summary=Summary(total=total, succeeded=total - failed, failed=failed),
        results=results,
    )
