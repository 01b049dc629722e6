"""All of a bundle but the model's own numbers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from contract.answers import Rung
from contract.models import Columns
from contract.ranges import Ranges
from contract.waits import Waits
from contract.worth import Worth

FORMAT: Literal[3] = 3

Kind = Literal["chance", "choice", "worth"]


class Eligible(BaseModel):
    """Whom a target speaks of: customers whose feature is known, and not above a limit.

    Others get the share among customers like them, or no more than their stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    at_most: float | None = None
    others: Literal["prior", "stage"] = "prior"

    def holds(self, columns: Columns) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return, for each row, whether the customer is eligible."""
        known = columns[self.feature]
        limit = np.inf if self.at_most is None else self.at_most
        with np.errstate(invalid="ignore"):
            return np.asarray(known <= limit)


class Calibration(BaseModel):
    """What turns log-odds beyond the base rate into probabilities that came true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = 1.0
    intercept: float = 0.0


class Priors(BaseModel):
    """The share of outcomes among those the model does not speak of, when last observed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lapsed: float
    prospect: float


class BaseRate(BaseModel):
    """The share of outcomes foretold for the window ahead, and a 95 % interval of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float
    low: float
    high: float


class Manifest(BaseModel):
    """All of a bundle but the models' own numbers.

    `percentiles` are of the customers scored at registration, `percentiles_in_stage` of those in
    each segment of them; `ranges` are of the features of customers that the recipe was judged on,
    and `grade` is that in its report.
    `rules` are the segments in which a rule answers in the model's place; `parts` the models that a
    target has beside the first; `usual` what is usual of features, beside which reasons are told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[3] = FORMAT
    target: str
    kind: Kind = "chance"
    rung: Rung = "full_model"
    meaning: str
    horizon_days: int
    family: str
    as_of: datetime
    inputs: tuple[str, ...]
    eligible: Eligible
    base_rate: BaseRate
    calibration: Calibration
    priors: Priors
    percentiles: tuple[float, ...]
    percentiles_in_stage: Mapping[str, tuple[float, ...]] = {}
    ranges: Ranges | None = None
    waits: Waits | None = None
    worth: Worth | None = None
    rules: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    usual: dict[str, float] = {}
    metrics: dict[str, float]
    grade: str | None = None
    dictionary: str
    files: dict[str, str] = {}
