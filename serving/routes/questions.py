"""A question of records: what it asks, and whether models here can answer it."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field

from contract.answers import ModelUsed
from serving.problems import RefusalError
from serving.reasons.limit import MOST_EXPLAINED
from serving.requests import Moment, Name, point
from serving.routes.records import Asked, Record
from serving.scorer import Scorer

AHEAD = timedelta(minutes=5)  # clocks differ


class Question(Asked):
    """Which customers to score, for which targets, as of when."""

    as_of: Moment | None = Field(None, description="Now, unless told; what is later is ignored.")
    targets: list[Name] | None = Field(None, max_length=50, description="All, unless told.")
    records: list[Record] = Field(min_length=1, max_length=1000)
    max_age_s: int | None = Field(
        None,
        ge=0,
        le=31_536_000,
        description="A record of customer_id alone may have a stored answer, made at most so many"
        " seconds ago, unless something was told of the customer since.",
    )
    explain: bool = Field(False, description=f"Tell reasons; of {MOST_EXPLAINED} records at most.")


class Summary(BaseModel):
    """How many records have an answer."""

    total: int
    succeeded: int
    failed: int


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
