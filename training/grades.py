"""A grade for a model, A, B or C, by a rule that is told beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.estimates import Estimate

Metrics = Mapping[str, Estimate]
Check = tuple[bool, str]  # whether it is met, and what was found

MOST_ERROR = 0.03
LEVEL, LOOSE_LEVEL = 0.05, 0.10
SLOPE = (0.9, 1.1)
BIAS, LOOSE_BIAS = 0.10, 0.20

PROBABILITIES = (
    "A: less log loss than every baseline, the 95 % interval of each difference above 0; debiased"
    " calibration error at most .03; mean predicted within 5 % of mean observed; calibration slope"
    " from .9 to 1.1. B: less log loss than every baseline, or equal within the interval with as"
    " good an AUC and a smaller calibration error; mean predicted within 10 % of mean observed."
    " C: anything else."
)
WORTHS = (
    "A: a higher normalised Gini than every baseline, the 95 % interval of each difference above"
    " 0; predicted total within 10 % of the observed. B: a higher one than every baseline;"
    " predicted total within 20 %. C: anything else."
)
RANKING = (
    "A: a higher NDCG at 5 than every plain list, the 95 % interval of each difference above 0."
    " B: a higher one than every plain list. C: anything else."
)


@dataclass(frozen=True)
class Grade:
    """A letter, the rule that gives letters, and what was found for each of its conditions."""

    letter: str
    rule: str
    reasons: tuple[str, ...]


def grade_probabilities(ours: Metrics, baselines: Mapping[str, Metrics], gains: Metrics) -> Grade:
    """Return the grade of probabilities, from their metrics and those of the baselines.

    `gains` is how much less log loss they have than each baseline, by `compare`.
    """
    best = [
        *_beat(gains, "log loss", surely=True),
        _ask_error(ours.get("ece_debiased")),
        _ask_level(ours.get("mean_ratio"), LEVEL),
        _ask_slope(ours.get("calibration_slope")),
    ]
    good = [_beat_or_tie(ours, baselines[name], (name, gain)) for name, gain in gains.items()]
    good = good or _beat(gains, "log loss")
    return _award(PROBABILITIES, best, [*good, _ask_level(ours.get("mean_ratio"), LOOSE_LEVEL)])


def grade_worths(ours: Metrics, gains: Metrics) -> Grade:
    """Return the grade of foretold worths; `gains` is in normalised Gini, over each baseline."""
    bias = ours.get("total_bias")
    best = [*_beat(gains, "normalised Gini", surely=True), _ask_bias(bias, BIAS)]
    good = [*_beat(gains, "normalised Gini"), _ask_bias(bias, LOOSE_BIAS)]
    return _award(WORTHS, best, good)


def grade_ranking(gains: Metrics) -> Grade:
    """Return the grade of lists of categories; `gains` is in NDCG at 5, over each plain list."""
    return _award(RANKING, _beat(gains, "NDCG at 5", surely=True), _beat(gains, "NDCG at 5"))


def _award(rule: str, best: Sequence[Check], good: Sequence[Check]) -> Grade:
    if all(met for met, _ in best):
        return Grade("A", rule, _tell("A", best))
    letter = "B" if all(met for met, _ in good) else "C"
    return Grade(letter, rule, _tell("A", best) + _tell("B", good))


def _tell(letter: str, checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(f"{letter} {'met' if met else 'not met'}: {found}" for met, found in checks)


def _beat(gains: Metrics, figure: str, surely: bool = False) -> list[Check]:
    """Ask for a gain over every baseline, of which there must be one."""
    if not gains:
        return [(False, "there is no baseline to compare with")]
    return [
        ((gain.low if surely else gain.value) > 0, f"gains {gain} in {figure} over {name}")
        for name, gain in gains.items()
    ]


def _beat_or_tie(ours: Metrics, theirs: Metrics, gained: tuple[str, Estimate]) -> Check:
    """Ask for less log loss; or for as much, with as good a rank and a better calibration."""
    name, gain = gained
    if gain.value > 0:
        return True, f"gains {gain} in log loss over {name}"
    if not {"auc", "ece_debiased"} <= ours.keys() & theirs.keys():
        return False, f"gains {gain} in log loss over {name}, and no rank can be told"
    error, their_error = ours["ece_debiased"], theirs["ece_debiased"]
    tied = gain.high >= 0 and ours["auc"].value >= theirs["auc"].low
    found = (
        f"gains {gain} in log loss over {name}; AUC {ours['auc'].value:.3f} against"
        f" {theirs['auc']}, calibration error {error.value:.3f} against {their_error.value:.3f}"
    )
    return tied and error.value < their_error.value, found


def _ask_error(error: Estimate | None) -> Check:
    if error is None:
        return False, "no calibration error can be told"
    return error.value <= MOST_ERROR, f"calibration error {error}, at most {MOST_ERROR}"


def _ask_level(ratio: Estimate | None, most: float) -> Check:
    if ratio is None:
        return False, "nothing came true, so no level can be told"
    found = f"mean predicted / mean observed {ratio}, within {most:.0%}"
    return abs(ratio.value - 1) <= most, found


def _ask_slope(slope: Estimate | None) -> Check:
    if slope is None:
        return False, "no calibration slope can be told"
    low, high = SLOPE
    return low <= slope.value <= high, f"calibration slope {slope}, from {low} to {high}"


def _ask_bias(bias: Estimate | None, most: float) -> Check:
    if bias is None:
        return False, "nothing came, so no total can be told"
    found = f"total predicted {bias.value:+.1%} off ({bias.low:+.1%} to {bias.high:+.1%})"
    return abs(bias.value) <= most, f"{found}, within {most:.0%}"
