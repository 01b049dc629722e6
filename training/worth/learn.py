"""Learn a worth: over a span that the history holds, judged out of time, carried to the horizon."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from contract.worth import Others
from features.history import History
from features.leaks import refuse_leaks
from features.norms import find_norms
from training.figures import draw_deciles
from training.folds import Stages, all_moments
from training.learned import Asked, Learned, plan_stages
from training.targets import Target
from training.tuning import Settings
from training.worth.bundle import make_bundle
from training.worth.gate import find_rival, hold_gate
from training.worth.judging import Judged, Residue, judge, refit
from training.worth.levels import Course, observe_course
from training.worth.others import observe_others
from training.worth.ranges import fit_spread
from training.worth.recipe import Fitted
from training.worth.report import write_report
from training.worth.snapshots import ORDERS, SPENT, Worths, take_worths
from training.worth.spans import Judging, find_span, plan_judging
from training.worth.tasks import tune_parts
from training.worths import list_deciles


@dataclass(frozen=True)
class Plans:
    """The span, and the stages of what is judged and served.

    `year` is how the whole horizon is judged, where the history is long enough.
    """

    span: int
    report: Stages
    serve: Stages
    year: Judging | None

    @property
    def moments(self) -> tuple[datetime, ...]:
        """Every moment that features are needed for."""
        return all_moments([stages for stages, _ in self.served])

    @property
    def served(self) -> list[tuple[Stages, int]]:
        """Every set of stages, with the span that it learns over."""
        year = [(self.year.stages, self.year.span)] if self.year else []
        return [(self.report, self.span), (self.serve, self.span), *year]


def learn_worth(seen: History, target: Target, as_of: datetime, asked: Asked) -> Learned:
    """Return a target of kind worth learned from a history that ends at `as_of`."""
    plans = plan(seen, target, as_of)
    asked.tell(f"{target.name}: features at {len(plans.moments)} moments")
    words = asked.words_as_of or min(stages.serve for stages, _ in plans.served)
    norms = find_norms(seen, plans.moments, words)
    refuse_leaks(seen, plans.report.serve, norms[plans.report.serve])
    taken = take_worths(
        seen, target, norms, [*(span for _, span in plans.served), target.over_days]
    )
    asked.tell(f"{target.name}: judging families beside baselines")
    both = taken[plans.span], taken[target.over_days]
    courses = {
        stages.serve: observe_course(seen, target, norms[stages.serve], [span, target.over_days])
        for stages, span in plans.served
    }
    tuned = tune_parts(both[0], plans.report, asked)
    settings = {t.family: t.settings for t in tuned}
    judged = judge(both, (plans.report, courses[plans.report.serve]), both[0], settings)
    year = judge_year(taken, (plans, settings), courses)
    asked.tell(f"{target.name}: refitting {judged.best} on {len(plans.serve.closed)} moments")
    fitted = refit(judged.plan, both, (plans.serve, courses[as_of]))
    before, others = (
        observe_others(seen, target, norms[stages.calibrate], plans.span)
        for stages in (plans.report, plans.serve)
    )
    known = norms[as_of].model_copy(update={"products": seen.list_products()})
    early = make_bundle(
        (target, judged),
        complete(judged.fitted[judged.best], (both[1], plans.report), (judged.residue, before)),
        norms[plans.report.serve],
    )
    bundle = make_bundle(
        (target, judged),
        complete(fitted, (both[1], plans.serve), (find_residue(year or judged), others)),
        known,
    )
    asked.tell(f"{target.name}: holding the gate")
    verdict = hold_gate(judged, both[0], find_rival(seen, judged, asked.champions))
    told = {"span": judged, **({"horizon": year} if year else {})}
    ranged = {name: (own, fit_spread(*own.residue, own.served)) for name, own in told.items()}
    digest = both[0].digest()
    return Learned(
        target=target,
        as_of=as_of,
        bundle=bundle,
        early=early,
        report={
            **write_report(target, (bundle, plans.serve), ranged),
            "gate": verdict.as_json(),
            "tuning": [t.as_json() for t in tuned],
            "dataset_sha256": digest,
        },
        verdict=verdict,
        judged=judged.snapshot.rows.drop(columns=[ORDERS, SPENT]),
        columns=judged.snapshot.columns,
        digest=digest,
        stages=(plans.report, plans.serve),
        draw=lambda folder: draw(judged, folder),
        params=list_params(judged, plans.span),
        tuned=tuned,
    )


def plan(seen: History, target: Target, as_of: datetime) -> Plans:
    """Return over which span is learned, and the stages of all that is judged and served."""
    span = find_span(seen, target.over_days, as_of)
    report, serve = plan_stages(seen, span, as_of)
    longer = target.over_days > span
    year = plan_judging(seen, (target.over_days, span), as_of) if longer else None
    return Plans(span, report, serve, year)


def judge_year(
    taken: Mapping[int, Worths],
    planned: tuple[Plans, Mapping[str, Settings]],
    courses: Mapping[datetime, Course],
) -> Judged | None:
    """Return the recipe judged over the whole horizon, or None where the history is too short."""
    plans, settings = planned
    if plans.year is None:
        return None
    near, far = taken[plans.year.span], taken[max(taken)]
    stages = plans.year.stages
    return judge((near, far), (stages, courses[stages.serve]), far, settings)


def complete(fitted: Fitted, served: tuple[Worths, Stages], seen: tuple[Residue, Others]) -> Fitted:
    """Return what is served with its range over the horizon, and with what others came to.

    `seen` has customers' worths as they came and as they were foretold, out of time.
    """
    far, stages = served
    predicted = fitted.tell(far.at([stages.serve])).predicted
    more = {"spread": fit_spread(*seen[0], predicted), "others": seen[1]}
    return replace(fitted, worth=fitted.worth.model_copy(update=more))


def find_residue(judged: Judged) -> Residue:
    """Return the judged customers' worths as they came, and as they were foretold."""
    return judged.snapshot.outcome, judged.served


def list_params(judged: Judged, span: int) -> Mapping[str, object]:
    """Return the settings that were used, by name, for what is recorded."""
    settings = judged.plan.settings[judged.best]
    own = {f"{judged.best}.{name}": told for name, told in settings.items()}
    return {"rung": judged.plan.step.rung, "span_days": span, **own}


def draw(judged: Judged, folder: Path) -> None:
    """Write the picture of what was foretold and what came in each tenth of the customers."""
    draw_deciles(list_deciles(judged.snapshot.outcome, judged.served), folder)
