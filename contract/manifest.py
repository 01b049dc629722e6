"""All of a bundle but the model's own numbers."""

from datetime import datetime
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from contract.models import Columns

FORMAT: Literal[2] = 2


class Eligible(BaseModel):
    """Whom a target speaks of: customers whose feature is known, and not above a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    at_most: float | None = None

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


class Manifest(BaseModel):
    """All of a bundle but the model's own numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    target: str
    meaning: str
    horizon_days: int
    family: str
    as_of: datetime
    inputs: tuple[str, ...]
    eligible: Eligible
    base_rate: float
    calibration: Calibration
    priors: Priors
    percentiles: tuple[float, ...]
    pace: float
    metrics: dict[str, float]
    dictionary: str
    files: dict[str, str] = {}
