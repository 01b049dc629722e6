"""Score customers now, from the transactions and interactions told in the request."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import ModelUsed
from serving.problems import RefusalError
from serving.reasons.explain import Reason, Told, explain
from serving.reasons.languages import choose_language
from serving.reasons.limit import MOST_EXPLAINED, refuse_many
from serving.reasons.words import Language
from serving.requests import Moment, Name, point, read_form, require_json
from serving.routes.health import find_scorer
from serving.routes.metrics import RECORDS
from serving.routes.records import Asked, Failed, Record, Scored, tell
from serving.routes.together import NOWHERE, Asking, Keep, Scoring, Together, score_together
from serving.scorer import Scorer

ROUTER = APIRouter(tags=["scores"])

AHEAD = timedelta(minutes=5)  # clocks differ
SMALL = 64 * 1024  # bytes of body, up to which an answer takes a few milliseconds
TOGETHER = Together()


class Question(Asked):
    """Which customers to score, for which targets, as of when."""

    as_of: Moment | None = Field(None, description="Now, unless told; what is later is ignored.")
    targets: list[Name] | None = Field(None, max_length=50, description="All, unless told.")
    records: list[Record] = Field(min_length=1, max_length=1000)
    explain: bool = Field(False, description=f"Tell reasons; of {MOST_EXPLAINED} records at most.")


class Summary(BaseModel):
    """How many records have an answer."""

    total: int
    succeeded: int
    failed: int


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
    scorer, keep = find_scorer(request), Keep(request.app.state.store, request.app.state.desk)
    if keep.desk:
        await keep.desk.admit()
    body, request_id = await request.body(), request.scope["request_id"]
    language = choose_language(request.headers.get("accept-language", ""))
    if len(body) > SMALL:  # in a thread, so that others need not wait
        return await asyncio.to_thread(
            lambda: _write(answer(body, scorer, request_id, keep, language))
        )
    question = read_form(Question, body)
    asking, asked = _ask(question, scorer, keep), (request_id, language)
    if question.explain:  # which takes longer than all else
        return _write(await asyncio.to_thread(_score, question, asking, asked))
    return _write(_tell(question, asking, await TOGETHER.score(asking), asked))


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
    return _score(question, asking, (request_id, language))


def _score(question: Question, asking: Asking, asked: tuple[str, Language]) -> Scores:
    return _tell(question, asking, score_together([asking])[0], asked)


def _ask(question: Question, scorer: Scorer, keep: Keep) -> Asking:
    if question.explain:
        refuse_many(len(question.records))
    targets = choose_targets(question, question.as_of or datetime.now(UTC), scorer)
    return Asking(scorer, keep, question.records, tuple(targets), question.as_of)


def _tell(
    question: Question, asking: Asking, scoring: Scoring, asked: tuple[str, Language]
) -> Scores:
    scorer, (request_id, language) = asking.scorer, asked
    beside = {
        "models": [name_model(scorer, target) for target in asking.targets],
        "attributes": scorer.norms.attributes,
    }
    reasons: Mapping[str, list[Reason]] = {}
    if question.explain:
        of = scoring.as_of, asking.targets
        reasons = explain(scorer, scoring.history, of, Told(language))
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


def choose_targets(question: Question, as_of: datetime, scorer: Scorer) -> list[str]:
    """Return the targets asked for, or refuse what no model here can answer."""
    if as_of > datetime.now(UTC) + AHEAD:
        fault = point(["as_of"], "in_the_future", "A moment that has come is expected.")
        raise RefusalError("wrong_form", "The service cannot answer as of then.", errors=[fault])
    targets = list(dict.fromkeys(question.targets or scorer.bundles))
    known = f"The targets here are {', '.join(scorer.bundles)}."
    faults = [
        point(["targets", i], "unknown_target", known)
        for i, target in enumerate(question.targets or ())
        if target not in scorer.bundles
    ]
    if faults:
        raise RefusalError("wrong_form", "No model here foretells that.", errors=faults)
    return targets


def name_model(scorer: Scorer, target: str) -> ModelUsed:
    """Return which model answers for a target."""
    bundle = scorer.bundles[target]
    return ModelUsed(target=target, version=bundle.version, sha256=bundle.sha256)
