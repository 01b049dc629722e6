"""What is tuned of a worth: the trees of its parts together, over purged folds."""

from contract.models import Numbers
from training.folds import Stages, split_folds
from training.learned import Asked
from training.tuning import Fold, Settings, Task, Tuned, tune
from training.worth.families import find_start, keep_started
from training.worth.judging import find_rung, measure_deviance
from training.worth.recipe import Pair
from training.worth.snapshots import Worths
from training.worth.trees import USUAL, fit_trees, search_trees

PARTS = "parts"


def tune_parts(worths: Worths, stages: Stages, asked: Asked) -> tuple[Tuned, ...]:
    """Return how the parts were tuned, on what had closed before the judged moment."""
    if not asked.budget.trials or find_rung(worths, stages).rung != "full_model":
        return ()
    return (tune(plan_task(worths, stages), asked.budget, asked.tell),)


def plan_task(worths: Worths, stages: Stages) -> Task:
    """Return what is tuned: the deviance of what the parts come to, with the level set right."""
    start = find_start(worths, stages)
    seen = keep_started(worths, start)
    digest = seen.at([*stages.train, stages.calibrate]).digest()

    def lose(settings: Settings, fold: Fold) -> Numbers:
        train, moment = fold
        models = fit_trees(seen.at(train), start, settings)
        return measure_deviance(Pair(models, models, start), seen.at([moment]))

    held = [
        (tuple(m for m in train if m in seen.norms), moment)
        for train, moment in split_folds(stages, worths.horizon)
        if moment in seen.norms
    ]
    return Task(
        family=PARTS,
        study=f"worth, {stages.serve:%Y-%m-%d} {worths.horizon} days {digest[:16]}",
        usual=USUAL,
        search=search_trees,
        folds=[(train, moment) for train, moment in held if train],
        last=(stages.train, stages.calibrate),
        lose=lose,
        loss="deviance",
    )
