"""Why customers are scored as they are, and what would change that most."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import ModelUsed
from serving.problems import Problem
from serving.reasons.changes import Change, find_changes
from serving.reasons.explain import Reason, Told, explain
from serving.reasons.languages import choose_language
from serving.reasons.limit import MOST_EXPLAINED, refuse_many
from serving.reasons.words import Language
from serving.requests import read_form
from serving.routes.health import find_scorer
from serving.routes.metrics import RECORDS
from serving.routes.records import Failed, fail, tell_records
from serving.routes.scores import Question, Summary, choose_targets, name_model, require_json
from serving.scorer import Scorer

ROUTER = APIRouter(tags=["explanations"])

AT_ONCE = 2  # requests explained at a time: others wait, so that scores are still answered
_TURN = asyncio.Semaphore(AT_ONCE)


class Explanation(BaseModel):
    """Why one record is answered as it is."""

    record_id: str
    customer_id: str
    status: Literal["ok"] = "ok"
    reasons: list[Reason] = Field(description="By target, the strongest first.")
    changes: list[Change] = Field(description="Of each target what would change it most, if any.")
    models: list[ModelUsed]


class Explanations(BaseModel):
    """The explanations, in the order of the records."""

    request_id: str
    as_of: datetime
    language: Language
    summary: Summary
    results: list[Annotated[Explanation | Failed, Field(discriminator="status")]]


_REFUSALS: dict[int | str, Any] = {
    status: {"model": Problem} for status in (400, 408, 413, 415, 422, 500, 503, 504)
}
_SCHEMA = {"$ref": "#/components/schemas/Question"}
_BODY = {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}


@ROUTER.post(
    "/v1/explanations",
    response_model=Explanations,
    responses=_REFUSALS,
    operation_id="explainCustomers",
    openapi_extra={"requestBody": _BODY},
    description=f"Reasons, and what would change answers, for 1 to {MOST_EXPLAINED} records.",
)
async def post_explanations(request: Request) -> Response:
    """Return reasons, and what would change answers, for as many records as may be explained."""
    require_json(request)
    scorer = find_scorer(request)
    body = await request.body()
    language = choose_language(request.headers.get("accept-language", ""))
    asked = body, scorer, request.scope["request_id"], language
    async with _TURN:
        return await asyncio.to_thread(_respond, *asked)


def _respond(body: bytes, scorer: Scorer, request_id: str, language: Language) -> Response:
    told = explain_all(body, scorer, request_id, language)
    RECORDS.labels("ok").inc(told.summary.succeeded)
    RECORDS.labels("error").inc(told.summary.failed)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(told.model_dump_json(exclude_none=True), 200, headers, "application/json")


def explain_all(
    body: bytes, scorer: Scorer, request_id: str, language: Language = "en"
) -> Explanations:
    """Return the explanations that the body asks for."""
    question = read_form(Question, body)
    refuse_many(len(question.records))
    as_of = question.as_of or datetime.now(UTC)
    targets = choose_targets(question, as_of, scorer)
    records = {str(i): record for i, record in enumerate(question.records)}
    results: dict[str, Explanation | Failed] = {
        key: error for key, record in records.items() if (error := fail(key, record))
    }
    whole = {key: record for key, record in records.items() if key not in results}
    history = tell_records(whole, as_of, scorer.norms)
    reasons = explain(scorer, history, (as_of, targets), Told(language))
    changes = find_changes(scorer, history, (as_of, targets), language)
    models = [name_model(scorer, target) for target in targets]
    for key, record in whole.items():
        results[key] = Explanation(
            record_id=record.record_id or key,
            customer_id=record.customer_id,
            reasons=reasons[key],
            changes=changes.get(key, []),
            models=models,
        )
    failed = len(records) - len(whole)
    return Explanations(
        request_id=request_id,
        as_of=as_of,
        language=language,
        summary=Summary(total=len(records), succeeded=len(whole), failed=failed),
        results=[results[key] for key in records],
    )
