"""What is tuned of a choice: the families of pairs, over purged folds."""

from contract.models import Numbers
from training.choice.choices import join
from training.choice.families import FAMILIES, MEMBERS
from training.choice.judging import Seen, find_rung, measure_losses
from training.folds import Stages, split_folds
from training.learned import Asked
from training.tuning import Fold, Settings, Task, Tuned, tune


def tune_families(seen: Seen, days: tuple[Stages, int], asked: Asked) -> tuple[Tuned, ...]:
    """Return how each family was tuned, on what had closed before the judged moment.

    `days` are the stages and the horizon.
    """
    stages, _ = days
    last = seen.whole[stages.calibrate]
    train = join([seen.thinned[m] for m in stages.train])
    if not asked.budget.trials or find_rung([last, train], len(last.ids)).rung != "full_model":
        return ()
    return tuple(tune(plan_task(n, seen, days), asked.budget, asked.tell) for n in MEMBERS)


def plan_task(name: str, seen: Seen, days: tuple[Stages, int]) -> Task:
    """Return what is tuned of a family: each customer's log loss, slope and level set right."""
    stages, horizon = days
    family = FAMILIES[name]

    def lose(settings: Settings, fold: Fold) -> Numbers:
        train, moment = fold
        model = family.fit(join([seen.thinned[m] for m in train]), settings)
        return measure_losses(model, seen.whole[moment])

    return Task(
        family=name,
        study=f"pairs, {name} {stages.serve:%Y-%m-%d} {horizon} days {seen.digest()[:16]}",
        usual=family.usual,
        search=family.search,
        folds=split_folds(stages, horizon),
        last=(stages.train, stages.calibrate),
        lose=lose,
    )
