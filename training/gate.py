"""The gate before promotion: what a challenger must show, alone and beside the champion."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from contract.answers import HIGH, MEDIUM
from contract.models import Numbers
from features.sums import Whole
from training.evaluation import Estimate, Ranking, compare, evaluate
from training.families import FAMILIES, Family
from training.figures import trace_roc
from training.folds import Stages
from training.judging import Judged
from training.ranks import place
from training.snapshots import Snapshots

TOO_GOOD = 0.95  # AUC of a model
TOO_GOOD_ALONE = 0.95  # and of one feature: more than any behaviour tells of the future
TOLERANCE = 0.10  # how far the mean predicted may lie from the mean observed
FEWEST = 50  # outcomes of either kind, below which a rank is chance
MOST_FLIPS = 0.30  # of customers may change their band for no gain
SIGMAS = 3.0
SHUFFLE_SEED = 11


@dataclass(frozen=True)
class Check:
    """One thing that is asked of a challenger, what was found, and whether that will do."""

    name: str
    passed: bool
    found: str
    wanted: str


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger may be promoted, and each check behind it."""

    checks: tuple[Check, ...]
    champion: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check is passed."""
        return all(check.passed for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was found where a check is not passed."""
        return tuple(f"{c.name}: {c.found}; {c.wanted}" for c in self.checks if not c.passed)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        checks = [asdict(check) for check in self.checks]
        return {"passed": self.passed, "champion": self.champion, "checks": checks}


@dataclass(frozen=True)
class Rival:
    """The champion on the judged snapshot: its version, and what it says of the same customers."""

    version: str
    probability: Numbers


def hold_gate(judged: Judged, snapshots: Snapshots, rival: Rival | None) -> Verdict:
    """Return the verdict on what was judged, beside the champion where there is one."""
    checks = [check_signal(judged), check_calibration(judged, rival)]
    if rival:
        checks += [check_gain(judged, rival), check_stability(judged, rival)]
    checks += [
        check_features(judged.snapshot),
        check_model(judged),
        Check("poisoned future", True, "features are the same with the future changed",
              "nothing at or after a moment may reach a feature"),
    ]  # fmt: skip
    if judged.plan.step.rung == "full_model":
        checks.append(check_shuffled(snapshots, judged.stages))
    return Verdict(tuple(checks), rival.version if rival else "")


def check_signal(judged: Judged) -> Check:
    """Return whether the challenger says more than the base rate, or on a low rung not less."""
    told = judged.probabilities
    gain = compare(judged.snapshot.outcome, told[judged.best], told["base_rate"])
    full = judged.plan.step.rung == "full_model"
    passed = gain.low > 0 if full else gain.high >= 0
    wanted = "must be above 0, its interval too" if full else "must not be surely below 0"
    return Check("signal", passed, f"log loss gain over the base rate {tell(gain)}", wanted)


def check_gain(judged: Judged, rival: Rival) -> Check:
    """Return whether the challenger is not surely worse than the champion."""
    gain = compare(judged.snapshot.outcome, judged.probabilities[judged.best], rival.probability)
    found = f"log loss gain over champion {rival.version} {tell(gain)}"
    return Check("log loss", gain.high >= 0, found, "must not be surely below 0")


def check_calibration(judged: Judged, rival: Rival | None) -> Check:
    """Return whether the mean probability may be what was observed, or is nearer than before."""
    ratio = judged.metrics[judged.best].get("mean_ratio")
    if ratio is None or rival is None:
        return weigh_level(ratio)
    theirs = evaluate(judged.snapshot.outcome, rival.probability)["mean_ratio"].value
    return weigh_level(ratio, (ratio.value, theirs))


def weigh_level(ratio: Estimate | None, both: tuple[float, float] | None = None) -> Check:
    """Return the check of mean predicted / observed.

    `both` are that of the challenger and of the champion where the two can be told together.
    """
    wanted = f"must reach {1 - TOLERANCE:.2f}–{1 + TOLERANCE:.2f}, or be nearer 1 than before"
    if ratio is None:
        return Check("calibration", True, "nothing came true, and nothing can be said", wanted)
    near = ratio.low <= 1 + TOLERANCE and ratio.high >= 1 - TOLERANCE
    found = f"mean predicted / observed {tell(ratio)}"
    if both:
        near |= abs(both[0] - 1) <= abs(both[1] - 1)
        found += f", champion {both[1]:.3f}"
    return Check("calibration", near, found, wanted)


def check_stability(judged: Judged, rival: Rival) -> Check:
    """Return whether few customers change their band, or it is worth it."""
    ours = judged.probabilities[judged.best]
    flips = float(np.mean(find_bands(ours) != find_bands(rival.probability)))
    gain = compare(judged.snapshot.outcome, ours, rival.probability)
    passed = flips <= MOST_FLIPS or gain.low > 0
    found = f"{flips:.0%} of customers change their band"
    wanted = f"at most {MOST_FLIPS:.0%} may, unless the log loss is surely less"
    return Check("stability", passed, found, wanted)


def find_bands(probability: Numbers) -> Whole:
    """Return 0 (low), 1 (medium) or 2 (high) by the rank of each probability among these."""
    below = np.searchsorted(np.sort(probability), probability, side="right") - 1
    percentile = 100 * below / max(len(probability), 1)
    return np.asarray(np.digitize(percentile, [MEDIUM, HIGH]), dtype=np.int64)


def check_features(snapshot: Snapshots) -> Check:
    """Return whether no feature alone ranks better than behaviour can."""
    outcome = snapshot.outcome
    wanted = f"more than {TOO_GOOD_ALONE} would be a leak"
    if min(outcome.sum(), (1 - outcome).sum()) < FEWEST:
        return Check(
            "features", True, f"fewer than {FEWEST} outcomes of a kind say nothing", wanted
        )
    ranks = {name: measure_auc(outcome, column) for name, column in snapshot.columns.items()}
    best = max(ranks, key=lambda name: abs(ranks[name] - 0.5), default="")
    auc = max(ranks[best], 1 - ranks[best]) if best else 0.5
    return Check("features", auc <= TOO_GOOD_ALONE, f"{best} alone has AUC {auc:.3f}", wanted)


def check_model(judged: Judged) -> Check:
    """Return whether the model does not rank better than behaviour can."""
    outcome = judged.snapshot.outcome
    auc = measure_auc(outcome, judged.probabilities[judged.best])
    wanted = f"more than {TOO_GOOD} would be a leak"
    few = min(outcome.sum(), (1 - outcome).sum()) < FEWEST
    return Check("model", auc <= TOO_GOOD or few, f"AUC {auc:.3f}", wanted)


def check_shuffled(snapshots: Snapshots, stages: Stages, family: Family | None = None) -> Check:
    """Return whether trees that learn from shuffled outcomes foretell no shuffled outcomes.

    Against the true ones they would be a random direction among features that do foretell, and as
    far from .5 as chance takes them.
    """
    family = family or FAMILIES["xgboost"]
    dealt = snapshots.shuffle(SHUFFLE_SEED)
    train, last = dealt.at(stages.train), dealt.at([stages.serve])
    model = family.fit(train, family.usual[0])
    auc = measure_auc(last.outcome, place(model, last).margin(last.columns, 0.0))
    came = last.outcome.sum()
    # Of Mann and Whitney's statistic where there is nothing to find.
    error = np.sqrt((len(last.rows) + 1) / (12 * came * (len(last.rows) - came)))
    far = abs(auc - 0.5) / error
    wanted = f"more than {SIGMAS:.0f} would be a leak"
    found = f"AUC {auc:.3f}, {far:.1f} standard errors from .5"
    return Check("shuffled outcomes", bool(far <= SIGMAS), found, wanted)


def measure_auc(outcome: Numbers, column: Numbers) -> float:
    """Return the AUC of a column, what is missing ranked last; .5 where outcomes are all alike."""
    if outcome.min(initial=1) == outcome.max(initial=0):
        return 0.5
    told = np.where(np.isnan(column), -np.inf, column)
    others, came = trace_roc(Ranking(outcome, told))
    return float(np.trapezoid(came, others))


def tell(estimate: Estimate) -> str:
    """Return an estimate in words: value (low to high)."""
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"
