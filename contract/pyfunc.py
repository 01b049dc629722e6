"""What MLflow loads a registered model by: the verified bundle in it, and nothing that executes.

The service does not come here: it fetches the bundle and loads that (contract/registry.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contract.bundle import Bundle, load_bundle
from contract.errors import BundleError
from contract.models import Columns
from contract.predictions import PREDICTIONS

NAMED = 10  # names of missing features in a message


@dataclass(frozen=True)
class Predictor:
    """A bundle that answers a frame of features with a frame of answers."""

    bundle: Bundle

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row of answers for each row of features, in the same order and index."""
        told = PREDICTIONS[self.bundle.manifest.kind].tell(self.bundle, self._read(frame))
        return pd.DataFrame(dict(told), index=frame.index)

    def get_raw_model(self) -> Bundle:
        """Return the bundle, as MLflow's get_raw_model does."""
        return self.bundle

    def _read(self, frame: pd.DataFrame) -> Columns:
        lacking = [name for name in self.bundle.frame if name not in frame]
        if lacking:
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            raise BundleError(
                f"The model of {self.bundle.target} reads features that the frame lacks:"
                f" {', '.join(lacking[:NAMED])}{more}.",
                "Compute them by the bundle's norms (docs/models.md); a null is NaN.",
            )
        return {
            name: frame[name].to_numpy(np.float64, na_value=np.nan) for name in self.bundle.frame
        }


def _load_pyfunc(path: str) -> Predictor:
    """Return the predictor of the bundle in the folder; MLflow calls this by its name."""
    return Predictor(load_bundle(Path(path)))
