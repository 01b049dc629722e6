"""A job asked for: what it brings is kept, and put into the queue once."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from serving.jobs.asked import Asked
from serving.jobs.job import STORE, UPLOAD
from serving.jobs.pieces import forget_pieces, keep_pieces
from serving.jobs.queue import Put, Wish, is_known, make_id, put
from serving.jobs.sources import list_names
from serving.jobs.told import JobStatus
from serving.jobs.uploads import FORMS, UploadError, is_list, open_upload
from serving.problems import RefusalError
from serving.requests import Name, point, read_form, require_json
from serving.routes.health import find_scorer
from serving.routes.jobs import describe_query, write_job
from serving.routes.questions import Question, choose_targets
from serving.routes.stored import find_store
from serving.routes.told import REFUSALS, describe
from serving.routes.uploads import KEY_IN_QUERY, Upload, read_asked, read_key, read_kind
from serving.store.opened import Store

ROUTER = APIRouter(tags=["jobs"])

TAKES = "Send application/json, text/csv, application/x-ndjson or application/vnd.apache.parquet."


class JobQuestion(Asked):
    """Which customers to score later: those of the store, or of tables the operator named."""

    source: Name = Field(description="store, or the name of tables: never a path or an address.")


KEY = describe_query(KEY_IN_QUERY, "For callers that cannot send the header Idempotency-Key.",
                maxLength=255)  # fmt: skip


@ROUTER.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobStatus,
    responses=REFUSALS,
    operation_id="createJob",
    description="Leave customers to be scored later. The header Idempotency-Key is required: the"
    " same request under the same key is one job for 24 hours. In place of JSON, up to 150 MB of"
    " order lines, or a list of customer_id alone, may be sent as text/csv, application/x-ndjson or"
    " application/vnd.apache.parquet, with as_of, targets, reasons and language in the address.",
    openapi_extra={**describe(JobQuestion), "parameters": [KEY]},
)
async def post_jobs(request: Request) -> Response:
    """Return the job that the request stands for, a new one or the one that it brought before."""
    upload: Upload | None = request.scope.get("upload")
    if upload is None:
        if read_kind(request.headers) != "application/json":
            raise RefusalError("unsupported_media_type", TAKES)
        require_json(request)
    key = read_key(request.headers, request.query_params)
    store, scope = find_store(request), request.scope
    source, asked, digest = await _read(request, upload)
    choose_targets(
        Question.model_construct(targets=asked.targets, records=[]),
        asked.as_of or datetime.now(UTC),
        find_scorer(request),
    )
    form = FORMS[read_kind(request.headers)] if upload else None
    told = json.dumps([source, form, digest])
    fingerprint = hashlib.sha256(told.encode() + scope["query_string"]).hexdigest()
    settled = asked.at(datetime.now(UTC)).model_dump_json()
    wish = Wish(scope["owner"], key, fingerprint, source, form, settled)
    found = await asyncio.to_thread(_put, store, wish, upload)
    return _answer_put(found, scope["request_id"])


async def _read(request: Request, upload: Upload | None) -> tuple[str, Asked, str]:
    """Return the source, what is asked of it, and a digest of all that the body says."""
    if upload:
        return UPLOAD, read_asked(request.query_params), upload.digest
    body = await request.body()
    question = read_form(JobQuestion, body)
    asked = Asked.model_construct(**question.model_dump(exclude={"source"}))
    return question.source, asked, hashlib.sha256(body).hexdigest()


def _put(store: Store, wish: Wish, upload: Upload | None) -> Put:
    job_id, known = make_id(), is_known(store, wish.owner, wish.key)
    if upload and not known:
        _check(upload, wish.form or "")
        keep_pieces(store, job_id, upload.file)
    elif not known:
        _check_source(store, wish.source)
    found = put(store, wish, job_id)
    if upload and not known and (found is None or found.replayed):
        forget_pieces(store, job_id)  # another of the same key was quicker
    if found is None:
        detail = "Take a new key for a new request; each is kept for 24 hours."
        raise RefusalError("idempotency_key_reused", detail)
    return found


def _check(upload: Upload, form: str) -> None:
    try:
        is_list(open_upload(Path(upload.file.name), form))
    except UploadError as error:
        raise RefusalError("wrong_form", str(error)) from None


def _check_source(store: Store, source: str) -> None:
    names = [STORE, *list_names(store)]
    if source not in names:
        fault = point(["source"], "unknown_source", f"The sources here are {', '.join(names)}.")
        raise RefusalError("wrong_form", "No tables are known by that name.", errors=[fault])


def _answer_put(found: Put, request_id: str) -> Response:
    headers = {"Location": f"/v1/jobs/{found.job.job_id}"}
    if found.replayed:
        headers["Idempotency-Replayed"] = "true"
    return write_job(found.job, request_id, 202, headers)
