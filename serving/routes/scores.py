"""Score customers now, from the transactions and interactions told in the request."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from contract.answers import ModelUsed
from serving.problems import RefusalError
from serving.reasons.explain import Told, explain
from serving.reasons.languages import choose_language
from serving.reasons.limit import MOST_EXPLAINED, refuse_many
from serving.reasons.words import Language
from serving.requests import Moment, Name, point, read_form, require_json
from serving.routes.health import find_scorer
from serving.routes.metrics import RECORDS
from serving.routes.records import Asked, Failed, Record, Scored, fail, tell, tell_records
from serving.routes.stored import join_all
from serving.routes.strange import find_strange
from serving.scorer import Scorer
from serving.store.opened import Store

ROUTER = APIRouter(tags=["scores"])

AHEAD = timedelta(minutes=5)  # clocks differ


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
    scorer, store = find_scorer(request), request.app.state.store
    body = await request.body()
    language = choose_language(request.headers.get("accept-language", ""))
    asked = request.scope["request_id"], language
    # In a thread whatever its size: one record takes tens of milliseconds too, and probes wait.
    return await asyncio.to_thread(_respond, body, (scorer, store), asked)


def _respond(
    body: bytes, served: tuple[Scorer, Store | None], asked: tuple[str, Language]
) -> Response:
    (scorer, store), (request_id, language) = served, asked
    scores = answer(body, scorer, request_id, store, language)
    RECORDS.labels("ok").inc(scores.summary.succeeded)
    RECORDS.labels("error").inc(scores.summary.failed)
    return Response(scores.model_dump_json(exclude_none=True), media_type="application/json")


def answer(
    body: bytes,
    scorer: Scorer,
    request_id: str,
    store: Store | None = None,
    language: Language = "en",
) -> Scores:
    """Return the answers to what the body asks, by what it tells and what the store has."""
    question = read_form(Question, body)
    if question.explain:
        refuse_many(len(question.records))
    as_of = question.as_of or datetime.now(UTC)
    targets = choose_targets(question, as_of, scorer)
    # Two records may speak of one customer, so the tables know each record by its position.
    records = {str(i): record for i, record in enumerate(question.records)}
    joined = join_all(records, store)
    results: dict[str, Scored | Failed] = {**joined.failed}
    results |= {k: e for k, r in joined.records.items() if (e := fail(k, r))}
    whole = {key: record for key, record in joined.records.items() if key not in results}
    norms = scorer.norms
    history = tell_records(whole, as_of, norms, joined.listed)
    beside = {
        "models": [name_model(scorer, target) for target in targets],
        "attributes": norms.attributes,
    }
    asked = as_of, targets
    reasons = explain(scorer, history, asked, Told(language)) if question.explain else {}
    for row in scorer.score(history, as_of, targets).to_pylist():
        key = row["customer_id"]
        stored = (joined.warnings[key],) if key in joined.warnings else ()
        warnings = stored + find_strange(whole[key], norms)
        told = row | beside | {"reasons": reasons.get(key)}
        results[key] = tell(key, records[key], told, warnings)
    failed = len(records) - len(whole)
    return Scores(
        request_id=request_id,
        as_of=as_of,
        summary=Summary(total=len(records), succeeded=len(whole), failed=failed),
        results=[results[key] for key in records],
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
