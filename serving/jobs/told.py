"""What is told of jobs, and of the customers of one."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from contract.moments import EPOCH
from serving.jobs.job import Job, State
from serving.jobs.notices import count
from serving.reasons.words import Language
from serving.routes.records import Failed, Scored


class JobCounts(BaseModel):
    """How many customers a job is about, and what became of them."""

    total: int | None = Field(None, description="Absent until a worker has read whom it is about.")
    succeeded: int
    failed: int
    unprocessed: int | None = Field(None, description="Not yet answered, or cancelled before.")


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobEntry(BaseModel):
    """A job: what it asks, and how far it is."""

    job_id: str
    state: State
    source: str = Field(description="upload, store, or a name that the operator gave to tables.")
    as_of: datetime
    targets: list[str] | None = Field(None, description="Absent where all are asked for.")
    reasons: int
    language: Language
    counts: JobCounts
    lines_left_out: int = Field(description="Lines of an upload that lack what a line must have.")
    created_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    error: JobError | None = Field(None, description="Where it failed: why.")


class JobStatus(JobEntry):
    """One job."""

    request_id: str


class JobList(BaseModel):
    """Jobs of the caller, the newest first."""

    request_id: str
    jobs: list[JobEntry]
    next_cursor: str | None = Field(None, description="Where there are more: ask with this.")


class Unprocessed(BaseModel):
    """One customer without an answer yet."""

    record_id: str
    customer_id: str
    status: Literal["unprocessed"] = "unprocessed"


JobResult = Annotated[
    Scored | Failed | Unprocessed,
    Field(
        discriminator="status",
        title="JobResult",
        description="The answer on one customer, or with another status why there is none.",
    ),
]


class JobResults(BaseModel):
    """What a job tells of customers, in the order in which it read them."""

    request_id: str
    job_id: str
    state: State
    results: list[JobResult]
    next_cursor: str | None = Field(None, description="Where there are more: ask with this.")


def tell_job(job: Job) -> dict[str, Any]:
    """Return the job as JobEntry has it."""
    asked = job.question
    entry = JobEntry(
        job_id=job.job_id,
        state=job.state,
        source=job.source,
        as_of=asked.as_of or _tell(job.made_us),
        targets=asked.targets,
        reasons=asked.reasons,
        language=asked.language,
        counts=JobCounts(**count(job)),
        lines_left_out=job.left_out,
        created_at=_tell(job.made_us),
        began_at=_tell(job.began_us) if job.began_us else None,
        ended_at=_tell(job.ended_us) if job.ended_us else None,
        error=JobError(**json.loads(job.fault)) if job.fault else None,
    )
    return entry.model_dump(mode="json", exclude_none=True)


def _tell(moment_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=moment_us)
