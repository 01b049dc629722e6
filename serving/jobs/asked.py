"""What a job asks of every customer it is about."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from serving.reasons.words import Language
from serving.requests import Moment, Name

MOST_REASONS = 10


class Asked(BaseModel):
    """As of when, for which targets, and whether and in which language to say why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: Moment | None = Field(None, description="When the job was made, unless told.")
    targets: list[Name] | None = Field(None, max_length=50, description="All, unless told.")
    reasons: int = Field(
        0, ge=0, le=MOST_REASONS, strict=True, description="Of each target; none unless told."
    )
    language: Language = Field("en", description="Of the reasons.")

    def at(self, moment: datetime) -> "Asked":
        """Return the same with its moment set, to this one unless another was told."""
        return self if self.as_of else self.model_copy(update={"as_of": moment})
