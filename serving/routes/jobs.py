"""Jobs as they stand, and what they tell of customers, page by page."""

import asyncio
import json
from typing import Any, NoReturn, TypeVar

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from serving.jobs.job import Job, find_job, list_jobs
from serving.jobs.queue import cancel
from serving.jobs.results import Outcome, read_page
from serving.jobs.told import JobList, JobResults, JobStatus, tell_job
from serving.problems import RefusalError
from serving.requests import check_form, point, require_json
from serving.routes.records import Asked as Form
from serving.routes.stored import find_store
from serving.routes.told import REFUSALS
from serving.store.opened import Store

ROUTER = APIRouter(tags=["jobs"])

MOST = 1_000


class _Page(Form):
    cursor: str | None = Field(None, max_length=64)
    limit: int = Field(100, ge=1, le=MOST)


class _ResultPage(_Page):
    outcome: Outcome | None = None


Page = TypeVar("Page", bound=_Page)


def describe_query(name: str, what: str, **schema: Any) -> dict[str, Any]:
    """Return what the document says of a word in the address."""
    told = {"type": "string", **schema}
    return {"name": name, "in": "query", "required": False, "description": what, "schema": told}


CURSOR = describe_query("cursor", "next_cursor of the page before.")
LIMIT = describe_query(
    "limit", "Of one page; 100 unless told.", type="integer", minimum=1, maximum=MOST
)
OUTCOME = describe_query(
    "outcome", "Only these; all unless told.", enum=["succeeded", "failed", "unprocessed"]
)


def write_job(
    job: Job, request_id: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return the answer that tells the job."""
    body = json.dumps({"request_id": request_id, **tell_job(job)}, ensure_ascii=False)
    return Response(body, status, headers, "application/json")


@ROUTER.get(
    "/v1/jobs",
    response_model=JobList,
    responses=REFUSALS,
    operation_id="listJobs",
    openapi_extra={"parameters": [CURSOR, LIMIT]},
)
async def get_jobs(request: Request) -> Response:
    """Return the caller's jobs of the last days, the newest first."""
    page = _read_page(_Page, request.query_params)
    store, owner = find_store(request), request.scope["owner"]
    jobs = await asyncio.to_thread(_list, store, owner, page)
    told: dict[str, Any] = {"request_id": request.scope["request_id"]}
    told["jobs"] = [tell_job(job) for job in jobs[: page.limit]]
    if len(jobs) > page.limit:
        told["next_cursor"] = jobs[page.limit - 1].job_id
    return Response(json.dumps(told, ensure_ascii=False), media_type="application/json")


def _list(store: Store, owner: str, page: _Page) -> list[Job]:
    before = None
    with store.read() as connection:
        if page.cursor is not None:
            last = find_job(connection, owner, page.cursor)
            before = last.row if last else _refuse_cursor()
        return list_jobs(connection, owner, before, page.limit + 1)


@ROUTER.get("/v1/jobs/{job_id}", response_model=JobStatus, operation_id="getJob")
async def get_job(request: Request, job_id: str) -> Response:
    """Return one job of the caller's."""
    job = await asyncio.to_thread(_find, find_store(request), request.scope["owner"], job_id)
    return write_job(job, request.scope["request_id"])


def _find(store: Store, owner: str, job_id: str) -> Job:
    with store.read() as connection:
        job = find_job(connection, owner, job_id) if job_id.isalnum() else None
    return job or _refuse_unknown()


@ROUTER.post("/v1/jobs/{job_id}/cancel", response_model=JobStatus, operation_id="cancelJob")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Return the job, which goes on no more; one that has ended stays as it is."""
    if {"content-type", "content-encoding"}.intersection(request.headers):
        require_json(request)  # a body is not needed, and one of another kind not meant for this
    store, owner = find_store(request), request.scope["owner"]
    job = await asyncio.to_thread(cancel, store, owner, job_id) if job_id.isalnum() else None
    return write_job(job or _refuse_unknown(), request.scope["request_id"])


@ROUTER.get(
    "/v1/jobs/{job_id}/results",
    response_model=JobResults,
    responses=REFUSALS,
    operation_id="getJobResults",
    openapi_extra={"parameters": [OUTCOME, CURSOR, LIMIT]},
)
async def get_results(request: Request, job_id: str) -> Response:
    """Return what a job tells of customers, each as POST /v1/scores tells it, a page at a time."""
    page = _read_page(_ResultPage, request.query_params)
    if page.cursor is not None and not page.cursor.isdecimal():
        _refuse_cursor()
    asked = find_store(request), request.scope["owner"], job_id
    return await asyncio.to_thread(_tell_results, asked, page, request.scope["request_id"])


def _tell_results(asked: tuple[Store, str, str], page: _ResultPage, request_id: str) -> Response:
    store, owner, job_id = asked
    job = _find(store, owner, job_id)
    with store.read() as connection:
        after = int(page.cursor or 0)
        told, more = read_page(connection, job_id, page.outcome, after, page.limit)
    head = {"request_id": request_id, "job_id": job_id, "state": job.state}
    if more is not None:
        head["next_cursor"] = str(more)
    # As they were written when they were made.
    body = f'{json.dumps(head)[:-1]}, "results": [{",".join(told)}]}}'
    return Response(body, media_type="application/json")


def _read_page(form: type[Page], query: Any) -> Page:
    """Return which page is asked for."""
    said: dict[str, Any] = dict(query)
    if said.get("limit", "").isdecimal():
        said["limit"] = int(said["limit"])
    return check_form(form, said, "the address")


def _refuse_cursor() -> NoReturn:
    detail = "Ask with next_cursor of the page before, or without a cursor."
    fault = point(["cursor"], "unknown_cursor", "A cursor that was told is expected.")
    raise RefusalError("wrong_form", detail, errors=[fault])


def _refuse_unknown() -> NoReturn:
    raise RefusalError("unknown_job", "No job of yours has this id; it may have been forgotten.")
