"""Why customers are scored as they are, and what would change that most."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import ModelUsed
from serving.reasons.changes import Change, find_changes
from serving.reasons.explain import Reason, Told, explain
from serving.reasons.languages import choose_language
from serving.reasons.limit import MOST_EXPLAINED, refuse_many
from serving.reasons.words import Language
from serving.requests import read_form, require_json
from serving.routes.health import find_scorer
from serving.routes.histories import tell_records
from serving.routes.metrics import RECORDS
from serving.routes.questions import Question, Summary, choose_targets, name_model
from serving.routes.records import Failed, fail
from serving.routes.stored import join_all
from serving.scorer import Scorer
from serving.store.opened import Store

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


Explained = Annotated[
    Explanation | Failed,
    Field(
        discriminator="status",
        title="Explained",
        description="The explanation of one record, or why it has none: status says which.",
    ),
]


class Explanations(BaseModel):
    """The explanations, in the order of the records."""

    request_id: str
    as_of: datetime
    language: Language
    summary: Summary
    results: list[Explained]


_SCHEMA = {"$ref": "#/components/schemas/Question"}
_BODY = {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}


@ROUTER.post(
    "/v1/explanations",
    response_model=Explanations,
    operation_id="explainCustomers",
    openapi_extra={"requestBody": _BODY},
    description=f"Reasons, and what would change answers, for 1 to {MOST_EXPLAINED} records.",
)
async def post_explanations(request: Request) -> Response:
    """Return reasons, and what would change answers, for as many records as may be explained."""
    require_json(request)
    served = find_scorer(request), request.app.state.store
    body = await request.body()
    language = choose_language(request.headers.get("accept-language", ""))
    asked = request.scope["request_id"], language
    async with _TURN:
        return await asyncio.to_thread(_respond, body, served, asked)


def _respond(
    body: bytes, served: tuple[Scorer, Store | None], asked: tuple[str, Language]
) -> Response:
    (scorer, store), (request_id, language) = served, asked
    told = explain_all(body, scorer, request_id, language, store)
    RECORDS.labels("ok").inc(told.summary.succeeded)
    RECORDS.labels("error").inc(told.summary.failed)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(told.model_dump_json(exclude_none=True), 200, headers, "application/json")


def explain_all(
    body: bytes,
    scorer: Scorer,
    request_id: str,
    language: Language = "en",
    store: Store | None = None,
) -> Explanations:
    """Return the explanations that the body asks for."""
    question = read_form(Question, body)
    refuse_many(len(question.records))
    as_of = question.as_of or datetime.now(UTC)
    targets = choose_targets(question, as_of, scorer)
    records = {str(i): record for i, record in enumerate(question.records)}
    joined = join_all(records, store)
    results: dict[str, Explanation | Failed] = {**joined.failed}
    results |= {k: error for k, r in joined.records.items() if (error := fail(k, r))}
    whole = {key: record for key, record in joined.records.items() if key not in results}
    history = tell_records(whole, as_of, scorer.norms, joined.listed, joined.kept)
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
