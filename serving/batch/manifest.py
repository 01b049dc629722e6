"""What a batch says of itself, beside its rows and after them: its presence says all is there."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from contract.answers import ModelUsed


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Said):
    """Customers in, and what became of them: the three others add up to `customers`."""

    customers: int = Field(0, description="In the tables, by their ids.")
    answered: int = 0
    outside: int = Field(0, description="Whom --where did not ask about.")
    rejected: Mapping[str, int] = Field({}, description="By reason.")

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both together."""
        codes = sorted({*self.rejected, *other.rejected})
        return Counts(
            customers=self.customers + other.customers,
            answered=self.answered + other.answered,
            outside=self.outside + other.outside,
            rejected={c: self.rejected.get(c, 0) + other.rejected.get(c, 0) for c in codes},
        )


class Plan(_Said):
    """All that the rows of a batch follow from: the same plan makes the same rows."""

    as_of: datetime
    models: tuple[ModelUsed, ...]
    dictionary: str = Field(description="sha256 of what the features read mean.")
    reasons: int
    language: str
    where: str
    form: str = Field(description="wide, or long.")
    parts: int
    tables: Mapping[str, str] = Field(description="A fingerprint of each source.")

    @property
    def digest(self) -> str:
        """What the plan is known by."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Part(_Said):
    """A part that is done."""

    counts: Counts
    rows: int
    sha256: str = ""


class Done(Part):
    """A part that a task of Spark has done, and the rows of each table that it held."""

    table_rows: Mapping[str, int]


class Written(_Said):
    """A file, or a table, that holds rows."""

    name: str
    rows: int
    sha256: str = Field("", description="Of a file.")


class Manifest(_Said):
    """What a whole batch was made of, and where its rows are."""

    plan: Plan
    counts: Counts
    table_rows: Mapping[str, int] = Field(description="Rows read of each table, unusable ones too.")
    rows: int
    written: tuple[Written, ...]
