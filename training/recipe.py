"""How a model comes to be: train, calibrate on a later snapshot, refit on every closed one."""

from dataclasses import dataclass

from contract.bundle import log_odds, logistic
from contract.manifest import Calibration
from contract.models import Logistic, Model, Numbers
from training.calibration import fit_level, fit_slope
from training.families import Fit
from training.folds import Stages
from training.snapshots import Snapshots


@dataclass(frozen=True)
class Fitted:
    """A model with the calibration and the base rate that its probabilities need."""

    model: Model
    calibration: Calibration
    base_rate: float

    def probability(self, snapshots: Snapshots) -> Numbers:
        """Return the calibrated probability of each row; the rows' own outcomes are not read."""
        base = log_odds(self.base_rate)
        beyond = self.model.margin(snapshots.columns, base) - base
        return logistic(base + self.calibration.intercept + self.calibration.slope * beyond)

    def fold(self) -> Logistic:
        """Return a logistic model with its calibration folded into its coefficients."""
        assert isinstance(self.model, Logistic)
        slope, model = self.calibration.slope, self.model
        return Logistic(
            terms=model.terms,
            coefficients=tuple(slope * c for c in model.coefficients),
            intercept=slope * model.intercept + self.calibration.intercept,
            base_coefficient=slope * model.base_coefficient + 1 - slope,
        )


def fit_recipe(fit: Fit, snapshots: Snapshots, stages: Stages) -> Fitted:
    """Return the family fitted for answers at the stages' serving moment.

    How far to trust it is learned by a model that never saw the calibration snapshot. The model
    that answers is then refitted on all closed snapshots, and set to the last one's base rate.
    """
    last = snapshots.at([stages.calibrate])
    slope = fit_slope(fit(snapshots.at(stages.train)), last)
    model = fit(snapshots.at(stages.closed))
    calibration = Calibration(slope=slope, intercept=fit_level(model, slope, last))
    return Fitted(model, calibration, float(last.base_rate[0]))
