"""The gate on hand-made judgements: each check refuses what it is there for."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from contract.models import logistic
from training.evaluation import evaluate
from training.gate import Rival, check_features, check_shuffled, check_signal, find_bands, hold_gate
from training.snapshots import Snapshots

COUNT = 4000
RNG = np.random.default_rng(6)
TRUE = logistic(RNG.normal(0, 1.2, COUNT))
OUTCOME = (RNG.random(COUNT) < TRUE).astype(float)


def judge(probability, rung="full_model", columns=None):
    """What judging gives, as far as the gate looks at it."""
    rows = {"as_of_us": 0, "outcome": OUTCOME, "noise": RNG.normal(size=COUNT), **(columns or {})}
    told = {"ours": probability, "base_rate": np.full(COUNT, OUTCOME.mean())}
    return SimpleNamespace(
        snapshot=Snapshots(pd.DataFrame(rows), 30),
        probabilities=told,
        best="ours",
        metrics={name: evaluate(OUTCOME, p) for name, p in told.items()},
        plan=SimpleNamespace(step=SimpleNamespace(rung=rung)),
        stages=None,
    )


def refuse(judged, rival=None):
    """Return the names of the checks that are not passed; that of shuffled outcomes apart."""
    judged.plan.step.rung = "low" if judged.plan.step.rung == "full_model" else "lower"
    return [c.name for c in hold_gate(judged, None, rival).checks if not c.passed]


def test_a_model_that_is_true_passes_alone_and_beside_a_worse_champion():
    assert refuse(judge(TRUE)) == []
    worse = Rival("3", np.clip(TRUE + RNG.normal(0, 0.2, COUNT), 0.01, 0.99))
    assert refuse(judge(TRUE), worse) == []


def test_a_model_without_signal_is_refused():
    flat = np.full(COUNT, OUTCOME.mean()) + RNG.normal(0, 0.01, COUNT)
    check = check_signal(judge(flat))
    assert not check.passed
    assert check.found.startswith("log loss gain over the base rate")


def test_on_a_low_rung_the_base_rate_itself_will_do():
    assert refuse(judge(np.full(COUNT, OUTCOME.mean()))) == []
    assert "signal" in refuse(judge(RNG.permutation(TRUE)))


def test_a_model_that_is_surely_worse_than_the_champion_is_refused():
    noisy = np.clip(TRUE + RNG.normal(0, 0.2, COUNT), 0.01, 0.99)
    assert "log loss" in refuse(judge(noisy), Rival("3", TRUE))


def test_a_mean_far_off_is_refused_unless_the_champion_is_farther_off():
    low = logistic(np.log(TRUE / (1 - TRUE)) - 1)
    lower = logistic(np.log(TRUE / (1 - TRUE)) - 2)
    assert refuse(judge(low)) == ["calibration"]
    assert refuse(judge(low), Rival("3", lower)) == []


def test_a_challenger_of_equal_quality_that_flips_bands_is_refused():
    """Two halves of the truth, each blind to the other: as good as each other, and far apart."""
    one, other = RNG.normal(0, 1, (2, COUNT))
    came = RNG.random(COUNT) < logistic(one + other)
    judged = judge(logistic(0.85 * one))
    judged.snapshot.rows["outcome"] = came.astype(float)
    judged.__dict__["snapshot"] = Snapshots(judged.snapshot.rows, 30)
    judged.metrics = {n: evaluate(came.astype(float), p) for n, p in judged.probabilities.items()}
    assert refuse(judged, Rival("3", logistic(0.85 * other))) == ["stability"]
    # The whole truth flips as many, and is worth it.
    judged.probabilities["ours"] = logistic(one + other)
    judged.plan.step.rung = "full_model"
    assert "stability" not in refuse(judged, Rival("3", logistic(0.85 * other)))


def test_a_feature_that_knows_the_outcome_is_refused():
    leak = judge(TRUE, columns={"closed_account": OUTCOME + RNG.normal(0, 0.3, COUNT)})
    check = check_features(leak.snapshot)
    assert not check.passed and check.found.startswith("closed_account alone has AUC 0.9")
    gone = judge(TRUE, columns={"last_seen": np.where(OUTCOME > 0, np.nan, 1.0)})
    assert check_features(gone.snapshot).found == "last_seen alone has AUC 1.000"


def test_a_model_too_good_to_be_true_is_refused():
    assert "model" in refuse(judge(np.clip(OUTCOME, 0.01, 0.99)))


def shuffled(leak=0.0):
    rng = np.random.default_rng(1)
    parts = [
        pd.DataFrame(
            {"as_of_us": m, "x": rng.normal(size=1500), "outcome": rng.integers(0, 2, 1500)}
        )
        for m in (0, 1)
    ]
    rows = pd.concat(parts, ignore_index=True).astype({"outcome": float})
    return Snapshots(rows.assign(x=rows["x"] + leak * rows["outcome"]), 30)


def test_what_cannot_be_learned_is_not_learned():
    stages = SimpleNamespace(train=[], serve=None)

    class Dealt(Snapshots):
        """Shuffles nothing: as if outcomes leaked into what is learned from."""

        def shuffle(self, seed):
            return self

        def at(self, moments):
            return Snapshots(self.rows[self.rows["as_of_us"] == (0 if moments == [] else 1)], 30)

    honest = check_shuffled(Dealt(shuffled().rows, 30), stages)
    assert honest.passed
    leaking = check_shuffled(Dealt(shuffled(leak=0.8).rows, 30), stages)
    assert not leaking.passed and float(leaking.found.split()[1].strip(",")) > 0.6


def test_shuffling_keeps_each_moments_base_rate():
    before = shuffled()
    after = before.shuffle(3)
    assert after.base_rate.tolist() == before.base_rate.tolist()
    assert 0.4 < np.mean(after.outcome == before.outcome) < 0.6


def test_bands_are_by_rank():
    assert np.bincount(find_bands(np.linspace(0, 1, 100))).tolist() == [40, 40, 20]
    assert find_bands(np.array([0.5, 0.5])).tolist() == [1, 1]
    assert len(find_bands(np.array([]))) == 0


@pytest.mark.parametrize("passed", [True, False])
def test_a_verdict_is_told_with_every_check(passed):
    verdict = hold_gate(judge(TRUE if passed else RNG.permutation(TRUE), rung="low"), None, None)
    told = verdict.as_json()
    assert told["passed"] is passed is (verdict.reasons == ())
    assert [c["name"] for c in told["checks"]] == [
        "signal", "calibration", "features", "model", "poisoned future"
    ]  # fmt: skip
