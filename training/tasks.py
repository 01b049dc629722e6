"""What is tuned of a chance: a family, over purged folds of snapshots."""

from functools import cache

from contract.models import Numbers
from training.families import Family
from training.folds import Stages, split_folds
from training.selection import measure_losses
from training.snapshots import Snapshots
from training.tuning import Fold, Settings, Task


def plan_task(family: Family, snapshots: Snapshots, stages: Stages) -> Task:
    """Return what is tuned of a family: its log loss with slope and level set right."""
    digest = snapshots.at([*stages.train, stages.calibrate]).digest()
    half = cache(snapshots.halve)

    def lose(settings: Settings, fold: Fold) -> Numbers:
        train, moment = fold
        learned = (half() if family.half else snapshots).at(train)
        return measure_losses(family.fit(learned, settings), snapshots.at([moment]))

    return Task(
        family=family.name,
        study=f"{family.name} {stages.serve:%Y-%m-%d} {snapshots.horizon} days {digest[:16]}",
        usual=family.usual,
        search=family.search,
        folds=split_folds(stages, snapshots.horizon, family.half),
        last=(stages.list_learned(family.half)[0], stages.calibrate),
        lose=lose,
    )
