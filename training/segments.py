"""Where, among kinds of customers, a model is worth having, and where a plain rule does better."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.models import Columns, Numbers
from contract.segments import SEGMENTS, find_segments
from training.estimates import Estimate
from training.evaluation import compare, evaluate, find_losses
from training.grades import grade_probabilities


@dataclass(frozen=True)
class Segment:
    """The figures of one kind of customers."""

    customers: int
    mean_predicted: Estimate
    mean_observed: Estimate
    log_loss: Estimate
    best_baseline: str  # the one with the least log loss here
    gain: Estimate  # how much less log loss the model has than it
    grade: str  # by the rule of the whole, on these customers alone

    @property
    def rule_wins(self) -> bool:
        """Whether the baseline has less log loss, with the whole interval."""
        return self.gain.high < 0


def evaluate_segments(
    outcome: Numbers,
    probability: Numbers,
    baselines: Mapping[str, Numbers],
    segment: NDArray,
) -> dict[str, Segment]:
    """Return the figures of each segment, by name; `segment` names that of each customer.

    The best baseline is picked on the same customers it is compared on, which favours it.
    """
    return {
        str(name): _judge(outcome[within], probability[within], _cut(baselines, within))
        for name in np.unique(segment)
        if (within := segment == name).any()
    }


def split_segments(columns: Columns) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each kind of customers that there is, with which rows are of it."""
    kinds = find_segments(columns)
    for number, name in enumerate(SEGMENTS):
        if (kinds == number).any():
            yield name, kinds == number


def _cut(baselines: Mapping[str, Numbers], within: NDArray[np.bool_]) -> dict[str, Numbers]:
    return {name: told[within] for name, told in baselines.items()}


def _judge(outcome: Numbers, probability: Numbers, baselines: Mapping[str, Numbers]) -> Segment:
    gains = {name: compare(outcome, probability, told) for name, told in baselines.items()}
    best = min(baselines, key=lambda name: find_losses(outcome, baselines[name]).mean())
    ours = evaluate(outcome, probability)
    theirs = {name: evaluate(outcome, told) for name, told in baselines.items()}
    return Segment(
        customers=len(outcome),
        mean_predicted=ours["mean_predicted"],
        mean_observed=ours["mean_observed"],
        log_loss=ours["log_loss"],
        best_baseline=best,
        gain=gains[best],
        grade=grade_probabilities(ours, theirs, gains).letter,
    )
