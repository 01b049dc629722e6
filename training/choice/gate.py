"""The gate for a target that ranks: what a challenger must show, alone and beside the champion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contract.choice import pick_best
from contract.models import Numbers
from training.choice.choices import Choices, Pairs, join
from training.choice.families import USUAL_LIST, fit_trees
from training.choice.judging import SCOPE, Judged, Seen
from training.choice.measures import as_purchases, compare_pairs, evaluate_pairs
from training.gate import (
    FEWEST,
    MOST_FLIPS,
    SHUFFLE_SEED,
    SIGMAS,
    TOO_GOOD,
    TOO_GOOD_ALONE,
    Check,
    Verdict,
    measure_auc,
    tell,
    weigh_level,
)
from training.rankings import compare_rankings

SOLD = 20  # pairs bought of a category, above which its rank says something


@dataclass(frozen=True)
class Rival:
    """The champion on the judged customers: customers x the same categories, -inf if not shown."""

    version: str
    told: Numbers


def hold_gate(judged: Judged, seen: Seen, found: tuple[Rival | None, Check]) -> Verdict:
    """Return the verdict on what was judged, beside the champion where there is one."""
    rival, poisoned = found
    checks = [check_signal(judged), check_lists(judged), check_calibration(judged, rival)]
    if rival:
        checks += [check_gain(judged, rival), check_stability(judged, rival)]
    checks += [check_features(judged.choices), check_model(judged), poisoned]
    if judged.step.rung == "full_model":
        checks.append(check_shuffled(seen, judged))
    return Verdict(tuple(checks), rival.version if rival else "")


def check_signal(judged: Judged) -> Check:
    """Return whether the challenger says more than what is usual, or on a low rung not less."""
    gain = compare_pairs(judged.choices, judged.told[judged.best], judged.told[USUAL_LIST])
    full = judged.step.rung == "full_model"
    passed = gain.low > 0 if full else gain.high >= 0
    wanted = "must be above 0, its interval too" if full else "must not be surely below 0"
    return Check("signal", passed, f"log loss gain over the usual shares {tell(gain)}", wanted)


def check_lists(judged: Judged) -> Check:
    """Return whether the challenger ranks not surely worse than what most customers buy."""
    wanted = "must not be surely below 0"
    if not judged.gains:
        return Check("lists", True, "nobody bought, and nothing can be said", wanted)
    gain = judged.gains["global_top"]
    return Check("lists", gain.high >= 0, f"NDCG at 5 gain over global_top {tell(gain)}", wanted)


def check_calibration(judged: Judged, rival: Rival | None) -> Check:
    """Return whether the mean probability may be what was observed, or is nearer than before."""
    ratio = judged.metrics[judged.best].get("mean_ratio")
    if ratio is None or rival is None:
        return weigh_level(ratio)
    shared, both = _share_pairs(judged, rival)
    if not shared.outcome.sum():
        return weigh_level(ratio)
    ours, theirs = (evaluate_pairs(shared, told)["mean_ratio"].value for told in both)
    return weigh_level(ratio, (ours, theirs))


def check_gain(judged: Judged, rival: Rival) -> Check:
    """Return whether the challenger is not surely worse than the champion."""
    shared, (ours, theirs) = _share_pairs(judged, rival)
    gain = compare_pairs(shared, ours, theirs)
    found = f"log loss gain over champion {rival.version} {tell(gain)}"
    return Check("log loss", gain.high >= 0, found, "must not be surely below 0")


def check_stability(judged: Judged, rival: Rival) -> Check:
    """Return whether few customers are shown another category first, or it is worth it."""
    choices = judged.choices
    ours = choices.spread(judged.told[judged.best])
    firsts = [pick_best(told, 1)[:, 0] for told in (ours, rival.told)]
    flips = float(np.mean(firsts[0] != firsts[1]))
    passed = flips <= MOST_FLIPS
    if not passed and judged.gains:
        passed = compare_rankings(as_purchases(choices), ours, rival.told, SCOPE).low > 0
    found = f"{flips:.0%} of customers are shown another category first"
    wanted = f"at most {MOST_FLIPS:.0%} may, unless NDCG at 5 is surely higher"
    return Check("stability", passed, found, wanted)


def _share_pairs(judged: Judged, rival: Rival) -> tuple[Choices, tuple[Numbers, Numbers]]:
    """Return the choices of both, and what each of the two says of their pairs."""
    choices = judged.choices
    known = np.isfinite(rival.told) & choices.held
    shared = choices.only(known)
    ours = choices.spread(judged.told[judged.best])
    return shared, (ours[shared.held], rival.told[shared.held])


def check_features(choices: Choices) -> Check:
    """Return whether no feature alone ranks customers within categories better than behaviour."""
    wanted = f"more than {TOO_GOOD_ALONE} would be a leak"
    ranks = measure_ranks(choices, choices.columns)
    if not ranks:
        return Check(
            "features", True, f"fewer than {FEWEST} outcomes of a kind say nothing", wanted
        )
    best = max(ranks, key=lambda name: abs(ranks[name] - 0.5))
    auc = max(ranks[best], 1 - ranks[best])
    return Check("features", auc <= TOO_GOOD_ALONE, f"{best} alone has AUC {auc:.3f}", wanted)


def check_model(judged: Judged) -> Check:
    """Return whether the model does not rank within categories better than behaviour can."""
    ranks = measure_ranks(judged.choices, {"model": judged.told[judged.best]})
    auc = ranks.get("model", 0.5)
    wanted = f"more than {TOO_GOOD} would be a leak"
    return Check("model", auc <= TOO_GOOD, f"AUC {auc:.3f} within categories", wanted)


def measure_ranks(choices: Choices, columns: Mapping[str, Numbers]) -> dict[str, float]:
    """Return each column's mean AUC within categories that `SOLD` pairs or more were bought of."""
    outcome, place = choices.outcome, np.nonzero(choices.held)[1]
    came = np.bincount(place, outcome, len(choices.shelf.names))
    telling = np.flatnonzero(came >= SOLD)
    if came[telling].sum() < FEWEST:
        return {}
    rows = [np.flatnonzero(place == category) for category in telling]
    return {
        name: float(
            np.average([measure_auc(outcome[r], column[r]) for r in rows], weights=came[telling])
        )
        for name, column in columns.items()
    }


def check_shuffled(seen: Seen, judged: Judged) -> Check:
    """Return whether trees that learn from shuffled outcomes foretell no shuffled outcomes."""
    rng = np.random.default_rng(SHUFFLE_SEED)
    model = fit_trees(join([shuffle(seen.thinned[m], rng) for m in judged.stages.train]))
    last = shuffle(seen.thinned[judged.stages.serve], rng)
    auc = measure_auc(last.outcome, model.margin(last.columns, 0.0))
    came, count = last.outcome.sum(), len(last.outcome)
    # Of Mann and Whitney's statistic where there is nothing to find.
    error = np.sqrt((count + 1) / (12 * max(came * (count - came), 1)))
    far = abs(auc - 0.5) / error
    found = f"AUC {auc:.3f}, {far:.1f} standard errors from .5"
    wanted = f"more than {SIGMAS:.0f} would be a leak"
    return Check("shuffled outcomes", bool(far <= SIGMAS), found, wanted)


def shuffle(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Return the same pairs with their outcomes dealt out anew, all from one share on."""
    outcome = rng.permutation(pairs.outcome)
    share = np.full(len(outcome), outcome.mean() if len(outcome) else 0.5)
    return Pairs({**pairs.columns}, outcome, np.ones_like(outcome), share)
