"""Why a job failed, as its caller is told: nothing of a customer, and no place on the server."""

import json

from contract.errors import PatronError
from serving.jobs.uploads import UploadError


def blame(code: str, detail: str) -> str:
    """Return what is kept of why a job failed."""
    return json.dumps({"code": code, "detail": detail})


def explain(error: PatronError) -> str:
    """Return what is kept of an error; of an upload its own words, of the shop's tables none."""
    if isinstance(error, UploadError):
        return blame(error.code, str(error))
    return blame(error.code, "The tables of the source cannot be used; the worker's log says why.")
