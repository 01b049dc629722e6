import numpy as np
import pytest

from training.estimates import Estimate
from training.evaluation import compare, evaluate
from training.grades import grade_probabilities, grade_ranking, grade_worths
from training.segments import evaluate_segments


def about(value, width=0.01):
    return Estimate(value, value - width, value + width)


GOOD = {
    "auc": about(0.80),
    "ece_debiased": about(0.02),
    "mean_ratio": about(1.02),
    "calibration_slope": about(0.95),
}
SILENCE = {"days_since_order": {"auc": about(0.79), "ece_debiased": about(0.05)}}
CLEAR, LIKELY, EQUAL, WORSE = about(0.05), about(0.005), about(-0.004), about(-0.05)


def grade(gain, **changed):
    return grade_probabilities({**GOOD, **changed}, SILENCE, {"days_since_order": gain})


def test_a_model_that_clearly_beats_and_is_calibrated_is_an_a_and_says_why():
    found = grade(CLEAR)
    assert found.letter == "A"
    assert found.rule.startswith("A: less log loss than every baseline")
    assert found.reasons == (
        "A met: gains 0.050 (0.040 to 0.060) in log loss over days_since_order",
        "A met: calibration error 0.020 (0.010 to 0.030), at most 0.03",
        "A met: mean predicted / mean observed 1.020 (1.010 to 1.030), within 5%",
        "A met: calibration slope 0.950 (0.940 to 0.960), from 0.9 to 1.1",
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"gain": LIKELY}, "gains 0.005 (-0.005 to 0.015) in log loss"),
        ({"ece_debiased": about(0.031)}, "calibration error 0.031 (0.021 to 0.041), at most 0.03"),
        ({"mean_ratio": about(0.94)}, "mean predicted / mean observed 0.940 (0.930 to 0.950)"),
        ({"calibration_slope": about(1.2)}, "calibration slope 1.200 (1.190 to 1.210)"),
    ],
)
def test_each_condition_alone_makes_it_a_b_and_is_named(changed, reason):
    found = grade(**{"gain": CLEAR, **changed})
    assert found.letter == "B"
    (missed,) = [r for r in found.reasons if "not met" in r]
    assert missed.startswith(f"A not met: {reason}")


def test_equal_with_a_better_calibration_is_a_b():
    found = grade(EQUAL)
    assert found.letter == "B"
    assert found.reasons[-2] == (
        "B met: gains -0.004 (-0.014 to 0.006) in log loss over days_since_order; AUC 0.800"
        " against 0.790 (0.780 to 0.800), calibration error 0.020 against 0.050"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"gain": WORSE},
        {"gain": EQUAL, "ece_debiased": about(0.06)},
        {"gain": EQUAL, "auc": about(0.75)},
        {"gain": CLEAR, "mean_ratio": about(1.12)},
    ],
)
def test_anything_else_is_a_c(changed):
    assert grade(**changed).letter == "C"


def test_a_slope_that_cannot_be_told_is_not_met():
    known = {name: figure for name, figure in GOOD.items() if name != "calibration_slope"}
    found = grade_probabilities(known, SILENCE, {"days_since_order": CLEAR})
    assert (found.letter, found.reasons[3]) == (
        "B",
        "A not met: no calibration slope can be told",
    )


@pytest.mark.parametrize(
    ("gain", "bias", "letter"),
    [
        (CLEAR, -0.09, "A"),
        (CLEAR, 0.11, "B"),
        (LIKELY, 0.0, "B"),
        (CLEAR, 0.21, "C"),
        (EQUAL, 0.0, "C"),
    ],
)
def test_worths_are_graded_by_gini_and_total(gain, bias, letter):
    found = grade_worths({"total_bias": about(bias)}, {"last_year": CLEAR, "mean_order": gain})
    assert found.letter == letter
    assert any(f"total predicted {bias:+.1%} off" in reason for reason in found.reasons)


def test_rankings_are_graded_by_every_plain_list():
    assert grade_ranking({"decayed_blend": CLEAR, "global_top": CLEAR}).letter == "A"
    assert grade_ranking({"decayed_blend": LIKELY, "global_top": CLEAR}).letter == "B"
    assert grade_ranking({"decayed_blend": EQUAL, "global_top": CLEAR}).letter == "C"


def test_without_a_baseline_nothing_is_above_c():
    for found in (grade_ranking({}), grade_worths({"total_bias": about(0)}, {})):
        assert found.letter == "C"
        assert "A not met: there is no baseline to compare with" in found.reasons
    assert grade_probabilities(GOOD, {}, {}).letter == "C"


def test_real_probabilities_get_the_grade_they_deserve():
    rng = np.random.default_rng(5)
    true = rng.beta(1, 3, 4000)
    outcome = (rng.random(4000) < true).astype(float)
    flat = np.full_like(true, outcome.mean())
    level = outcome.mean() / true.mean()

    def judge(told):
        baselines = {"base_rate": evaluate(outcome, flat)}
        gains = {"base_rate": compare(outcome, told, flat)}
        return grade_probabilities(evaluate(outcome, told), baselines, gains).letter

    assert (judge(true), judge(true * level * 0.93), judge(true / 2)) == ("A", "B", "C")


def test_segments_say_where_the_rule_wins():
    rng = np.random.default_rng(2)
    count = 2000
    true = rng.beta(1, 3, count)
    outcome = (rng.random(count) < true).astype(float)
    segment = np.where(np.arange(count) < 500, "new", "regular")
    ours = np.where(segment == "new", 1 - true, true)  # upside down for the new ones
    baselines = {"base_rate": np.full(count, outcome.mean()), "rule": np.clip(true + 0.1, 0, 1)}
    found = evaluate_segments(outcome, ours, baselines, segment)
    assert {name: s.customers for name, s in found.items()} == {"new": 500, "regular": 1500}
    assert (found["new"].rule_wins, found["regular"].rule_wins) == (True, False)
    assert found["new"].best_baseline == "rule" and found["new"].gain.high < 0
    assert (found["new"].grade, found["regular"].grade) == ("C", "A")
    regular = segment == "regular"
    assert found["regular"].mean_predicted.value == pytest.approx(true[regular].mean())
    assert found["regular"].mean_observed.value == pytest.approx(outcome[regular].mean())
    whole = evaluate(outcome[regular], true[regular])["log_loss"]
    assert found["regular"].log_loss == whole
    gain = compare(outcome[regular], ours[regular], baselines["rule"][regular])
    assert found["regular"].gain == gain and gain.low > 0


def test_a_tie_is_nobodys_win():
    outcome, told = np.array([1.0, 0.0] * 100), np.full(200, 0.5)
    found = evaluate_segments(outcome, told, {"rule": told}, np.full(200, "all"))["all"]
    assert not found.rule_wins and (found.gain.low, found.gain.high) == (0, 0)
