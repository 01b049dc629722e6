"""The gate before promotion, for worths: what a challenger must show, alone and beside others."""

import numpy as np

from contract.bundle import Bundle
from contract.models import Numbers
from contract.moments import as_micros
from contract.worth import Trust, tell_parts
from contract.worths import tell_customers
from features.compute import compute
from features.history import History
from features.timeline import CUSTOMER
from training.gate import MOST_FLIPS, SHUFFLE_SEED, SIGMAS, Check, Rival, Verdict, tell
from training.ginis import Curves
from training.grades import LOOSE_BIAS
from training.worth.judging import Judged
from training.worth.recipe import place_all
from training.worth.snapshots import Worths
from training.worth.trees import fit_trees
from training.worths import compare_worths, evaluate_worths

TOO_GOOD = 0.98  # normalised Gini of the model, or of one feature: more than behaviour tells
DEALS = 200
SIGNAL = "must be above 0, its interval too"


def hold_gate(judged: Judged, worths: Worths, rival: Rival | None) -> Verdict:
    """Return the verdict on what was judged, beside the champion where there is one."""
    checks = [check_signal(judged), check_baselines(judged), check_total(judged, rival)]
    if rival:
        checks += [check_gain(judged, rival), check_stability(judged, rival)]
    checks += [
        check_features(judged),
        Check("poisoned future", True, "features are the same with the future changed",
              "nothing at or after a moment may reach a feature"),
    ]  # fmt: skip
    if judged.plan.step.rung == "full_model":
        checks.append(check_shuffled(worths, judged))
    return Verdict(tuple(checks), rival.version if rival else "")


def check_signal(judged: Judged) -> Check:
    """Return whether the challenger says more than the mean, or on a low rung not less."""
    gain = judged.gains.get("prior")
    if gain is None:
        return Check("signal", True, "the mean of all is what is served", SIGNAL)
    full = judged.plan.step.rung == "full_model"
    wanted = SIGNAL if full else "must not be surely below 0"
    passed = gain.low > 0 if full else gain.high >= 0
    return Check("signal", passed, f"normalised Gini {tell(gain)}", wanted)


def check_baselines(judged: Judged) -> Check:
    """Return whether the challenger is not surely worse than a baseline."""
    gains = {name: gain for name, gain in judged.gains.items() if name != "prior"}
    found = "; ".join(f"gain over {name} {tell(gain)}" for name, gain in gains.items())
    passed = all(gain.high >= 0 for gain in gains.values())
    return Check("normalised Gini", passed, found, "none may be surely below 0")


def check_total(judged: Judged, rival: Rival | None) -> Check:
    """Return whether the predicted total may be what was observed, or is nearer than before."""
    wanted = f"must reach {-LOOSE_BIAS:.0%} to {LOOSE_BIAS:.0%}, or be nearer 0 than before"
    bias = judged.metrics[judged.best].get("total_bias")
    if bias is None:
        return Check("total", True, "nothing came, and nothing can be said", wanted)
    near = bias.low <= LOOSE_BIAS and bias.high >= -LOOSE_BIAS
    found = f"predicted / observed total - 1 is {tell(bias)}"
    if rival:
        theirs = evaluate_worths(judged.snapshot.outcome, rival.probability)["total_bias"]
        near |= abs(bias.value) <= abs(theirs.value)
        found += f", champion {theirs.value:.3f}"
    return Check("total", near, found, wanted)


def check_gain(judged: Judged, rival: Rival) -> Check:
    """Return whether the challenger is not surely worse than the champion."""
    gain = compare_worths(judged.snapshot.outcome, judged.served, rival.probability)
    found = f"normalised Gini gain over champion {rival.version} {tell(gain)}"
    return Check("champion", gain.high >= 0, found, "must not be surely below 0")


def check_stability(judged: Judged, rival: Rival) -> Check:
    """Return whether few customers change their third, or it is worth it."""
    thirds = [find_thirds(told) for told in (judged.served, rival.probability)]
    flips = float(np.mean(thirds[0] != thirds[1]))
    gain = compare_worths(judged.snapshot.outcome, judged.served, rival.probability)
    return Check(
        "stability",
        flips <= MOST_FLIPS or gain.low > 0,
        f"{flips:.0%} of customers change their third",
        f"at most {MOST_FLIPS:.0%} may, unless the normalised Gini is surely higher",
    )


def find_thirds(told: Numbers) -> Numbers:
    """Return in which third each worth lies by its rank among these, 0 to 2."""
    below = np.searchsorted(np.sort(told), told, side="left")
    return np.floor(3 * below / max(len(told), 1))


def check_features(judged: Judged) -> Check:
    """Return whether neither the model nor a feature alone ranks better than behaviour can."""
    came, columns = judged.snapshot.outcome, judged.snapshot.columns
    ranks = {"the model": find_gini(came, judged.served)}
    ranks |= {name: abs(find_gini(came, np.nan_to_num(c))) for name, c in columns.items()}
    best = max(ranks, key=lambda name: ranks[name])
    found = f"{best} alone has normalised Gini {ranks[best]:.3f}"
    return Check("leaks", ranks[best] <= TOO_GOOD, found, f"more than {TOO_GOOD} would be a leak")


def check_shuffled(worths: Worths, judged: Judged) -> Check:
    """Return whether trees that learn from worths dealt out anew foretell none that are dealt.

    How far chance takes the Gini is told by dealing them out again and again.
    """
    dealt = worths.deal(SHUFFLE_SEED)
    last = dealt.at([judged.stages.serve])
    models = fit_trees(dealt.at(judged.stages.train), "flat")
    begun = last.begin("flat", last.horizon)
    told = tell_parts(place_all(models, last), last.columns, (begun, Trust())).predicted
    rng = np.random.default_rng(SHUFFLE_SEED)
    chance = [find_gini(rng.permutation(last.outcome), told) for _ in range(DEALS)]
    gini = find_gini(last.outcome, told)
    far = abs(gini - float(np.mean(chance))) / max(float(np.std(chance)), 1e-12)
    found = f"normalised Gini {gini:.3f}, {far:.1f} standard errors from chance"
    wanted = f"more than {SIGMAS:.0f} would be a leak"
    return Check("shuffled outcomes", far <= SIGMAS, found, wanted)


def find_gini(observed: Numbers, told: Numbers) -> float:
    """Return the normalised Gini of worths in the foretold order, and 0 where none came."""
    curves, _ = Curves.both(observed, [told, observed])
    foretold, best = curves.find_ginis(np.asarray(curves.table.sum(axis=0)).reshape(1, -1))
    return float(foretold[0] / best[0]) if best[0] > 0 else 0.0


def find_rival(seen: History, judged: Judged, champions: tuple[Bundle, ...]) -> Rival | None:
    """Return what the champion says of the judged customers over the judged days.

    It must answer over the same horizon, and have been learned from what had closed by then.
    """
    serve, days = judged.stages.serve, judged.snapshot.horizon
    horizon = judged.fitted[judged.best].worth.horizon_days
    fitting = [b for b in champions if b.manifest.worth and b.manifest.as_of <= serve]
    fitting = [b for b in fitting if b.manifest.horizon_days == horizon]
    if not fitting:
        return None
    bundle = max(fitting, key=lambda b: b.manifest.as_of)
    told = compute(seen.before(as_micros(serve)).assume(bundle.norms.products),
                   {serve: bundle.norms}, bundle.reads)  # fmt: skip
    worth = tell_customers(bundle, told.columns, days).predicted
    place = {customer: row for row, customer in enumerate(told.ids.to_pylist())}
    rows = [place[customer] for customer in judged.snapshot.rows[CUSTOMER]]
    return Rival(bundle.version, worth[rows])
